// SPDX-License-Identifier: Apache-2.0

#include "tests/faults/trouble/round_trip.h"

#include <memory>
#include <vector>

#include "plugin/open_database.h"
#include "rocksdb/db.h"
#include "rocksdb/table.h"
#include "tests/support/engine/test_support.h"

namespace rocksdb_uring {

using rocksdb::DB;
using rocksdb::ReadOptions;
using rocksdb::Status;

namespace {

constexpr uint64_t kKeys = 2000;

std::string Key(uint64_t number) { return std::to_string(10000 + number); }
std::string Value(uint64_t number) { return RandomBytes(300, number); }

}  // namespace

Status OpenDatabase(rocksdb::Env* env, const std::string& path,
                    std::unique_ptr<DB>* db) {
  rocksdb::Options options;
  options.env = env;
  options.create_if_missing = true;
  options.write_buffer_size = 64 << 10;
  options.compression = rocksdb::kNoCompression;
  rocksdb::BlockBasedTableOptions table;
  table.no_block_cache = true;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  const Status status = DB::Open(options, path, DatabaseOut(db));
  return status;
}

Status FillDatabase(DB* db) {
  Status status;
  for (uint64_t i = 0; i < kKeys && status.ok(); ++i) {
    rocksdb::WriteOptions options;
    options.sync = i % 200 == 0;
    status = db->Put(options, Key(i), Value(i));
  }
  if (status.ok()) {
    status = db->Flush(rocksdb::FlushOptions());
  }
  return status.ok() ? db->CompactRange(rocksdb::CompactRangeOptions(), nullptr,
                                        nullptr)
                     : status;
}

std::string ReadBatches(DB* db) {
  for (uint64_t first = 0; first + 32 <= kKeys; first += 32) {
    std::vector<std::string> keys;
    for (uint64_t i = 0; i < 32; ++i) {
      keys.push_back(Key((first + i * 61) % kKeys));
    }
    const std::vector<rocksdb::Slice> slices(keys.begin(), keys.end());
    std::vector<rocksdb::PinnableSlice> values(keys.size());
    std::vector<Status> statuses(keys.size());
    db->MultiGet(ReadOptions(), db->DefaultColumnFamily(), keys.size(),
                 slices.data(), values.data(), statuses.data());
    for (uint64_t i = 0; i < 32; ++i) {
      if (!statuses[i].ok() || values[i] != Value((first + i * 61) % kKeys)) {
        return "MultiGet: " + statuses[i].ToString();
      }
    }
  }
  return std::string();
}

std::string ScanDatabase(DB* db) {
  ReadOptions options;
  options.async_io = true;
  const std::unique_ptr<rocksdb::Iterator> iterator(db->NewIterator(options));
  uint64_t seen = 0;
  for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next(), ++seen) {
    if (iterator->key() != Key(seen) || iterator->value() != Value(seen)) {
      return "a scan meets something else";
    }
  }
  return iterator->status().ok() && seen == kKeys
             ? std::string()
             : "a scan ends: " + iterator->status().ToString();
}

std::string RoundTrip(rocksdb::Env* env, const std::string& path) {
  std::unique_ptr<DB> db;
  Status status = OpenDatabase(env, path, &db);
  if (status.ok()) {
    status = FillDatabase(db.get());
  }
  db.reset();
  if (status.ok()) {
    status = OpenDatabase(env, path, &db);
  }
  if (!status.ok()) {
    return status.ToString();
  }
  const std::string mistake = ReadBatches(db.get());
  return mistake.empty() ? ScanDatabase(db.get()) : mistake;
}

}  // namespace rocksdb_uring
