// A device that does not answer reads of one place until it is told to.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "env/engine/system_calls.h"

namespace rocksdb_uring {

// Reads of one offset do not return before Release.
class StuckSystemCalls final : public SystemCalls {
 public:
  explicit StuckSystemCalls(uint64_t offset) : offset_(offset) {}

  int64_t Pread(int fd, void* buffer, size_t size, uint64_t offset) override {
    if (offset == offset_) {
      std::unique_lock<std::mutex> lock(mutex_);
      ++stuck_;
      changed_.notify_all();
      changed_.wait(lock, [this] { return released_; });
    }
    return SystemCalls::Pread(fd, buffer, size, offset);
  }

  void AwaitStuck(int count) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this, count] { return stuck_ >= count; });
  }
  void Release() {
    const std::lock_guard<std::mutex> lock(mutex_);
    released_ = true;
    changed_.notify_all();
  }

 private:
  const uint64_t offset_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int stuck_ = 0;
  bool released_ = false;
};

}  // namespace rocksdb_uring
