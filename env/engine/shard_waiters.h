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
  struct Waiter {
    Waiter(IoOp** operations, size_t operation_count)
        : ops(operations), count(operation_count) {}

    // Takes out of the list what need not be waited for any more; true if
    // nothing is left.
    bool DropCompleted();
    // Moves those that wait for room in front of what no thread waits for.
    void Hurry(ShardQueue* queue);
    // Whether the queue holds one of them.
    bool IsInQueue(const ShardQueue& queue) const;

    // The caller's; overwritten.
    IoOp** ops;
    size_t count;

   private:
    friend class ShardWaiters;
    CondVar wake;
    bool woken = false;
    Waiter* next = nullptr;
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
