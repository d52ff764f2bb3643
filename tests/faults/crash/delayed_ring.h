// The kernel's rings with completions that come late and in another order.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "env/ring/ring.h"

namespace rocksdb_uring {

// Must outlive the rings that its factory makes. Safe for concurrent use.
class CompletionDelay {
 public:
  explicit CompletionDelay(uint64_t seed) : next_seed_(seed) {}

  // Rings as CreateRing makes them, whose completions are held back between
  // 100 microseconds and 5 milliseconds, mostly short. Requests go to the
  // kernel at once.
  RingFactory factory();

  // Completions held back so far.
  uint64_t count() const { return count_.load(std::memory_order_relaxed); }

 private:
  friend class DelayedRing;

  std::atomic<uint64_t> next_seed_;
  std::atomic<uint64_t> count_{0};
};

}  // namespace rocksdb_uring
