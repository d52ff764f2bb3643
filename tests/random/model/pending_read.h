// A ReadAsync of the plugin, and what the default file system's Read gave at
// the same moment.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {

// Started by one thread; may be collected by another, one at a time.
class PendingRead {
 public:
  // `identity` is that of the file.
  PendingRead(uint64_t identity, uint64_t offset, size_t length);
  // Gives the handle back, if there is one.
  ~PendingRead();
  PendingRead(const PendingRead&) = delete;
  PendingRead& operator=(const PendingRead&) = delete;

  // Reads `theirs`, then starts the read on `ours`, with `options`.
  rocksdb::IOStatus Start(rocksdb::FSRandomAccessFile* ours,
                          rocksdb::FSRandomAccessFile* theirs,
                          const rocksdb::IOOptions& options);
  // Empties the handle: the read is given up, and its callback must not run
  // any more.
  void GiveUp();

  uint64_t identity() const { return identity_; }
  void* handle() const { return handle_; }
  // What is wrong with what the callback was given; empty if nothing is.
  // `aborted`: the read may have been ended early.
  std::string Mistake(bool aborted) const;

 private:
  const uint64_t identity_;
  const uint64_t offset_;
  const size_t length_;
  const Scratch scratch_;
  rocksdb::IOStatus expected_status_;
  std::string expected_;
  int callbacks_ = 0;
  bool right_request_ = true;
  rocksdb::IOStatus status_;
  rocksdb::Slice result_;
  void* handle_ = nullptr;
  rocksdb::IOHandleDeleter deleter_ = nullptr;
};

using PendingReads = std::vector<std::unique_ptr<PendingRead>>;

// Where threads leave reads for others to collect. Safe for concurrent use.
class HandOver {
 public:
  void Give(std::unique_ptr<PendingRead> read);
  // Null if there is none.
  std::unique_ptr<PendingRead> Take();

 private:
  std::mutex mutex_;
  PendingReads reads_;
};

}  // namespace rocksdb_uring
