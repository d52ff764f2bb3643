// One I/O operation and its life.
//
//   kIdle ──Submit──▶ kQueued ──room──▶ kInFlight ──reaped──▶ kCompleted
//     │                  └────────(cancelled before)───────────▲   ▲
//     └──────────────Run (waits; states skipped)────────────────┘───┘
//
// An operation has one owner, the caller: it lives in the caller's memory,
// which must not move or go away between the call that starts it and
// kCompleted. Between the two the engine alone touches it.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/uio.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "env/base/clock.h"
#include "env/engine/io_path.h"
#include "env/engine/io_priority.h"
#include "env/engine/statistics.h"

namespace rocksdb_uring {

class BackgroundPace;

enum class IoKind : uint8_t {
  kRead,           // buffer, length, offset
  kWrite,          // buffer, length, offset
  kReadv,          // iov, iov_count, offset
  kWritev,         // iov, iov_count, offset
  kFsync,          //
  kFdatasync,      //
  kSyncFileRange,  // offset, length, flags
  kFallocate,      // offset, length, flags (its mode)
};

enum class IoState : uint8_t {
  kIdle,       // owner's; next: kQueued, kInFlight, kCompleted
  kQueued,     // waits for room in a ring; next: kInFlight, kCompleted
  kInFlight,   // the kernel's; next: kCompleted
  kCompleted,  // owner's again; `result` is valid. Last.
};

// What ended an operation: -ETIMEDOUT and -ECANCELED are also errors that a
// device or a network filesystem reports.
enum class IoEnd : uint8_t {
  kFinished,   // it ran to its end, with or without an error
  kCancelled,  // Cancel; `result` is -ECANCELED
  kTimedOut,   // the caller's own deadline; `result` is -ETIMEDOUT
  kAbandoned,  // the same, and the kernel goes on with it (DeadlineReads)
  kTooMany,    // not begun, by a limit of DeadlineReads; `result` is -ETIMEDOUT
};

struct IoOp {
  // Called once when the operation has completed, by the thread that reaps it
  // (inside Submit, Wait or Poll of the engine), with no lock held. The engine
  // does not touch the operation afterwards: the callback may free it. An
  // operation with a callback is never waited for.
  using Callback = void (*)(IoOp* op);

  // Written out, because g++ would fill the whole operation with zeros first,
  // by an instruction that takes 20 ns (env/MEASUREMENTS.md, Inlining).
  IoOp() {}  // NOLINT(modernize-use-equals-default)

  // What to do. Set by the owner before it hands the operation over.
  IoKind kind = IoKind::kRead;
  // Under which heading the statistics count it.
  StatKind stat_kind = StatKind::kRead;
  int fd = -1;
  // Flags of sync_file_range(2), mode of fallocate(2); else 0.
  uint32_t flags = 0;
  // Alignment in bytes that direct I/O on `fd` needs; 0 for buffered I/O. A
  // transfer that ends at no multiple of it has met the end of the file, or
  // goes on from the multiple before.
  uint32_t alignment = 0;
  uint64_t offset = 0;
  char* buffer = nullptr;
  uint64_t length = 0;
  const iovec* iov = nullptr;
  int iov_count = 0;
  IoPriority priority = IoPriority::kForeground;
  // On a ring, a kernel thread executes it from its beginning. For buffered
  // transfers that nobody waits for yet: they cost processor time, which the
  // submitting thread would spend on filesystems that do not have to wait.
  bool by_worker = false;
  Callback callback = nullptr;
  // The owner's, for the callback.
  void* context = nullptr;
  // What decides when it may start; not owned, null: at once. Of a read that is
  // submitted.
  BackgroundPace* pace = nullptr;

  // What came out; valid in kCompleted. A read gives the bytes up to the end
  // of the file, a write all of its bytes or an error, the others 0. Negated
  // errno on failure.
  int64_t result = 0;
  IoEnd end = IoEnd::kFinished;
  IoPath path = IoPath::kPosix;

  IoState state() const { return state_.load(std::memory_order_acquire); }
  bool completed() const { return state() == IoState::kCompleted; }

  // For the engines.
  void set_state(IoState state) {
    state_.store(state, std::memory_order_release);
  }
  void request_cancel() {
    cancel_requested_.store(true, std::memory_order_relaxed);
  }
  // Its result is not wanted: POSIX does not finish it.
  void set_abandoned() { abandoned_.store(true, std::memory_order_relaxed); }
  bool abandoned() const { return abandoned_.load(std::memory_order_relaxed); }
  bool cancel_requested() const {
    return cancel_requested_.load(std::memory_order_relaxed);
  }
  // A thread waits for it, and it waits for its turn.
  bool awaited = false;
  // Which ring shard holds it, and under which tag, set under that shard's
  // lock; a batch that waits keeps in `tag` what has become of it.
  uint32_t shard = 0;
  // The I/O priority that its request has in the kernel, as ioprio_set(2) takes
  // it; 0: that of the thread that hands the request over.
  uint16_t kernel_priority = 0;
  uint64_t tag = 0;
  // When it was submitted, or had its turn (`pace`), for one that outlives the
  // call.
  StartTime start;
  // The one behind it in the queue that it is in (op_queue.h).
  IoOp* next = nullptr;

  // Makes a completed operation ready to be used again.
  void Reset() {
    result = 0;
    end = IoEnd::kFinished;
    path = IoPath::kPosix;
    cancel_requested_.store(false, std::memory_order_relaxed);
    abandoned_.store(false, std::memory_order_relaxed);
    set_state(IoState::kIdle);
  }

 private:
  std::atomic<IoState> state_{IoState::kIdle};
  std::atomic<bool> cancel_requested_{false};
  std::atomic<bool> abandoned_{false};
};

inline bool IsRead(const IoOp& op) {
  return op.kind == IoKind::kRead || op.kind == IoKind::kReadv;
}
// Whether it reports errors of earlier writes of the file. The kernel reports
// each of them once: such an operation must not be repeated when it has failed.
// What it is for sync_file_range depends on its flags (io_op.cc).
bool ReportsWriteErrors(const IoOp& op);
// Whether it moves bytes between memory and the file.
bool IsTransfer(const IoOp& op);
// Submitted, and not complete.
inline bool IsInFlight(const IoOp* op) {
  const IoState state = op->state();
  return state != IoState::kIdle && state != IoState::kCompleted;
}
// Whether at least one of them is complete.
bool AnyCompleted(IoOp* const* ops, size_t count);

// Bytes that the operation is to transfer; 0 for those that transfer none.
uint64_t TransferLength(const IoOp& op);

// Books completed operations, with one visit to the counters for each run of
// neighbours that took the same path. Their time counts if `start` is exact.
void CountCompleted(const IoOp* ops, size_t count, StartTime start,
                    Statistics* statistics);

// An operation as it is shown while it is in flight.
inline InFlightOperation InFlight(const IoOp& op, StartTime start) {
  return {start, op.stat_kind, op.fd, op.offset};
}

// Hands operations with their results back to their owner.
void CompleteAll(IoOp* ops, size_t count);

}  // namespace rocksdb_uring
