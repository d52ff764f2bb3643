// Starts the write-out of a buffered file's dirty pages while the file grows,
// so that its final sync finds little left to do.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "env/file/open_file.h"

namespace rocksdb_uring {

// Whether the kernel and the filesystem have sync_file_range.
bool SyncFileRangeWorks(int fd);

// REQUIRES: external synchronization.
class WriteOut {
 public:
  explicit WriteOut(std::shared_ptr<const OpenFile> file)
      : file_(std::move(file)) {}
  // Waits for what is in flight.
  ~WriteOut();
  WriteOut(const WriteOut&) = delete;
  WriteOut& operator=(const WriteOut&) = delete;

  // Whether sync_file_range works for this file.
  bool supported();

  // [begin, end) is to go to the device, as far as it is below `complete`,
  // where the kernel has all of the file; the rest is remembered for the next
  // call. Does not wait where the engine takes asynchronous operations.
  // Returns 0, or the negated errno of a range that has failed.
  int64_t Request(uint64_t begin, uint64_t end, uint64_t complete);

  // Waits for what is in flight; returns as Request, 0 if there is nothing.
  int64_t Finish();

  // Writes out what the kernel has below `end`, for strict_bytes_per_sync.
  // Blocks until earlier write-outs are complete. Returns as Request.
  int64_t RunStrictly(uint64_t end) const;

 private:
  const std::shared_ptr<const OpenFile> file_;
  std::optional<bool> supported_;
  IoOp op_;
  // What was asked for and not started.
  std::optional<uint64_t> begin_;
  uint64_t end_ = 0;
};

}  // namespace rocksdb_uring
