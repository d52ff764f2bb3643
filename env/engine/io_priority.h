// Who goes first, in the engine's queues and in the kernel.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace rocksdb_uring {

// How soon an operation is wanted. All but the first wait behind the first for
// room in a ring, until a thread waits for them, and leave half of it free.
enum class IoPriority : uint8_t {
  kForeground,  // a thread waits for it, or is about to
  kAhead,       // wanted later: of a scan's read-ahead, of a file that grows
  // A compaction's. The kernel gives it the lowest level of the class that all
  // others are in (best effort). bfq weighs levels; mq-deadline and `none` do
  // not look at them.
  kBackground,
  // The same in the idle class: when no other request waits. mq-deadline
  // lets such a request wait for up to 10 s (`prio_aging_expire`).
  kIdle,
};

// The I/O priority of a request, as ioprio_set(2) takes it; 0: that of the
// thread that hands it over. `thread`: what ioprio_get(2) says of the thread
// that starts it. A thread that the user has put into the idle class
// (Env::LowerThreadPoolIOPriority) or the real-time class is left there.
uint16_t RequestPriority(IoPriority priority, int64_t thread);

// Whether it is a compaction's, unless the user has given those the priority of
// all others. Only then RequestPriority needs to be asked.
inline bool IsBackground(IoPriority priority) {
  return priority == IoPriority::kBackground || priority == IoPriority::kIdle;
}

}  // namespace rocksdb_uring
