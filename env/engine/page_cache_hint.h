// What recent reads of one file have found in the page cache, and so whether
// the next ones ask it before they go to the device.
//
// To ask (preadv2 with RWF_NOWAIT) reads what is cached by one system call, and
// costs that call where nothing is. A batch tells by its first read how the
// others will fare; a single read can only tell for the next ones.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "env/base/sharing.h"

namespace rocksdb_uring {

// Owned by the file, updated by the engine (batches) and by the file (single
// asynchronous reads). Safe for concurrent use; a lost update only costs speed.
class PageCacheHint {
 public:
  // To copy more takes longer than all that a single read saves by asking.
  static constexpr size_t kAskBytesMax = 64 << 10;
  // Single reads that go unasked after one that missed: doubled with each
  // further one, up to this.
  static constexpr uint32_t kSkipMax = 32;

  // The last batch mostly missed: its first read asks for all.
  bool cold() const { return streak() == kCold; }
  // So many batches in a row have found everything that asking first is a
  // waste.
  bool hot() const { return streak() >= kHotBatches; }
  // To be called after a batch of `count` reads of which `misses` missed.
  void RecordBatch(size_t count, size_t misses) {
    const int before = streak();
    int after = before;
    if (misses * 2 > count) {
      after = kCold;
    } else if (misses > 0 || before == kCold) {
      after = 0;
    } else if (before < kHotBatches) {
      after = before + 1;
    }
    if (after != before) {
      Store(&streak_, after);
    }
  }
  // False once the file has answered that it cannot tell (filesystems without
  // RWF_NOWAIT): the time of its batches tells then.
  bool can_be_asked() const {
    return can_be_asked_.load(std::memory_order_relaxed);
  }
  void NoteCannotBeAsked() { Store(&can_be_asked_, false); }
  // A batch of a hot file took long: it was not all there.
  void Cool() { Store(&streak_, 0); }

  // Whether this single read of `length` bytes is to ask.
  bool SingleAsks(size_t length) {
    if (length > kAskBytesMax) {
      return false;
    }
    const uint32_t left = unasked_left_.load(std::memory_order_relaxed);
    if (left == 0) {
      return true;
    }
    Store(&unasked_left_, left - 1);
    return false;
  }
  // What a single read that asked has found.
  void RecordSingle(bool found) {
    const uint32_t before = skip_.load(std::memory_order_relaxed);
    const uint32_t after =
        found ? 0 : std::clamp(before * 2, uint32_t{1}, kSkipMax);
    if (after != before) {
      Store(&skip_, after);
    }
    if (after > 0) {
      Store(&unasked_left_, after);
    }
  }

 private:
  static constexpr int kCold = -1;
  static constexpr int kHotBatches = 16;

  template <typename T>
  static void Store(std::atomic<T>* variable, T value) {
    NoteSharedWrite(SharedBy::kFile);
    variable->store(value, std::memory_order_relaxed);
  }
  int streak() const { return streak_.load(std::memory_order_relaxed); }

  // kCold, or how many batches in a row have missed nothing.
  std::atomic<int> streak_{0};
  std::atomic<bool> can_be_asked_{true};
  // Single reads that go unasked, and how many follow the next miss.
  std::atomic<uint32_t> unasked_left_{0};
  std::atomic<uint32_t> skip_{0};
};

}  // namespace rocksdb_uring
