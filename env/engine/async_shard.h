// One ring for operations that outlive the call that starts them. Any thread
// submits, waits, polls and cancels. The thread that reaps a completion
// completes its operation, also if another thread started it.
//
// Of the threads that wait, one at a time (the leader) waits in the kernel,
// with the lock released, and is the only one to touch the completion queue
// meanwhile (shard_waiters.h). A thread that submits needs the submission queue
// only (shard_queue.h) and never waits for the leader.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "env/base/clock.h"
#include "env/base/mutex.h"
#include "env/engine/completion.h"
#include "env/engine/io_op.h"
#include "env/engine/live_ring.h"
#include "env/engine/shard_queue.h"
#include "env/engine/shard_waiters.h"

namespace rocksdb_uring {

class AsyncShard {
 public:
  using Options = ShardQueue::Options;

  // `rings` is not owned and must outlive the shard.
  AsyncShard(const Options& options, const Completer& completer,
             const RingEnvironment* rings);
  // REQUIRES: no operation is in flight.
  ~AsyncShard();

  // As IoEngine; `ops` of WaitAll is overwritten. Those of WaitAny have been
  // submitted to this shard.
  size_t Submit(IoOp* const* ops, size_t count) URING_EXCLUDES(mutex_);
  bool Wait(IoOp* op, uint64_t timeout_us) URING_EXCLUDES(mutex_);
  bool WaitAll(IoOp** ops, size_t count, Deadline deadline)
      URING_EXCLUDES(mutex_);
  bool WaitAny(IoOp* const* ops, size_t count, Deadline deadline)
      URING_EXCLUDES(mutex_);
  size_t Poll() URING_EXCLUDES(mutex_);
  void Cancel(IoOp* op) URING_EXCLUDES(mutex_);

  // Whether it has a ring that serves.
  bool has_ring() URING_EXCLUDES(mutex_);

  // Adds the operations that it holds; of a shard whose lock is not released
  // within some milliseconds, only their number. A thread that hands requests
  // to a kernel that does not return holds the lock, and the report should say
  // that, and not hang as well.
  void AddInFlight(InFlightReport* report) URING_EXCLUDES(mutex_);

 private:
  // The lock, unless it is held for some milliseconds.
  bool TryLockForReport() URING_TRY_ACQUIRE(true, mutex_);
  // Completes what can be completed now and refills the ring; releases the
  // lock in between. Returns how many operations it completed.
  size_t Advance() URING_REQUIRES(mutex_);
  void NoteInFlight(size_t count) URING_REQUIRES(mutex_) {
    in_flight_.store(count, std::memory_order_relaxed);
  }
  // Returns whether all is complete.
  bool WaitUntil(ShardWaiters::Waiter* self, Deadline deadline)
      URING_EXCLUDES(mutex_);
  // Waits for a completion, as the leader, with the lock released.
  void Lead(uint64_t timeout_us) URING_REQUIRES(mutex_);
  int WaitOn(Ring* ring, uint64_t timeout_us) URING_EXCLUDES(mutex_);

  const Completer completer_;
  const RingEnvironment* const rings_;

  Mutex mutex_{SharedBy::kShard};
  ShardQueue queue_ URING_GUARDED_BY(mutex_);
  ShardWaiters waiters_ URING_GUARDED_BY(mutex_);
  // Operations that were taken and not completed, for threads that look without
  // the lock; written with it held.
  std::atomic<size_t> in_flight_{0};
  // Waits in a row that the ring gave no occasion for.
  int pauses_ URING_GUARDED_BY(mutex_) = 0;
};

}  // namespace rocksdb_uring
