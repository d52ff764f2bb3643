// One ring for operations that outlive the call that starts them. Any thread
// submits, waits, polls and cancels; whoever reaps a completion completes its
// operation, whoever it belongs to.
//
// Of the threads that wait, one at a time (the leader) waits in the kernel,
// with the lock released, and is the only one to touch the completion queue
// meanwhile; the others sleep on a condition variable. A thread that submits
// needs the submission queue only and never waits for the leader.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "env/base/fixed_queue.h"
#include "env/base/mutex.h"
#include "env/engine/completion.h"
#include "env/engine/io_op.h"
#include "env/engine/live_ring.h"
#include "env/engine/op_queue.h"
#include "env/engine/request_table.h"
#include "env/ring/ring.h"

namespace rocksdb_uring {

class AsyncShard {
 public:
  struct Options {
    RingOptions ring;
    // Operations that may wait for room in the ring.
    size_t backlog_max = 0;
    // Position of this shard among its siblings, put into IoOp::shard.
    uint32_t index = 0;
  };

  // `rings` is not owned and must outlive the shard.
  AsyncShard(Options options, const Completer& completer,
             const RingEnvironment* rings);
  // REQUIRES: no operation is in flight.
  ~AsyncShard();

  // As IoEngine; `ops` of WaitAll is overwritten.
  size_t Submit(IoOp* const* ops, size_t count) URING_EXCLUDES(mutex_);
  bool Wait(IoOp* op, uint64_t timeout_us) URING_EXCLUDES(mutex_);
  void WaitAll(IoOp** ops, size_t count) URING_EXCLUDES(mutex_);
  size_t Poll() URING_EXCLUDES(mutex_);
  void Cancel(IoOp* op) URING_EXCLUDES(mutex_);

  // Whether it has a ring that serves.
  bool has_ring() URING_EXCLUDES(mutex_);

 private:
  using Clock = std::chrono::steady_clock;

  // An operation taken off the ring, to be completed outside the lock.
  struct Reaped {
    IoOp* op;
    int32_t result;
    // The ring has not answered: it never took the request.
    bool orphan;
  };
  static constexpr size_t kReapMax = 64;
  // Completions that are kept free for requests without operation.
  static constexpr size_t kControlRoom = 16;
  struct ReapedList {
    Reaped items[kReapMax];
    size_t count = 0;
  };
  // A thread that waits, and for what. Lives on its stack.
  struct Waiter {
    // Those that are not complete come first.
    IoOp** ops;
    size_t count;
  };
  // So many refusals in a row and a ring that has worked is given up: a few
  // may be a file's fault, and unlike a batch, which is a sample of many, a
  // harvest here is often a single operation.
  static constexpr size_t kRefusalsMax = 8;

  bool EnsureRing() URING_REQUIRES(mutex_);
  // Room for all that the ring may hold: what comes later allocates nothing.
  bool MakeTables(const Ring& ring) URING_REQUIRES(mutex_);
  // Bytes of the table and the queue, as they are booked.
  size_t table_bytes() const URING_REQUIRES(mutex_) {
    return requests_.memory_bytes() + unsubmitted_.memory_bytes();
  }
  size_t Enqueue(IoOp* const* ops, size_t count) URING_REQUIRES(mutex_);
  bool PutOnRing(IoOp* op) URING_REQUIRES(mutex_);
  void Pump() URING_REQUIRES(mutex_);
  void FlushQueue() URING_REQUIRES(mutex_);
  // `call` and `error` as for the breaker.
  void MarkDead(const char* call, Errno error) URING_REQUIRES(mutex_);
  // `ring_number` is that of the ring that the evidence is of.
  void Judge(const RingEvidence& evidence, uint64_t ring_number)
      URING_REQUIRES(mutex_);
  // Takes back what the ring, which has failed, never consumed.
  void TakeBack() URING_REQUIRES(mutex_);
  bool dead() const URING_REQUIRES(mutex_) {
    return ring_ != nullptr && ring_->failed();
  }
  void RetireIfIdle() URING_REQUIRES(mutex_);
  void Reap(ReapedList* reaped) URING_REQUIRES(mutex_);
  void TakeOrphans(ReapedList* reaped) URING_REQUIRES(mutex_);
  RingEvidence CompleteReaped(const ReapedList& reaped) URING_EXCLUDES(mutex_);
  // Puts a request without operation on the queue; false if there is no room.
  bool PrepareControl(RingOpcode opcode, uint64_t target)
      URING_REQUIRES(mutex_);
  // Completes what can be completed now and refills the ring; releases the
  // lock in between. Returns how many operations it completed.
  size_t Advance() URING_REQUIRES(mutex_);
  // Whether a thread has taken the operation off the ring and is about to
  // complete it.
  bool BeingCompleted(const IoOp& op) const URING_REQUIRES(mutex_);
  // Returns whether all is complete.
  bool WaitUntil(Waiter* self, Clock::time_point deadline)
      URING_EXCLUDES(mutex_);
  // Takes out of the list what need not be waited for any more.
  static void DropCompleted(Waiter* waiter);
  // Whether a completion of the ring, or room in it, brings the waiter nearer
  // to its end; if not, other threads have taken all that it waits for.
  bool NeedsRing(const Waiter& waiter) const URING_REQUIRES(mutex_);
  // Waits for another thread to complete something, as a follower.
  void Sleep(Clock::time_point deadline) URING_REQUIRES(mutex_);
  // Waits for a completion, as the leader, with the lock released.
  void Lead(uint64_t timeout_us) URING_REQUIRES(mutex_);

  const Options options_;
  const Completer completer_;
  const RingEnvironment* const rings_;

  Mutex mutex_;
  CondVar completed_;
  // Changes only when nothing is in flight and nobody leads.
  std::unique_ptr<LiveRing> ring_ URING_GUARDED_BY(mutex_);
  RequestTable requests_ URING_GUARDED_BY(mutex_);
  // Wait for room in the ring.
  OpQueue backlog_ URING_GUARDED_BY(mutex_);
  // Tags on the submission queue that the kernel has not consumed, in order:
  // left there by a kernel that is short of memory. No thread sleeps before it
  // has tried to hand them over.
  FixedQueue<uint64_t> unsubmitted_ URING_GUARDED_BY(mutex_);
  // Operations that a dead ring never took: POSIX does them.
  OpQueue orphans_ URING_GUARDED_BY(mutex_);
  // Requests on the queue or in the kernel, those without operation included:
  // never more than the completion queue holds.
  size_t in_flight_ URING_GUARDED_BY(mutex_) = 0;
  size_t followers_ URING_GUARDED_BY(mutex_) = 0;
  bool leader_ URING_GUARDED_BY(mutex_) = false;
  // Waits in a row that the ring gave no occasion for.
  int pauses_ URING_GUARDED_BY(mutex_) = 0;
};

}  // namespace rocksdb_uring
