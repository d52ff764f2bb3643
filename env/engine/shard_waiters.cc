// Who of the waiting threads sleeps, and who is woken.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/engine/shard_waiters.h"

#include <algorithm>
#include <chrono>
#include <functional>

#include "env/base/clock.h"

namespace rocksdb_uring {

bool ShardWaiters::Waiter::IsDone() {
  if (rest_ == nullptr) {
    return AnyCompleted(ops_, count_) ||
           std::none_of(ops_, ops_ + count_, IsInFlight);
  }
  IoOp** const end =
      std::remove_if(rest_, rest_ + count_, std::not_fn(IsInFlight));
  count_ = static_cast<size_t>(end - rest_);
  return count_ == 0;
}

void ShardWaiters::Waiter::Hurry(ShardQueue* queue) {
  std::for_each(ops_, ops_ + count_, [queue](IoOp* op) { queue->Hurry(op); });
}

// Who needs all of them has to wait for those that the queue holds in any case.
// Who needs one may have it from a thread that has taken it off the ring, and
// must not be in the kernel then: no completion would come for it. That thread
// may complete it at this moment, and looks for followers afterwards.
bool ShardWaiters::Waiter::NeedsQueue(const ShardQueue& queue) const {
  const auto is_held = [&queue](const IoOp* op) { return queue.Holds(*op); };
  return std::any_of(ops_, ops_ + count_, is_held) &&
         (rest_ != nullptr ||
          std::all_of(ops_, ops_ + count_, [&](const IoOp* op) {
            return op->state() == IoState::kIdle || is_held(op);
          }));
}

// Linked while it sleeps only, so that the list holds no thread that has to be
// woken for nothing. `woken_` tells a wake-up from a spurious one.
void ShardWaiters::Follow(Waiter* self, Mutex* mutex, uint64_t timeout_us) {
  self->woken_ = false;
  self->next_ = followers_;
  followers_ = self;
  if (timeout_us == Deadline::kNoLimit) {
    while (!self->woken_) {
      self->wake_.Wait(mutex);
    }
  } else {
    const auto end = std::chrono::steady_clock::now() +
                     std::chrono::microseconds(timeout_us);
    while (!self->woken_ && self->wake_.WaitUntil(mutex, end)) {
    }
  }
  Waiter** link = &followers_;
  while (*link != self) {
    link = &(*link)->next_;
  }
  *link = self->next_;
}

void ShardWaiters::Wake(Waiter* waiter) {
  // With the lock held: the condition variable is on the stack of a thread
  // that is free to go as soon as it has the lock.
  waiter->woken_ = true;
  waiter->wake_.NotifyAll();
}

void ShardWaiters::WakeFinished() {
  for (Waiter* waiter = followers_; waiter != nullptr; waiter = waiter->next_) {
    if (!waiter->woken_ && waiter->IsDone()) {
      Wake(waiter);
    }
  }
}

// One is enough: it hands over in turn when it goes. To wake all, as one common
// condition variable would, lets all but one of them find a leader and sleep
// again.
void ShardWaiters::HandOver(const ShardQueue& queue) {
  if (leader_) {
    return;
  }
  for (Waiter* waiter = followers_; waiter != nullptr; waiter = waiter->next_) {
    // One that is awake already hands over itself when it goes.
    if (waiter->woken_ || waiter->NeedsQueue(queue)) {
      if (!waiter->woken_) {
        Wake(waiter);
      }
      return;
    }
  }
}

}  // namespace rocksdb_uring
