// The side of a shard that waits: who leads, and who follows.
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
// While requests wait outside the kernel, the leader looks at them so often: no
// completion wakes it when room comes, or when another thread cancels its
// operation there or completes it because the ring has died.
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
  return op.state() == IoState::kInFlight && requests_.Find(op.tag) != &op;
}

void AsyncShard::DropCompleted(Waiter* waiter) {
  IoOp** const end =
      std::remove_if(waiter->ops, waiter->ops + waiter->count, [](IoOp* op) {
        const IoState state = op->state();
        return state == IoState::kCompleted || state == IoState::kIdle;
      });
  waiter->count = static_cast<size_t>(end - waiter->ops);
}

bool AsyncShard::NeedsRing(const Waiter& waiter) const {
  return std::any_of(
      waiter.ops, waiter.ops + waiter.count,
      [this](const IoOp* op) URING_REQUIRES(mutex_) {
        return op->state() == IoState::kQueued ||
               (op->state() == IoState::kInFlight && !BeingCompleted(*op));
      });
}

void AsyncShard::Sleep(Clock::time_point deadline) {
  ++followers_;
  if (deadline == Clock::time_point::max()) {
    completed_.Wait(&mutex_);
  } else {
    completed_.WaitUntil(&mutex_, deadline);
  }
  --followers_;
}

// One completion at a time: to wait for as many as the waiters need took no
// fewer wake-ups and no less CPU time (env/README.md), and the waiter nearest
// to its end would have to wake the leader.
void AsyncShard::Lead(uint64_t timeout_us) {
  // With nothing in the kernel, or a kernel that refuses the ring, there is
  // nothing to wait on: requests that a dead ring has consumed complete
  // without our help.
  const bool can_wait = !dead() && in_flight_ > unsubmitted_.size();
  if (!unsubmitted_.empty() || !backlog_.empty()) {
    timeout_us = std::min(timeout_us, kLookUs);
  }
  Ring* const ring = ring_ == nullptr ? nullptr : ring_->ring();
  leader_ = true;
  mutex_.Unlock();
  int result = 0;
  if (can_wait) {
    result = ring->Wait(1, timeout_us);
  } else {
    const timespec pause = {0, kPauseNs};
    nanosleep(&pause, nullptr);
  }
  mutex_.Lock();
  leader_ = false;
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
    if (leader_ || !NeedsRing(*self)) {
      Sleep(deadline);
    } else {
      Lead(left_us);
      // Whoever sleeps may have been completed, or has to lead now.
      if (followers_ > 0) {
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
