// The kernel's rings with faults at a low rate: what an engine must hide.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

#include "env/ring/ring.h"

namespace rocksdb_uring {

// Must outlive the rings that its factory makes. Safe for concurrent use.
class RareFaults {
 public:
  // One request in `one_in` meets a fault; 0 for none.
  RareFaults(uint64_t one_in, uint64_t seed)
      : one_in_(one_in), next_seed_(seed) {}

  // Rings as CreateRing makes them. A read fails, is short, or was not begun; a
  // write is short or was not begun, a sync was not begun; what a read does not
  // report is overwritten. A submission is refused for a moment, more seldom
  // for good. Some completions are held back behind later ones.
  RingFactory factory();

  uint64_t count() const { return count_.load(std::memory_order_relaxed); }

 private:
  friend class FaultyRing;

  const uint64_t one_in_;
  std::atomic<uint64_t> next_seed_;
  std::atomic<uint64_t> count_{0};
};

}  // namespace rocksdb_uring
