// Writes out a buffered table or blob file while it grows, so that its final
// sync finds little left to do.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>

#include "env/base/mutex.h"
#include "env/file/open_file.h"

namespace rocksdb_uring {

// Steps of OpenFile::write_out_bytes, one in flight at a time for each file.
// The first step begins when the file has two of them: small files are left to
// their sync. Safe for concurrent use: Sync may run beside Append.
class EarlyWriteOut {
 public:
  // Null if the file is not to be written out early.
  // `bytes_per_sync` is RocksDB's option: a value other than 0 overrides this.
  static std::unique_ptr<EarlyWriteOut> Make(
      const std::shared_ptr<const OpenFile>& file, uint64_t bytes_per_sync);

  explicit EarlyWriteOut(std::shared_ptr<const OpenFile> file);
  // Waits for the step in flight.
  ~EarlyWriteOut() { (void)Finish(); }
  EarlyWriteOut(const EarlyWriteOut&) = delete;
  EarlyWriteOut& operator=(const EarlyWriteOut&) = delete;

  // The kernel has all of the file below `size`. Starts the next step if it is
  // due. Does not wait. Returns 0, or the negated errno of the step that has
  // failed, now and in every later call.
  int64_t Grown(uint64_t size) URING_EXCLUDES(mutex_);

  // As Grown, without starting anything.
  int64_t failure() const { return failure_.load(std::memory_order_acquire); }

  // No step begins after this call. Does not wait.
  void Stop() URING_EXCLUDES(mutex_);

  // Waits for the step in flight. Returns as Grown. A sync must call it first:
  // a step takes the kernel's report of a failed page, and the sync would not
  // get it again.
  int64_t Finish() URING_EXCLUDES(mutex_);

 private:
  // No further step becomes due.
  void StopLocked() URING_REQUIRES(mutex_);
  void StartStep(uint64_t end) URING_REQUIRES(mutex_);
  void Collect() URING_REQUIRES(mutex_);

  const std::shared_ptr<const OpenFile> file_;
  const uint64_t step_bytes_;

  Mutex mutex_{SharedBy::kFile};
  IoOp op_ URING_GUARDED_BY(mutex_);
  // Written with the lock held, read without: an append that starts nothing
  // takes no lock.
  std::atomic<int64_t> failure_{0};
  // The next step begins when the file has this size; kNever: there is none.
  static constexpr uint64_t kNever = std::numeric_limits<uint64_t>::max();
  std::atomic<uint64_t> due_;
  // Where the newest step and the one before it have begun and ended.
  uint64_t begin_ URING_GUARDED_BY(mutex_) = 0;
  uint64_t end_ URING_GUARDED_BY(mutex_) = 0;
};

}  // namespace rocksdb_uring
