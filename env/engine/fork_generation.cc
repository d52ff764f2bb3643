#include "env/engine/fork_generation.h"

#include <pthread.h>

#include <atomic>

namespace rocksdb_uring {

namespace {

std::atomic<uint32_t> generation{0};

void CountChild() { generation.fetch_add(1, std::memory_order_relaxed); }

}  // namespace

uint32_t ForkGeneration() {
  // At the first use, not when the library is loaded: whoever holds a ring has
  // asked for the generation before.
  static const int registered = pthread_atfork(nullptr, nullptr, CountChild);
  (void)registered;
  return generation.load(std::memory_order_relaxed);
}

}  // namespace rocksdb_uring
