// SPDX-License-Identifier: Apache-2.0

#include "tools/replay/replay_database.h"

#include "plugin/open_database.h"
#include "rocksdb/convenience.h"
#include "rocksdb/utilities/options_util.h"

namespace rocksdb_uring {

namespace {

using rocksdb::Status;

// The file of options names the directories of the database that it was written
// for. A copy must not touch these.
void StayInDirectory(rocksdb::DBOptions* options) {
  options->wal_dir.clear();
  options->db_log_dir.clear();
  options->db_paths.clear();
}

}  // namespace

ReplayDatabase::~ReplayDatabase() {
  for (rocksdb::ColumnFamilyHandle* family : families_) {
    db_->DestroyColumnFamilyHandle(family);
  }
}

Status ReplayDatabase::Open(const ReplayDatabaseSettings& settings) {
  rocksdb::ConfigOptions config;
  config.ignore_unknown_options = true;  // of a newer RocksDB
  Status status = rocksdb::Env::CreateFromUri(config, "", settings.fs_uri,
                                              &config.env, &env_guard_);
  if (!status.ok()) return status;
  rocksdb::DBOptions options;
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  status = rocksdb::LoadLatestOptions(config, settings.directory, &options,
                                      &families);
  if (!status.ok()) return status;
  StayInDirectory(&options);
  for (auto& family : families) family.options.cf_paths.clear();
  options.env = config.env;
  options.create_if_missing = false;
  if (settings.direct) {
    options.use_direct_reads = true;
    options.use_direct_io_for_flush_and_compaction = true;
    options.allow_mmap_reads = false;
    options.allow_mmap_writes = false;
  }
  status = rocksdb::DB::Open(options, settings.directory, families, &families_,
                             DatabaseOut(&db_));
  return status;
}

}  // namespace rocksdb_uring
