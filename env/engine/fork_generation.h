// Tells a forked child from the process that made an object.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

namespace rocksdb_uring {

// A count that grows by one in every child of fork(). Objects that hold rings
// remember the value of their birth: if it has changed, the rings are the
// parent's and must not be touched. Safe for concurrent use.
class ForkGeneration {
 public:
  // To be asked when such an object is made: counting begins with the first
  // call.
  static uint32_t AtBirth();
  // To be compared with it. Costs one load.
  static uint32_t Now() { return value_.load(std::memory_order_relaxed); }

 private:
  static std::atomic<uint32_t> value_;
};

}  // namespace rocksdb_uring
