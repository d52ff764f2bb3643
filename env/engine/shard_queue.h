// The queue of a shard to the kernel: its ring, the requests that the kernel
// has, those that it has not consumed yet, and the operations that wait for
// room.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "env/base/fixed_queue.h"
#include "env/engine/completion.h"
#include "env/engine/io_op.h"
#include "env/engine/live_ring.h"
#include "env/engine/op_queue.h"
#include "env/engine/request_table.h"
#include "env/ring/ring.h"

namespace rocksdb_uring {

// Completes no operation: what comes back is handed to the caller (Harvest),
// who completes it with no lock held.
// REQUIRES: external synchronization.
class ShardQueue {
 public:
  struct Options {
    RingOptions ring;
    // Operations that may wait for room in the ring, of each of two kinds:
    // those that are wanted now, and those that are wanted later.
    size_t backlog_max = 0;
    // Position of this shard among its siblings, put into IoOp::shard.
    uint32_t index = 0;
  };

  // Operations that have left the queue, to be completed.
  struct Harvest {
    static constexpr size_t kMax = 64;
    struct Item {
      IoOp* op;
      int32_t result;
      // The ring has not answered: it never took the request.
      bool orphan;
    };
    bool full() const { return count == kMax; }

    Item items[kMax];
    size_t count = 0;
    // The ring that has answered, for Judge.
    uint64_t ring_number = 0;
  };

  // `rings` is not owned and must outlive the queue.
  ShardQueue(const Options& options, const RingEnvironment* rings);
  // REQUIRES: no operation is in flight.
  ~ShardQueue();

  // Makes a ring if there is none, and asks the breaker; false if no request
  // may be added now. `waited_on`: a thread is in Ring::Wait, so that even a
  // ring that has failed and is empty must stay.
  bool EnsureRing(bool waited_on);
  // Whether it has a ring that serves.
  bool has_ring() const { return ring_ != nullptr && !ring_->failed(); }

  // Takes operations, from the front, and hands them to the kernel; returns how
  // many: the first that finds no room, in the ring or before it, ends it.
  // REQUIRES: EnsureRing() was true under the same lock.
  size_t Add(IoOp* const* ops, size_t count);
  // Fills the ring from what waits for room, and hands over what the kernel
  // has not consumed.
  void Pump();
  // Takes completions off the ring, as many as there is room for.
  // REQUIRES: no thread is in Ring::Wait.
  void Reap(Harvest* harvest);
  // Takes operations that a failed ring never took.
  void TakeOrphans(Harvest* harvest);
  bool has_orphans() const { return !orphans_.empty(); }

  // Takes an operation out that waits for room or for its turn; false if it
  // does not.
  bool TakeWaiting(const IoOp* op);
  // A thread waits for it: if it waits for room, it does so among those that
  // are wanted now, and its turn is the next.
  void Hurry(IoOp* op);
  // Makes a thread return that waits on the ring, if there is room for that.
  void WakeWaiter();
  // Asks the kernel to end a request early, at once or when there is room for
  // that; nothing if it does not have this operation.
  void Cancel(const IoOp* op);

  // What a harvest has shown of its ring.
  void Judge(const RingEvidence& seen, uint64_t ring_number);
  // Gives the ring up and takes back what it has not consumed, as orphans.
  // `call` and `error` as for the breaker.
  void GiveUp(const char* call, Errno error);

  // Whether a completion of the ring, or room in it, brings the operation
  // nearer to its end. If it is in flight and this is false, a thread has taken
  // it off the ring and is about to complete it.
  bool Holds(const IoOp& op) const;
  // The ring, if a wait on it ends by itself; null when there is nothing in the
  // kernel that could wake the waiter. Also the ring if all wait for their
  // turn: such a wait needs a time limit.
  Ring* ring_to_wait_on() const;
  // Adds the operations that it holds.
  void AddInFlight(InFlightReport* report) const;
  // Whether requests or operations wait outside the kernel.
  bool has_waiting() const { return has_waiting_for_room() || !paced_.empty(); }

 private:
  // Completions that are kept free for requests without operation.
  static constexpr size_t kControlRoom = 16;
  // So many refusals in a row and a ring that has worked is given up: a few
  // may be a file's fault, and unlike a batch, which is a sample of many, a
  // harvest here is often a single operation.
  static constexpr size_t kRefusalsMax = 8;

  // Room for all that the ring may hold: what comes later allocates nothing.
  bool MakeTables(const Ring& ring);
  // Bytes of the table and the queue, as they are booked.
  size_t table_bytes() const {
    return requests_.memory_bytes() + unsubmitted_.memory_bytes();
  }
  bool has_waiting_for_room() const {
    return !unsubmitted_.empty() || !backlog_.empty() || !later_.empty();
  }
  bool dead() const { return ring_ != nullptr && ring_->failed(); }
  static bool IsLater(const IoOp& op) {
    return op.priority != IoPriority::kForeground;
  }
  OpQueue* BacklogOf(const IoOp& op) {
    return op.pace != nullptr ? &paced_ : IsLater(op) ? &later_ : &backlog_;
  }
  // Whether others go before it: the first to come is the first to go, but for
  // those that are wanted later.
  bool MustQueue(const IoOp& op) const {
    return !backlog_.empty() || (IsLater(op) && !later_.empty());
  }
  // Whether the ring may hold one more.
  bool HasRoom(bool later) const;
  // Puts an operation on the submission queue; false if there is no room.
  bool Put(IoOp* op, bool later);
  // As much of a backlog as there is room for.
  void PutAllOf(OpQueue* backlog);
  // As many of those that wait for their turn as may start.
  void PutPaced();
  // Takes one of them out; false if it is none.
  bool TakePaced(const IoOp* op);
  // Puts a request without operation on the submission queue.
  bool PutControl(RingRequest request);
  bool PutCancel(uint64_t target);
  // Prepare, after a flush if the submission queue is full.
  bool Prepare(const RingRequest& request);
  void Flush();
  void TakeBack();

  const Options options_;
  const RingEnvironment* const rings_;
  // Changes only when nothing is in flight and no thread waits on it.
  std::unique_ptr<LiveRing> ring_;
  RequestTable requests_;
  // Wait for room in the ring: those that are wanted now, and the others.
  OpQueue backlog_;
  OpQueue later_;
  // Wait for their turn (BackgroundPace).
  OpQueue paced_;
  // Tags on the submission queue that the kernel has not consumed, in order:
  // left there by a kernel that is short of memory. No thread sleeps before it
  // has tried to hand them over.
  FixedQueue<uint64_t> unsubmitted_;
  // Operations that a dead ring never took: POSIX does them.
  OpQueue orphans_;
  // Requests on the queue or in the kernel, those without operation included:
  // never more than the completion queue holds, so that it cannot overflow.
  size_t in_flight_ = 0;
};

// Completes what a harvest has, with no lock held: may wait for a device, and
// runs callbacks. Returns what Judge wants to know.
RingEvidence CompleteHarvest(const ShardQueue::Harvest& harvest,
                             const Completer& completer);

}  // namespace rocksdb_uring
