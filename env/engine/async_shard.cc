// What a thread does in a shard: submit, reap and complete, lead or follow.
//
// The lock is held for bookkeeping and for submissions, which do not block, and
// released wherever something may take its time: in the kernel's wait, where
// POSIX finishes an operation, and in callbacks, which may submit again.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/engine/async_shard.h"

#include <time.h>

#include <algorithm>
#include <cerrno>

#include "env/engine/in_flight.h"
#include "env/engine/ring_request.h"

namespace rocksdb_uring {

namespace {

// How long a leader sleeps between two looks at a ring that cannot be waited
// for, and how often before a ring that takes nothing is given up: after 20 ms,
// when a kernel that was short of memory for a moment has recovered.
constexpr long kPauseNs = 200 * 1000;
constexpr int kPausesMax = 100;
// While requests wait outside the kernel, the leader looks at them so often: no
// completion wakes it when room comes, or when another thread cancels its
// operation there or completes it because the ring has died. A request that
// wakes it would need room on the same queue, and a ring that lives. The look
// costs nothing while everything is in the kernel.
constexpr uint64_t kLookUs = 5000;
// What a report waits for the lock of a shard, in all.
constexpr int kReportAttempts = 20;
constexpr timespec kReportPause = {0, 1000 * 1000};

}  // namespace

AsyncShard::AsyncShard(const Options& options, const Completer& completer,
                       const RingEnvironment* rings)
    : completer_(completer), rings_(rings), queue_(options, rings) {
  rings_->account->Add(sizeof(*this));
}

AsyncShard::~AsyncShard() { rings_->account->Subtract(sizeof(*this)); }

bool AsyncShard::has_ring() {
  MutexLock lock(&mutex_);
  return queue_.has_ring();
}

bool AsyncShard::TryLockForReport() {
  for (int attempt = 0; attempt < kReportAttempts; ++attempt) {
    if (mutex_.TryLock()) {
      return true;
    }
    nanosleep(&kReportPause, nullptr);
  }
  return false;
}

void AsyncShard::AddInFlight(InFlightReport* report) {
  const size_t in_flight = in_flight_.load(std::memory_order_relaxed);
  if (in_flight == 0) {
    return;
  }
  if (TryLockForReport()) {
    // What has completed and no thread has waited for yet is not in flight.
    while (Advance() > 0) {
    }
    queue_.AddInFlight(report);
    mutex_.Unlock();
  } else {
    report->operations += in_flight;
  }
}

size_t AsyncShard::Submit(IoOp* const* ops, size_t count) {
  // A ring that is made as the breaker's trial must get a request.
  if (count == 0 || !FitsRing(*ops[0])) {
    return 0;
  }
  size_t taken = 0;
  {
    MutexLock lock(&mutex_);
    if (queue_.EnsureRing(waiters_.has_leader())) {
      taken = queue_.Add(ops, count);
      NoteInFlight(in_flight_ + taken);
    }
    if (!queue_.has_orphans()) {
      return taken;
    }
  }
  // The ring has died with requests on its queue that only this thread knows
  // of, so this thread completes them.
  Poll();
  return taken;
}

size_t AsyncShard::Advance() {
  ShardQueue::Harvest harvest;
  queue_.TakeOrphans(&harvest);
  if (!waiters_.has_leader()) {
    queue_.Reap(&harvest);
  }
  // Before operations are completed, which may take long: what has just left
  // the ring makes room, and the device should not wait for it.
  queue_.Pump();
  // The ring may have died just now. An operation that it gives back looks as
  // if a thread were completing it: that is us.
  queue_.TakeOrphans(&harvest);
  if (harvest.count == 0) {
    return 0;
  }
  NoteInFlight(in_flight_ - harvest.count);
  // Another thread may reap meanwhile: what follows may wait for a device.
  waiters_.HandOver(queue_);
  mutex_.Unlock();
  const RingEvidence seen = CompleteHarvest(harvest, completer_);
  mutex_.Lock();
  queue_.Judge(seen, harvest.ring_number);
  waiters_.WakeFinished();
  return harvest.count;
}

size_t AsyncShard::Poll() {
  // Nearly always for all shards but the thread's own: not even a lock.
  if (in_flight_.load(std::memory_order_relaxed) == 0) {
    return 0;
  }
  MutexLock lock(&mutex_);
  size_t completed = 0;
  for (size_t step = Advance(); step > 0; step = Advance()) {
    completed += step;
  }
  return completed;
}

void AsyncShard::Cancel(IoOp* op) {
  op->request_cancel();
  bool was_waiting = false;
  bool ring_died = false;
  {
    MutexLock lock(&mutex_);
    was_waiting = queue_.TakeWaiting(op);
    if (was_waiting) {
      NoteInFlight(in_flight_ - 1);
    } else {
      queue_.Cancel(op);
      ring_died = queue_.has_orphans();
    }
  }
  if (ring_died) {
    Poll();
  }
  if (!was_waiting) {
    return;
  }
  EndCancelled(op);
  op->path = IoPath::kRing;
  CountCompleted(op, 1, op->start, completer_.statistics());
  CompleteAll(op, 1);
  // Followers that wait for it; a leader that does looks by itself (kLookUs).
  MutexLock lock(&mutex_);
  waiters_.WakeFinished();
}

int AsyncShard::WaitOn(Ring* ring, uint64_t timeout_us) {
  if (ring != nullptr) {
    return ring->Wait(1, timeout_us);
  }
  const timespec pause = {0, kPauseNs};
  nanosleep(&pause, nullptr);
  return 0;
}

// One completion at a time: to wait for as many as the waiters need took no
// fewer wake-ups and no less CPU time (env/MEASUREMENTS.md), and the waiter
// nearest to its end would have to wake the leader.
void AsyncShard::Lead(uint64_t timeout_us) {
  // The ring stays while there is a leader (EnsureRing), so that it may be used
  // without the lock.
  Ring* const ring = queue_.ring_to_wait_on();
  if (queue_.has_waiting()) {
    timeout_us = std::min(timeout_us, kLookUs);
  }
  waiters_.BeginToLead();
  mutex_.Unlock();
  const int result = WaitOn(ring, timeout_us);
  mutex_.Lock();
  waiters_.EndToLead();
  pauses_ = ring == nullptr && queue_.has_ring() ? pauses_ + 1 : 0;
  if (result < 0 && result != -ETIME && result != -EINTR && !IsBusy(result)) {
    queue_.GiveUp("io_uring_enter", Errno::FromResult(result));
  } else if (pauses_ > kPausesMax) {
    pauses_ = 0;
    queue_.GiveUp("io_uring_enter", Errno::FromErrno(EBUSY));
  }
}

bool AsyncShard::WaitUntil(ShardWaiters::Waiter* self, Deadline deadline) {
  MutexLock lock(&mutex_);
  // Not of one that only looks.
  if (deadline.LeftUs() > 0) {
    self->Hurry(&queue_);
  }
  bool complete = false;
  for (;;) {
    // One harvest, then a look at its own operations: completions of others may
    // come faster than they are reaped, and each may wait for a device.
    const size_t reaped = Advance();
    complete = self->IsDone();
    const uint64_t left_us = complete ? 0 : deadline.LeftUs();
    if (left_us == 0) {
      break;
    }
    if (reaped > 0) {
      continue;
    }
    // With all of its operations in the hands of other threads, a leader would
    // wait in the kernel for a completion that need not come.
    if (waiters_.has_leader() || !self->NeedsQueue(queue_)) {
      waiters_.HandOver(queue_);
      waiters_.Follow(self, &mutex_, left_us);
    } else {
      Lead(left_us);
    }
  }
  waiters_.HandOver(queue_);
  return complete;
}

bool AsyncShard::Wait(IoOp* op, uint64_t timeout_us) {
  // Without the lock: what another thread has reaped meanwhile costs a load.
  if (op->completed() || op->state() == IoState::kIdle) {
    return op->completed();
  }
  ShardWaiters::Waiter self = ShardWaiters::Waiter::ForAny(&op, 1);
  return WaitUntil(&self, timeout_us == IoEngine::kNoTimeout
                              ? Deadline()
                              : Deadline::In(timeout_us));
}

bool AsyncShard::WaitAll(IoOp** ops, size_t count, Deadline deadline) {
  ShardWaiters::Waiter self = ShardWaiters::Waiter::ForAll(ops, count);
  return self.IsDone() || WaitUntil(&self, deadline);
}

bool AsyncShard::WaitAny(IoOp* const* ops, size_t count, Deadline deadline) {
  ShardWaiters::Waiter self = ShardWaiters::Waiter::ForAny(ops, count);
  return self.IsDone() || WaitUntil(&self, deadline);
}

}  // namespace rocksdb_uring
