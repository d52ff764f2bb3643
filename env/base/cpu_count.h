// How many processors the process may use, for what grows with them.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <thread>

namespace rocksdb_uring {

// At least 1. Asks the kernel once.
inline size_t CpuCount() {
  static const size_t count =
      std::max<size_t>(1, std::thread::hardware_concurrency());
  return count;
}

// The least power of two that is not below `count`, within [min, max], which
// are powers of two: to find a thread's shard takes no division then.
constexpr size_t ShardsFor(size_t count, size_t min, size_t max) {
  size_t shards = min;
  while (shards < count && shards < max) {
    shards *= 2;
  }
  return shards;
}

}  // namespace rocksdb_uring
