// The threads that wait in a shard: one leads, the others follow.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "env/base/mutex.h"
#include "env/engine/io_op.h"
#include "env/engine/shard_queue.h"

namespace rocksdb_uring {

// The leader waits in the kernel with the shard's lock released; followers
// sleep, each on a condition variable of its own, so that a completion wakes
// the thread that it concerns and no other.
//
// While a follower sleeps whose operations are in the queue, there is a leader,
// or a follower that has been woken to lead: a thread that does not lead any
// more, because it has what it waited for, completes operations or sleeps,
// calls HandOver.
//
// REQUIRES: the shard's lock is held in every call.
class ShardWaiters {
 public:
  // A thread that waits, and for what. Lives on its stack.
  class Waiter {
   public:
    // Until all are complete; the list is overwritten.
    static Waiter ForAll(IoOp** ops, size_t count) { return {ops, ops, count}; }
    // Until one is.
    static Waiter ForAny(IoOp* const* ops, size_t count) {
      return {nullptr, ops, count};
    }

    // Whether there is nothing left to wait for: an operation that is not in
    // flight is not waited for.
    bool IsDone();
    // Moves those that wait for room in front of what no thread waits for.
    void Hurry(ShardQueue* queue);
    // Whether it has to wait for what the queue holds.
    bool NeedsQueue(const ShardQueue& queue) const;

   private:
    friend class ShardWaiters;

    Waiter(IoOp** rest, IoOp* const* ops, size_t count)
        : rest_(rest), ops_(ops), count_(count) {}

    // The same list, of which what is complete is dropped; null if one is
    // enough.
    IoOp** const rest_;
    IoOp* const* const ops_;
    size_t count_;
    CondVar wake_;
    bool woken_ = false;
    Waiter* next_ = nullptr;
  };

  bool has_leader() const { return leader_; }
  void BeginToLead() { leader_ = true; }
  void EndToLead() { leader_ = false; }

  // Sleeps as a follower until woken, at most `timeout_us` microseconds
  // (Deadline::kNoLimit: without limit); releases `mutex` meanwhile.
  void Follow(Waiter* self, Mutex* mutex, uint64_t timeout_us)
      URING_REQUIRES(mutex);
  // Wakes the followers that have nothing left to wait for. To be called when
  // operations have been completed.
  void WakeFinished();
  // Wakes one follower to lead, if there is no leader and it is needed.
  void HandOver(const ShardQueue& queue);

 private:
  void Wake(Waiter* waiter);

  bool leader_ = false;
  // Those that sleep, the latest first.
  Waiter* followers_ = nullptr;
};

}  // namespace rocksdb_uring
