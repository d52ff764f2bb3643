// The side of a shard that waits: who leads, who follows, and for how many
// completions the leader sleeps.
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "env/engine/async_shard.h"

namespace rocksdb_uring {

namespace {

// How long a waiter sleeps between two looks at a ring that cannot be waited
// for, and how often before a ring that takes nothing is given up.
constexpr long kPauseNs = 200 * 1000;
constexpr int kPausesMax = 100;
// A leader that waits for several looks at what there is so often: those who
// only poll cannot tell it that they are there.
constexpr uint64_t kLookUs = 5000;

// 0 if the moment has passed.
uint64_t MicrosecondsUntil(std::chrono::steady_clock::time_point deadline) {
  if (deadline == std::chrono::steady_clock::time_point::max()) {
    return Ring::kNoTimeout;
  }
  const auto left = std::chrono::duration_cast<std::chrono::microseconds>(
      deadline - std::chrono::steady_clock::now());
  return left.count() <= 0 ? 0 : static_cast<uint64_t>(left.count());
}

}  // namespace

bool AsyncShard::BeingCompleted(const IoOp& op) const {
  if (op.state() != IoState::kInFlight) {
    return false;
  }
  const auto slot = static_cast<uint32_t>(op.tag);
  return slot >= slots_.size() || slots_[slot].op != &op;
}

void AsyncShard::DropCompleted(Waiter* waiter) {
  IoOp** const end =
      std::remove_if(waiter->ops, waiter->ops + waiter->count, [](IoOp* op) {
        const IoState state = op->state();
        return state == IoState::kCompleted || state == IoState::kIdle;
      });
  waiter->count = static_cast<size_t>(end - waiter->ops);
}

size_t AsyncShard::Missing(const Waiter& waiter) const {
  size_t in_flight = 0;
  bool queued = false;
  for (size_t i = 0; i < waiter.count; ++i) {
    const IoOp& op = *waiter.ops[i];
    const IoState state = op.state();
    queued = queued || state == IoState::kQueued;
    in_flight += state == IoState::kInFlight && !BeingCompleted(op) ? 1 : 0;
  }
  return in_flight > 0 ? in_flight : static_cast<size_t>(queued);
}

size_t AsyncShard::Awaitable(const Waiter& self) const {
  // What is not in the kernel yet wants to be put there as soon as there is
  // room.
  if (dead_ || !unsubmitted_.empty() || !backlog_.empty() ||
      !cancels_.empty()) {
    return 1;
  }
  size_t count = std::min<size_t>(Missing(self), ring_->submission_entries());
  for (const Waiter* other = waiters_; other != nullptr; other = other->next) {
    const size_t missing = Missing(*other);
    count = missing == 0 ? count : std::min(count, missing);
  }
  const bool room =
      in_flight_ + kControlRoom + count < ring_->completion_entries();
  return room ? count : 1;
}

void AsyncShard::Sleep(Waiter* self, Clock::time_point deadline) {
  self->next = waiters_;
  waiters_ = self;
  if (deadline == Clock::time_point::max()) {
    completed_.Wait(&mutex_);
  } else {
    completed_.WaitUntil(&mutex_, deadline);
  }
  Waiter** link = &waiters_;
  while (*link != self) {
    link = &(*link)->next;
  }
  *link = self->next;
}

void AsyncShard::Lead(size_t count, uint64_t timeout_us) {
  // With nothing in the kernel, or a kernel that refuses the ring, there is
  // nothing to wait on: requests that a dead ring has consumed complete
  // without our help.
  const bool can_wait = !dead_ && in_flight_ > unsubmitted_.size();
  Ring* const ring = ring_.get();
  leader_ = true;
  lead_extra_ = count - 1;
  mutex_.Unlock();
  int result = 0;
  if (can_wait) {
    result = ring->Wait(static_cast<unsigned>(count),
                        count > 1 ? std::min(timeout_us, kLookUs) : timeout_us);
  } else {
    const timespec pause = {0, kPauseNs};
    nanosleep(&pause, nullptr);
  }
  mutex_.Lock();
  leader_ = false;
  lead_extra_ = 0;
  const bool failed =
      result < 0 && result != -ETIME && result != -EINTR && !IsBusy(result);
  const bool stuck = !can_wait && ++pauses_ > kPausesMax;
  if (can_wait) {
    pauses_ = 0;
  }
  if (failed || stuck) {
    MarkDead("io_uring_enter", Errno::FromResult(failed ? result : -EBUSY));
  }
}

void AsyncShard::WakeLeader() {
  if (!leader_ || dead_) {
    return;
  }
  for (size_t missing = lead_extra_ + 1;
       missing > 0 && !dead_ && PrepareControl(RingOpcode::kNop, 0);
       --missing) {
  }
  lead_extra_ = 0;
  FlushQueue();
}

bool AsyncShard::WaitUntil(Waiter* self, Clock::time_point deadline) {
  MutexLock lock(&mutex_);
  for (;;) {
    while (Advance() > 0) {
    }
    DropCompleted(self);
    if (self->count == 0) {
      return true;
    }
    const uint64_t left_us = MicrosecondsUntil(deadline);
    if (left_us == 0) {
      return false;
    }
    const size_t missing = Missing(*self);
    if (missing == 0) {
      Sleep(self, deadline);
    } else if (leader_ && missing <= lead_extra_) {
      // It would sleep beyond the moment when this waiter is done.
      WakeLeader();
    } else if (leader_) {
      Sleep(self, deadline);
    } else {
      Lead(Awaitable(*self), left_us);
      // Whoever sleeps may have been completed, or has to lead now.
      if (waiters_ != nullptr) {
        completed_.NotifyAll();
      }
    }
  }
}

bool AsyncShard::Wait(IoOp* op, uint64_t timeout_us) {
  if (op->completed() || op->state() == IoState::kIdle) {
    return op->completed();
  }
  const Clock::time_point deadline =
      timeout_us == Ring::kNoTimeout
          ? Clock::time_point::max()
          : Clock::now() + std::chrono::microseconds(timeout_us);
  Waiter self{&op, 1};
  return WaitUntil(&self, deadline);
}

void AsyncShard::WaitAll(IoOp** ops, size_t count) {
  Waiter self{ops, count};
  DropCompleted(&self);
  if (self.count > 0) {
    WaitUntil(&self, Clock::time_point::max());
  }
}

}  // namespace rocksdb_uring
