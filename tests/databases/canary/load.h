// A database under load that checks all that it reads: what an operator's
// service does while the share of the plugin grows.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "rocksdb/db.h"

namespace canary {

// One thread writes, flushes and compacts, two read, and one verifies the
// checksums of all files, until the end.
class Load {
 public:
  // `direct`: tables are read and written without the page cache. Ends the
  // process if the database cannot be made.
  Load(const std::string& path, bool direct);
  ~Load();
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  void Start();
  void Stop();

  // Reads all keys in order, and what is wrong with them counts as errors.
  void ReadAll();

  // Since the beginning: keys that were read or written.
  uint64_t keys() const { return keys_; }
  // Failed calls and wrong values.
  uint64_t errors() const { return errors_; }
  // Of the first of them.
  std::string first_error() const;

 private:
  void Write();
  void Read(uint64_t seed);
  void Verify();
  void Expect(bool holds, const std::string& what);
  void ExpectValue(uint64_t key, const std::string& value);

  const std::string path_;
  std::unique_ptr<rocksdb::DB> db_;
  std::atomic<bool> stop_{false};
  std::atomic<uint64_t> keys_{0};
  std::atomic<uint64_t> errors_{0};
  mutable std::mutex mutex_;
  std::string first_error_;
  // Writes so far: of a value, the version is not above it.
  std::atomic<uint64_t> version_{0};
  std::vector<std::thread> threads_;
};

}  // namespace canary
