// SPDX-License-Identifier: Apache-2.0

#include "tests/databases/load/program_database.h"

#include <iostream>
#include <vector>

#include "plugin/open_database.h"

namespace load_test {

using rocksdb::DB;
using rocksdb::Env;
using rocksdb::FileSystem;
using rocksdb::Options;
using rocksdb::Status;

namespace {

std::string Key(uint64_t number) { return "key" + std::to_string(number); }
std::string Value(uint64_t number) {
  return std::string(200, static_cast<char>('a' + number % 26)) +
         std::to_string(number);
}

// MultiGet finds keys `first`, `first` + `stride` and so on below `end`.
Status CheckBatch(DB* db, uint64_t first, uint64_t stride, uint64_t end) {
  std::vector<std::string> keys;
  for (uint64_t i = first; i < end; i += stride) {
    keys.push_back(Key(i));
  }
  const std::vector<rocksdb::Slice> slices(keys.begin(), keys.end());
  std::vector<rocksdb::PinnableSlice> values(keys.size());
  std::vector<Status> statuses(keys.size());
  db->MultiGet(rocksdb::ReadOptions(), db->DefaultColumnFamily(), keys.size(),
               slices.data(), values.data(), statuses.data());
  for (size_t i = 0; i < keys.size(); ++i) {
    if (!statuses[i].ok() || values[i] != Value(first + i * stride)) {
      return Status::Corruption(keys[i], statuses[i].ToString());
    }
  }
  return Status::OK();
}

}  // namespace

void Print(const std::string& name, const std::string& value) {
  std::cout << name << "=" << value << std::endl;
}

std::string Chain(FileSystem* file_system) {
  std::string chain;
  const rocksdb::Customizable* link = file_system;
  for (; link != nullptr; link = link->Inner()) {
    chain += (chain.empty() ? "" : ">") + std::string(link->Name());
  }
  return chain;
}

Options MakeOptions(Env* env) {
  Options options;
  options.create_if_missing = true;
  options.env = env;
  options.write_buffer_size = 256 << 10;
  return options;
}

Status Open(const Options& options, const std::string& path,
            std::unique_ptr<DB>* result) {
  const Status status =
      DB::Open(options, path, rocksdb_uring::DatabaseOut(result));
  return status;
}

Status Fill(DB* db, uint64_t first, uint64_t end) {
  Status status;
  for (uint64_t i = first; i < end && status.ok(); ++i) {
    status = db->Put(rocksdb::WriteOptions(), Key(i), Value(i));
  }
  return status;
}

Status CountKeys(DB* db, uint64_t* count) {
  std::unique_ptr<rocksdb::Iterator> iterator(
      db->NewIterator(rocksdb::ReadOptions()));
  for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) {
    ++*count;
  }
  return iterator->status();
}

Status Check(DB* db, uint64_t count) {
  // Batches of 32 from all over the database: RocksDB makes one read of blocks
  // that are neighbours.
  const uint64_t stride = count / 32 + 1;
  for (uint64_t first = 0; first < stride; ++first) {
    const Status status = CheckBatch(db, first, stride, count);
    if (!status.ok()) {
      return status;
    }
  }
  for (uint64_t i = 0; i < count; ++i) {
    std::string value;
    const Status got = db->Get(rocksdb::ReadOptions(), Key(i), &value);
    if (!got.ok() || value != Value(i)) {
      return Status::Corruption(Key(i), got.ToString());
    }
  }
  uint64_t seen = 0;
  const Status status = CountKeys(db, &seen);
  return seen == count ? status
                       : Status::Corruption("keys", std::to_string(seen));
}

Status RoundTrip(const Options& options, const std::string& path) {
  constexpr uint64_t kKeys = 3000;
  std::unique_ptr<DB> db;
  Status status = Open(options, path, &db);
  if (status.ok()) {
    status = Fill(db.get(), 0, kKeys);
  }
  if (status.ok()) {
    status = db->Flush(rocksdb::FlushOptions());
  }
  db.reset();
  if (status.ok()) {
    status = Open(options, path, &db);
  }
  return status.ok() ? Check(db.get(), kKeys) : status;
}

}  // namespace load_test
