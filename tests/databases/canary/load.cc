// Threads on a database, and values that show by themselves whether they are
// right.
//
// SPDX-License-Identifier: Apache-2.0
#include "tests/databases/canary/load.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "plugin/open_database.h"
#include "rocksdb/cache.h"
#include "rocksdb/options.h"
#include "rocksdb/table.h"

namespace canary {

using rocksdb::Options;
using rocksdb::ReadOptions;
using rocksdb::Slice;
using rocksdb::Status;

namespace {

constexpr uint64_t kKeys = 20000;
constexpr size_t kValueBytes = 400;
constexpr uint64_t kBatch = 32;

std::string KeyOf(uint64_t key) {
  char text[32];
  snprintf(text, sizeof(text), "key%08llu",
           static_cast<unsigned long long>(key));
  return text;
}

// Names its key and version; all other bytes follow from these.
std::string ValueOf(uint64_t key, uint64_t version) {
  std::string value = std::to_string(key) + ":" + std::to_string(version) + ":";
  std::mt19937_64 filler(key * 1000003 + version);
  while (value.size() < kValueBytes) {
    value += static_cast<char>('a' + filler() % 26);
  }
  return value;
}

// Small files and caches, so that the load reaches the files.
Options MakeOptions(bool direct) {
  Options options;
  options.create_if_missing = true;
  options.use_direct_reads = direct;
  options.use_direct_io_for_flush_and_compaction = direct;
  options.write_buffer_size = 1 << 20;
  options.target_file_size_base = 256 << 10;
  options.max_bytes_for_level_base = 2 << 20;
  options.compression = rocksdb::kNoCompression;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(64 << 10);
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

}  // namespace

Load::Load(const std::string& path, bool direct) : path_(path) {
  const Status status = rocksdb::DB::Open(MakeOptions(direct), path,
                                          rocksdb_uring::DatabaseOut(&db_));
  if (!status.ok()) {
    fprintf(stderr, "%s: %s\n", path.c_str(), status.ToString().c_str());
    exit(1);
  }
  for (uint64_t key = 0; key < kKeys; ++key) {
    Expect(db_->Put(rocksdb::WriteOptions(), KeyOf(key), ValueOf(key, 0)).ok(),
           "fill");
  }
  Expect(db_->Flush(rocksdb::FlushOptions()).ok(), "flush");
}

Load::~Load() {
  Stop();
  const Status status = db_->Close();
  Expect(status.ok(), "close: " + status.ToString());
}

void Load::Start() {
  stop_ = false;
  threads_.emplace_back([this] { Write(); });
  threads_.emplace_back([this] { Read(1); });
  threads_.emplace_back([this] { Read(2); });
  threads_.emplace_back([this] { Verify(); });
}

void Load::Stop() {
  stop_ = true;
  for (std::thread& thread : threads_) {
    thread.join();
  }
  threads_.clear();
}

void Load::Expect(bool holds, const std::string& what) {
  if (holds) {
    return;
  }
  ++errors_;
  const std::lock_guard<std::mutex> lock(mutex_);
  first_error_ = first_error_.empty() ? what : first_error_;
}

std::string Load::first_error() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return first_error_;
}

void Load::ExpectValue(uint64_t key, const std::string& value) {
  const size_t colon = value.find(':');
  const uint64_t version =
      colon == std::string::npos
          ? 0
          : strtoull(value.c_str() + colon + 1, nullptr, 10);
  Expect(value == ValueOf(key, version) && version <= version_,
         "key " + std::to_string(key) + " has a wrong value");
  ++keys_;
}

void Load::Write() {
  std::mt19937_64 random(3);
  while (!stop_) {
    const uint64_t version = ++version_;
    const uint64_t key = random() % kKeys;
    rocksdb::WriteOptions options;
    options.sync = version % 64 == 0;
    const Status status = db_->Put(options, KeyOf(key), ValueOf(key, version));
    Expect(status.ok(), "put: " + status.ToString());
    ++keys_;
    if (version % 16 == 0) {
      // Leaves room for the others.
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
}

void Load::Read(uint64_t seed) {
  std::mt19937_64 random(seed);
  while (!stop_) {
    std::vector<uint64_t> numbers(kBatch);
    std::vector<std::string> keys;
    for (uint64_t& number : numbers) {
      number = random() % kKeys;
      keys.push_back(KeyOf(number));
    }
    const std::vector<Slice> slices(keys.begin(), keys.end());
    std::vector<rocksdb::PinnableSlice> values(keys.size());
    std::vector<Status> statuses(keys.size());
    db_->MultiGet(ReadOptions(), db_->DefaultColumnFamily(), keys.size(),
                  slices.data(), values.data(), statuses.data());
    for (size_t i = 0; i < keys.size(); ++i) {
      Expect(statuses[i].ok(), "get: " + statuses[i].ToString());
      ExpectValue(numbers[i], values[i].ToString());
    }
  }
}

void Load::Verify() {
  while (!stop_) {
    const Status status = db_->VerifyChecksum();
    Expect(status.ok(), "verify checksums: " + status.ToString());
    for (int i = 0; i < 10 && !stop_; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  }
}

void Load::ReadAll() {
  const std::unique_ptr<rocksdb::Iterator> iterator(
      db_->NewIterator(ReadOptions()));
  uint64_t key = 0;
  for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next(), ++key) {
    Expect(iterator->key() == KeyOf(key), "another key than it should be");
    ExpectValue(key, iterator->value().ToString());
  }
  Expect(iterator->status().ok(), "scan: " + iterator->status().ToString());
  Expect(key == kKeys, std::to_string(key) + " keys in a scan");
}

}  // namespace canary
