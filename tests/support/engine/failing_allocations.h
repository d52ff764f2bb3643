// Allocations with operator new that fail when a test says so.
//
// failing_allocations.cc replaces the operators for the whole program, so it
// must be part of the executable.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace rocksdb_uring {

// While one lives, the `nth` allocation (1 is the next) of this thread fails.
class FailingAllocation {
 public:
  explicit FailingAllocation(uint64_t nth);
  ~FailingAllocation();
  FailingAllocation(const FailingAllocation&) = delete;
  FailingAllocation& operator=(const FailingAllocation&) = delete;

  // Whether it has come to that.
  bool failed() const;
};

}  // namespace rocksdb_uring
