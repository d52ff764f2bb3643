// SPDX-License-Identifier: Apache-2.0

#include "tests/faults/denied/checked_database.h"

#include <cstdio>
#include <fstream>
#include <iterator>
#include <utility>

#include "plugin/open_database.h"
#include "rocksdb/cache.h"
#include "rocksdb/table.h"
#include "tests/support/engine/test_support.h"

namespace rocksdb_uring {

using rocksdb::Iterator;
using rocksdb::PinnableSlice;
using rocksdb::ReadOptions;
using rocksdb::Slice;
using rocksdb::Status;
using rocksdb::WriteOptions;

namespace {

constexpr uint64_t kKeys = 1000;

std::string Key(uint64_t number) {
  char key[32];
  snprintf(key, sizeof(key), "key%012llu",
           static_cast<unsigned long long>(number));
  return key;
}

// Read-ahead by RocksDB itself, with async_io in two buffers.
ReadOptions ScanOptions(bool async_io) {
  ReadOptions options;
  options.async_io = async_io;
  options.readahead_size = 64 << 10;
  return options;
}

}  // namespace

CheckedDatabase::CheckedDatabase(rocksdb::Env* env, std::string path,
                                 bool direct, uint64_t seed, Findings* findings)
    : env_(env),
      path_(std::move(path)),
      direct_(direct),
      findings_(findings),
      random_(seed) {}

CheckedDatabase::~CheckedDatabase() { Close(); }

bool CheckedDatabase::Ok(const Status& status, const char* what) {
  return findings_->Check(status.ok(),
                          path_ + ": " + what + ": " + status.ToString());
}

// Small files and a small cache, so that reads reach the file.
rocksdb::Options CheckedDatabase::MakeOptions(rocksdb::Env* env, bool direct) {
  rocksdb::Options options;
  options.env = env;
  options.create_if_missing = true;
  options.use_direct_reads = direct;
  options.use_direct_io_for_flush_and_compaction = direct;
  options.write_buffer_size = 64 << 10;
  options.target_file_size_base = 64 << 10;
  options.max_bytes_for_level_base = 256 << 10;
  options.level0_file_num_compaction_trigger = 4;
  options.compression = rocksdb::kNoCompression;
  options.max_background_jobs = 2;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(32 << 10);
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

bool CheckedDatabase::Open() {
  const Status status =
      rocksdb::DB::Open(MakeOptions(env_, direct_), path_, DatabaseOut(&db_));
  return Ok(status, "open");
}

void CheckedDatabase::Close() {
  if (db_ != nullptr) {
    Ok(db_->Close(), "close");
    db_.reset();
  }
}

void CheckedDatabase::Write(size_t count) {
  WriteOptions options;
  for (size_t i = 0; i < count; ++i) {
    options.sync = i + 1 == count;
    const std::string key = Key(random_() % kKeys);
    if (random_() % 10 == 0) {
      model_.erase(key);
      if (!Ok(db_->Delete(options, key), "delete")) {
        return;
      }
      continue;
    }
    std::string value = RandomBytes(50 + random_() % 400, random_());
    const bool written = Ok(db_->Put(options, key, value), "put");
    model_[key] = std::move(value);
    if (!written) {
      return;
    }
  }
}

void CheckedDatabase::Flush() {
  Ok(db_->Flush(rocksdb::FlushOptions()), "flush");
}

void CheckedDatabase::Compact() {
  rocksdb::CompactRangeOptions options;
  options.bottommost_level_compaction =
      rocksdb::BottommostLevelCompaction::kForce;
  Ok(db_->CompactRange(options, nullptr, nullptr), "compaction");
}

void CheckedDatabase::Fill() {
  Write(1200);
  Compact();
  Write(300);
  Flush();
  Write(100);
}

bool CheckedDatabase::Matches(const std::string& key, const Status& status,
                              const std::string& value) const {
  const auto found = model_.find(key);
  return found == model_.end() ? status.IsNotFound()
                               : status.ok() && value == found->second;
}

void CheckedDatabase::CheckGet(const std::string& key) {
  std::string value;
  const Status status = db_->Get(ReadOptions(), key, &value);
  findings_->Check(Matches(key, status, value),
                   path_ + ": Get of " + key + ": " + status.ToString());
}

void CheckedDatabase::CheckMultiGet(const std::vector<std::string>& keys,
                                    bool async_io) {
  const std::vector<Slice> slices(keys.begin(), keys.end());
  std::vector<PinnableSlice> values(keys.size());
  std::vector<Status> statuses(keys.size());
  ReadOptions options;
  options.async_io = async_io;
  db_->MultiGet(options, db_->DefaultColumnFamily(), keys.size(), slices.data(),
                values.data(), statuses.data(), false);
  for (size_t i = 0; i < keys.size(); ++i) {
    findings_->Check(
        Matches(keys[i], statuses[i], values[i].ToString()),
        path_ + ": MultiGet of " + keys[i] + ": " + statuses[i].ToString());
  }
}

void CheckedDatabase::CheckForward(const std::string& from, bool async_io) {
  const std::unique_ptr<Iterator> iterator(
      db_->NewIterator(ScanOptions(async_io)));
  auto expected = model_.lower_bound(from);
  bool right = true;
  for (iterator->Seek(from); right && iterator->Valid(); iterator->Next()) {
    right = findings_->Check(expected != model_.end() &&
                                 iterator->key() == expected->first &&
                                 iterator->value() == expected->second,
                             path_ + ": next at " + iterator->key().ToString());
    if (right) {
      ++expected;
    }
  }
  Ok(iterator->status(), async_io ? "scan with async_io" : "scan");
  findings_->Check(!right || expected == model_.end(),
                   path_ + ": a scan has ended early");
}

void CheckedDatabase::CheckBackward() {
  const std::unique_ptr<Iterator> iterator(db_->NewIterator(ReadOptions()));
  auto expected = model_.rbegin();
  bool right = true;
  for (iterator->SeekToLast(); right && iterator->Valid(); iterator->Prev()) {
    right = findings_->Check(expected != model_.rend() &&
                                 iterator->key() == expected->first &&
                                 iterator->value() == expected->second,
                             path_ + ": back at " + iterator->key().ToString());
    if (right) {
      ++expected;
    }
  }
  Ok(iterator->status(), "scan backwards");
  findings_->Check(!right || expected == model_.rend(),
                   path_ + ": a scan backwards has ended early");
}

std::vector<std::string> CheckedDatabase::RandomKeys(size_t count,
                                                     uint64_t seed) const {
  std::mt19937_64 random(seed);
  std::vector<std::string> keys;
  while (keys.size() < count) {
    keys.push_back(Key(random() % kKeys));
  }
  return keys;
}

void CheckedDatabase::CheckReads(uint64_t seed) {
  for (const bool async_io : {false, true}) {
    for (const size_t count : {1, 2, 32, 100}) {
      CheckMultiGet(RandomKeys(count, seed++), async_io);
    }
    CheckForward("", async_io);
    for (const std::string& from : RandomKeys(2, seed++)) {
      CheckForward(from, async_io);
    }
  }
  CheckBackward();
  for (const std::string& key : RandomKeys(50, seed)) {
    CheckGet(key);
  }
}

void CheckedDatabase::RunAll() {
  if (!Open()) {
    return;
  }
  Fill();
  CheckReads(1);
  Close();
  // The next open renames it.
  std::ifstream log(path_ + "/LOG");
  first_log_.assign(std::istreambuf_iterator<char>(log), {});
  if (!Open()) {
    return;
  }
  CheckReads(2);
  Write(300);
  Flush();
  Compact();
  CheckReads(3);
  Ok(db_->VerifyChecksum(), "checksums");
  Close();
}

}  // namespace rocksdb_uring
