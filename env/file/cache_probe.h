// Whether an asynchronous read of a file asks the page cache first.
//
// What is cached is read by one system call then, and nothing is waited for.
// What is not costs the call, so that a file whose reads miss is asked ever
// more seldom. (PageCacheHint is the same for batches, which tell by their
// first read how the others will fare.)
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace rocksdb_uring {

// Safe for concurrent use; a lost update only costs speed.
class CacheProbe {
 public:
  // To copy more takes longer than all that is saved.
  static constexpr size_t kBytesMax = 64 << 10;
  // Reads that go unasked after one that missed, doubled with each further one.
  static constexpr uint32_t kSkipMax = 32;

  // Whether this read is to ask.
  bool Due() {
    const uint32_t left = left_.load(std::memory_order_relaxed);
    if (left == 0) {
      return true;
    }
    left_.store(left - 1, std::memory_order_relaxed);
    return false;
  }
  // What a read that asked has found.
  void Record(bool found) {
    const uint32_t before = skip_.load(std::memory_order_relaxed);
    const uint32_t after =
        found ? 0 : std::clamp(before * 2, uint32_t{1}, kSkipMax);
    if (after != before) {
      skip_.store(after, std::memory_order_relaxed);
    }
    if (after > 0) {
      left_.store(after, std::memory_order_relaxed);
    }
  }

 private:
  // Reads that go unasked, and how many follow the next miss.
  std::atomic<uint32_t> left_{0};
  std::atomic<uint32_t> skip_{0};
};

}  // namespace rocksdb_uring
