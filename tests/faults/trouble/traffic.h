// Threads that do every kind of I/O on a file system and check what they read,
// while a test makes trouble.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "env/file/rocksdb_compat.h"

namespace rocksdb_uring {

// Options of the file systems here: what makes trouble must meet rings.
inline constexpr char kAllOnRings[] = "reads=uring;writes=uring;syncs=uring";

class Traffic {
 public:
  // Makes its files in `directory`, which must be there. Direct I/O where the
  // filesystem has it.
  Traffic(std::shared_ptr<rocksdb::FileSystem> file_system,
          const std::string& directory);
  // Stops.
  ~Traffic();
  Traffic(const Traffic&) = delete;
  Traffic& operator=(const Traffic&) = delete;

  // A thread or two of each kind.
  void Start();
  // Until each kind has made `rounds` more. Does not return if one cannot.
  void AwaitRounds(uint64_t rounds);
  void Stop();
  // What went wrong first; empty if nothing has.
  std::string Mistake();

  // One round of each kind, on the caller's thread, with names that no other
  // thread or process uses. Empty if all is well.
  std::string RunOnce(const std::string& prefix);

 private:
  static constexpr size_t kKinds = 5;

  void Loop(size_t kind, const std::string& prefix);
  // Each returns what went wrong.
  std::string Round(size_t kind, const std::string& prefix, uint64_t number);
  std::string ReadBatch(uint64_t number);
  std::string ReadAsync(uint64_t number);
  std::string WriteTable(const std::string& prefix, uint64_t number);
  std::string WriteLog(const std::string& prefix, uint64_t number);
  std::string Scan(uint64_t number);
  bool Direct(uint64_t number) const { return direct_ && number % 2 == 0; }
  std::unique_ptr<rocksdb::FSRandomAccessFile> OpenTable(bool direct);

  const std::shared_ptr<rocksdb::FileSystem> file_system_;
  const std::string directory_;
  const std::string table_;
  const std::string contents_;
  bool direct_ = false;
  // Made once: RocksDB's constructor of options needs its static objects, which
  // are gone when a process ends under load.
  const rocksdb::FileOptions buffered_options_;
  rocksdb::FileOptions direct_options_;
  std::atomic<bool> stop_{false};
  std::array<std::atomic<uint64_t>, kKinds> rounds_ = {};
  std::mutex mutex_;
  std::string mistake_;
  std::vector<std::thread> threads_;
};

}  // namespace rocksdb_uring
