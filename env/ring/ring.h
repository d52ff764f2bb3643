// One submission and completion queue pair, as thin as the kernel's.
//
// Ring is the seam for tests: everything above it (pool, engine, files) runs
// unchanged on a ring that a test makes fail, delay, shorten or reorder. The
// real one is LiburingRing (liburing_ring.cc), the only code of the project
// that includes <liburing.h>.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "env/base/errno_code.h"

namespace rocksdb_uring {

enum class RingOpcode : uint8_t {
  kNop,
  kRead,           // address, length: buffer
  kWrite,          // address, length: buffer
  kReadv,          // address, length: iovec array and its count
  kWritev,         // address, length: iovec array and its count
  kFsync,          // flags: 0 or kRingFsyncDataOnly
  kSyncFileRange,  // offset, length, flags: as sync_file_range(2)
  kFallocate,      // offset, length, flags: as fallocate(2)
  kCancel,         // target: user_data of the request to cancel
};

constexpr uint32_t kRingFsyncDataOnly = 1;

// A request as it is put on the submission queue. What it points to must stay
// valid until its completion was reaped, or until the ring is destroyed
// without having consumed it.
struct RingRequest {
  RingOpcode opcode = RingOpcode::kNop;
  int fd = -1;
  uint32_t flags = 0;
  uint64_t offset = 0;
  void* address = nullptr;
  uint64_t length = 0;
  uint64_t target = 0;
  uint64_t user_data = 0;
  // I/O priority of a read or write, as ioprio_set(2) takes it; 0: that of the
  // thread that hands the request over.
  uint16_t io_priority = 0;
  // Executed by a kernel thread from its beginning, not first by the thread
  // that hands it over, as far as it can be without waiting.
  bool by_worker = false;
};

struct RingCompletion {
  uint64_t user_data = 0;
  // Bytes, or negated errno.
  int32_t result = 0;
};

// Which side spends processor time to look for work, so that the other need not
// tell it.
enum class RingPolling : uint8_t {
  kNone,
  // A kernel thread takes requests off the submission queue; it sleeps after
  // kPollerIdleMs without any.
  kSubmissions,
  // The waiting thread asks the device for completions, and no interrupt tells
  // of them. Reads and writes of direct I/O only; others are refused.
  kCompletions,
};

struct RingOptions {
  // Entries of the submission queue; the kernel rounds up to a power of two.
  unsigned entries = 64;
  // Entries of the completion queue; 0 means twice the submission queue.
  unsigned completion_entries = 0;
  RingPolling polling = RingPolling::kNone;
  // With kSubmissions: the descriptor of a ring whose kernel thread is to serve
  // this one, too; -1: a thread of its own.
  int poller = -1;
};

// Long enough for the pauses of a busy database; then the thread takes no
// processor time, and waking it costs a system call as every submission without
// it does.
constexpr unsigned kPollerIdleMs = 20;

// REQUIRES: external synchronization. Two callers may act at once only if one
// of them is in Wait and the other in Prepare or Submit: those touch different
// queues.
class Ring {
 public:
  // Wait for as long as it takes.
  static constexpr uint64_t kNoTimeout = UINT64_MAX;

  virtual ~Ring() = default;

  // Puts a request on the submission queue; false when the queue is full.
  // There is no way back: the request belongs to the ring until a completion
  // names it, or Submit has failed for good and the ring is destroyed.
  virtual bool Prepare(const RingRequest& request) = 0;

  // Hands the queue to the kernel, in order. Returns how many requests were
  // consumed, which may be fewer than were prepared, or a negated errno with
  // none consumed. Does not block on the device. With RingPolling::kSubmissions
  // all are consumed, whatever becomes of the call that wakes the thread: it
  // may have taken them, so that they cannot be the caller's again.
  virtual int Submit() = 0;

  // Submit, then wait until `count` completions are there to be reaped (or
  // more). Returns as Submit; waiting may end early (signal, nothing to wait
  // for), so that the caller reaps and asks again.
  virtual int SubmitAndWait(unsigned count) = 0;

  // Waits until `count` completions are there to be reaped (or more), at most
  // `timeout_us` microseconds. Returns 0, or a negated errno: -ETIME after the
  // timeout, -EINTR. May end early, with fewer.
  virtual int Wait(unsigned count, uint64_t timeout_us) = 0;

  // Takes up to `max` completions off the queue without blocking.
  virtual unsigned Reap(RingCompletion* completions, unsigned max) = 0;

  virtual unsigned submission_entries() const = 0;
  virtual unsigned completion_entries() const = 0;
  // Memory of the queues in bytes, as it counts against RLIMIT_MEMLOCK.
  virtual size_t memory_bytes() const = 0;
  // For RingOptions::poller; -1 if there is none.
  virtual int descriptor() const { return -1; }
};

// Whether a call has failed because the kernel is short of something for the
// moment. Completions give it back: reap, and try again.
inline bool IsBusy(int result) {
  return result == -EAGAIN || result == -EBUSY || result == -ENOMEM;
}

struct RingOrError {
  std::unique_ptr<Ring> ring;  // null on failure
  Errno error = Errno::FromErrno(0);
};

// Makes rings; the seam's place to put its own.
using RingFactory = std::function<RingOrError(const RingOptions&)>;

// The kernel's ring. Tries the wanted set-up flags and drops those that the
// kernel does not know (EINVAL); asks for fewer entries, down to 8, when
// memory is refused (ENOMEM). Safe for concurrent use.
RingOrError CreateRing(const RingOptions& options);

}  // namespace rocksdb_uring
