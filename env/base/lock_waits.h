// How often threads sleep for each other, and how long: in locks that another
// holds, and in condition variables. What does not have to wait pays nothing.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "env/base/clock.h"
#include "env/base/sharing.h"
#include "env/base/thread_number.h"

namespace rocksdb_uring {

enum class WaitsFor : uint8_t {
  kLock,
  kOtherThread,  // which is to do something first: a condition variable
  kLast = kOtherThread,
};
constexpr size_t kWaitsForCount = static_cast<size_t>(WaitsFor::kLast) + 1;

// Sums over all threads of the process since it began.
struct LockWaits {
  struct Sum {
    uint64_t count = 0;
    uint64_t ns = 0;
  };
  std::array<Sum, kWaitsForCount> sums;

  const Sum& operator[](WaitsFor what) const {
    return sums[static_cast<size_t>(what)];
  }
};

// One wait, from its construction to its destruction.
class LockWait {
 public:
  explicit LockWait(WaitsFor what) : what_(what), start_ns_(MonotonicNs()) {}
  ~LockWait() {
    Counter& counter = CounterOf(ThreadNumber(), what_);
    counter.count.fetch_add(1, std::memory_order_relaxed);
    counter.ns.fetch_add(MonotonicNs() - start_ns_, std::memory_order_relaxed);
  }
  LockWait(const LockWait&) = delete;
  LockWait& operator=(const LockWait&) = delete;

  static LockWaits SoFar() {
    LockWaits waits;
    for (size_t shard = 0; shard < kShards; ++shard) {
      for (size_t i = 0; i < kWaitsForCount; ++i) {
        const Counter& counter = CounterOf(shard, static_cast<WaitsFor>(i));
        waits.sums[i].count += counter.count.load(std::memory_order_relaxed);
        waits.sums[i].ns += counter.ns.load(std::memory_order_relaxed);
      }
    }
    return waits;
  }

 private:
  static constexpr size_t kShards = 16;
  struct Counter {
    std::atomic<uint64_t> count{0};
    std::atomic<uint64_t> ns{0};
  };
  struct alignas(kCacheLineBytes) Shard {
    std::array<Counter, kWaitsForCount> counters;
  };

  // Initialised when the program is loaded, like a constant.
  static Counter& CounterOf(size_t thread, WaitsFor what) {
    static std::array<Shard, kShards> shards;
    return shards[thread % kShards].counters[static_cast<size_t>(what)];
  }

  const WaitsFor what_;
  const uint64_t start_ns_;
};

}  // namespace rocksdb_uring
