// Classes and levels of I/O priority.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/engine/io_priority.h"

namespace rocksdb_uring {

namespace {

// The kernel's ABI; <linux/ioprio.h> is missing from older headers.
constexpr uint16_t kClassShift = 13;
constexpr uint16_t kRealTime = 1;
constexpr uint16_t kBestEffort = 2;
constexpr uint16_t kIdleClass = 3;
constexpr uint16_t kLowestLevel = 7;

}  // namespace

uint16_t RequestPriority(IoPriority priority, int64_t thread) {
  // A failed call gives no class.
  const int64_t thread_class = thread < 0 ? 0 : thread >> kClassShift;
  if (!IsBackground(priority) || thread_class == kRealTime) {
    return 0;
  }
  if (priority == IoPriority::kIdle || thread_class == kIdleClass) {
    return kIdleClass << kClassShift;
  }
  return kBestEffort << kClassShift | kLowestLevel;
}

}  // namespace rocksdb_uring
