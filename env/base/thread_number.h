// A small number for each thread, to spread threads over shards.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>

namespace rocksdb_uring {

// 0, 1, 2, ... in the order in which threads first ask. Costs one load after
// that: the variable has no initialiser to guard, and its thread-local model
// needs no call.
inline size_t ThreadNumber() {
  constexpr size_t kNone = static_cast<size_t>(-1);
  static std::atomic<size_t> next{0};
  [[gnu::tls_model("initial-exec")]] static thread_local size_t number = kNone;
  if (number == kNone) {
    number = next.fetch_add(1, std::memory_order_relaxed);
  }
  return number;
}

}  // namespace rocksdb_uring
