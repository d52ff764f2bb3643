// A number that changes in a forked child.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/engine/fork_generation.h"

#include <pthread.h>

namespace rocksdb_uring {

std::atomic<uint32_t> ForkGeneration::value_{0};

uint32_t ForkGeneration::AtBirth() {
  // Not when the library is loaded, which has to have no side effects.
  static const int registered = pthread_atfork(
      nullptr, nullptr, [] { value_.fetch_add(1, std::memory_order_relaxed); });
  (void)registered;
  return Now();
}

}  // namespace rocksdb_uring
