// Which operations are timed exactly, where to time all of them would cost.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace rocksdb_uring {

// True for a sixteenth of the calls of each thread, the first of them included,
// so that a short program shows something. At random, by the upper bits of a
// linear congruential generator: every sixteenth would always meet the same
// operation of a program that repeats itself. Costs 1 ns.
inline bool TakeSample() {
  constexpr uint32_t kSixteenth = uint32_t{1} << 28;
  [[gnu::tls_model("initial-exec")]] static thread_local uint32_t state = 0;
  const bool taken = state < kSixteenth;
  state = state * 1664525U + 1013904223U;
  return taken;
}

}  // namespace rocksdb_uring
