// Who of the waiting threads sleeps, and who is woken.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/engine/shard_waiters.h"

#include <algorithm>
#include <chrono>

#include "env/base/clock.h"

namespace rocksdb_uring {

bool ShardWaiters::Waiter::DropCompleted() {
  IoOp** const end = std::remove_if(ops, ops + count, [](IoOp* op) {
    const IoState state = op->state();
    return state == IoState::kCompleted || state == IoState::kIdle;
  });
  count = static_cast<size_t>(end - ops);
  return count == 0;
}

void ShardWaiters::Waiter::Hurry(ShardQueue* queue) {
  std::for_each(ops, ops + count, [queue](IoOp* op) { queue->Hurry(op); });
}

bool ShardWaiters::Waiter::IsInQueue(const ShardQueue& queue) const {
  return std::any_of(ops, ops + count,
                     [&queue](const IoOp* op) { return queue.Holds(*op); });
}

// Linked while it sleeps only, so that the list holds no thread that has to be
// woken for nothing. `woken` tells a wake-up from a spurious one.
void ShardWaiters::Follow(Waiter* self, Mutex* mutex, uint64_t timeout_us) {
  self->woken = false;
  self->next = followers_;
  followers_ = self;
  if (timeout_us == Deadline::kNoLimit) {
    while (!self->woken) {
      self->wake.Wait(mutex);
    }
  } else {
    const auto end = std::chrono::steady_clock::now() +
                     std::chrono::microseconds(timeout_us);
    while (!self->woken && self->wake.WaitUntil(mutex, end)) {
    }
  }
  Waiter** link = &followers_;
  while (*link != self) {
    link = &(*link)->next;
  }
  *link = self->next;
}

void ShardWaiters::Wake(Waiter* waiter) {
  // With the lock held: the condition variable is on the stack of a thread
  // that is free to go as soon as it has the lock.
  waiter->woken = true;
  waiter->wake.NotifyAll();
}

void ShardWaiters::WakeFinished() {
  for (Waiter* waiter = followers_; waiter != nullptr; waiter = waiter->next) {
    if (!waiter->woken && waiter->DropCompleted()) {
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
  for (Waiter* waiter = followers_; waiter != nullptr; waiter = waiter->next) {
    // One that is awake already hands over itself when it goes.
    if (waiter->woken || waiter->IsInQueue(queue)) {
      if (!waiter->woken) {
        Wake(waiter);
      }
      return;
    }
  }
}

}  // namespace rocksdb_uring
