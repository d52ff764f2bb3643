// A thread with a ring of its own: runs functions, starts the reads that they
// submit, and completes them. What one of its functions begins stays on this
// thread and on this ring.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "env/base/mutex.h"
#include "env/engine/completion.h"
#include "env/engine/io_op.h"
#include "env/engine/loop_timers.h"
#include "env/engine/op_queue.h"
#include "env/engine/shard_queue.h"

namespace rocksdb_uring {

class RingLoop;

// The loops of an engine, for its reports. Safe for concurrent use.
class RingLoopList {
 public:
  void Add(RingLoop* loop) URING_EXCLUDES(mutex_);
  void Remove(RingLoop* loop) URING_EXCLUDES(mutex_);
  // Adds the operations of all loops.
  void AddInFlight(InFlightReport* report) URING_EXCLUDES(mutex_);

 private:
  Mutex mutex_;
  std::vector<RingLoop*> loops_ URING_GUARDED_BY(mutex_);
};

class RingLoop {
 public:
  // What the thread runs between completions.
  class Work {
   public:
    // Runs what waits at this moment, on the loop's thread; returns whether
    // there was anything. May call Submit. What it runs may destroy the loop
    // and this object: afterwards Current() is null.
    virtual bool RunWaiting() = 0;
    // Whether anything waits. Called on the loop's thread.
    virtual bool HasWaiting() = 0;

   protected:
    ~Work() = default;
  };

  // Null if the process can have no further thread. The thread sleeps until
  // there is work, and makes its ring for the first read. Nothing is owned;
  // all of it must outlive the loop.
  static std::unique_ptr<RingLoop> Start(const ShardQueue::Options& options,
                                         const Completer& completer,
                                         const RingEnvironment* rings,
                                         RingLoopList* list, Work* work);
  // Returns when nothing waits and no read is in flight, and the thread has
  // ended. On the loop's own thread it does what the thread would do, and the
  // thread ends when the function that destroys the loop returns. REQUIRES: no
  // other thread calls a function of it any more.
  ~RingLoop();
  RingLoop(const RingLoop&) = delete;
  RingLoop& operator=(const RingLoop&) = delete;

  // Destroys a loop without waiting for reads that TakeBack has given up: a
  // thread of their own waits for those, with `engine`, which keeps alive what
  // the loop needs.
  static void End(std::unique_ptr<RingLoop> loop,
                  std::shared_ptr<const void> engine);

  // The loop whose thread this is; null on every other thread, and in a child
  // that this thread has forked.
  static RingLoop* Current();

  // Starts a read, at the latest when the work that waits now has run. It is
  // always taken: what finds no room in the ring waits for it, and where there
  // is no ring POSIX reads. It must have a callback, which this thread calls,
  // perhaps inside Submit, and which must not submit. REQUIRES: Current() ==
  // this.
  void Submit(IoOp* op);

  // Ends a submitted read that is not complete. True: it was not the kernel's
  // yet, and is the caller's again; its callback is not called. False: it
  // completes later, as one that was abandoned. REQUIRES: Current() == this.
  bool TakeBack(IoOp* op) URING_EXCLUDES(mutex_);

  // Has `timer` called on this thread when its time has come, or up to the
  // length of a round later. A timer is of a read in flight: the loop sleeps
  // without one when there is none. REQUIRES: Current() == this.
  void AddTimer(LoopTimer* timer) { timers_.Add(timer); }
  // REQUIRES: Current() == this; it was added, and was not called.
  void RemoveTimer(LoopTimer* timer) { timers_.Remove(timer); }

  // Makes the thread look for work; to be called after work was added by any
  // other thread. Does not block. Safe for concurrent use.
  void Wake() URING_EXCLUDES(mutex_);

  // Adds the operations that it holds. Safe for concurrent use.
  void AddInFlight(InFlightReport* report) URING_EXCLUDES(mutex_);

 private:
  enum class Sleep : uint8_t {
    kAwake,
    // Waits for a completion: a request that does nothing wakes it.
    kOnRing,
    // No read is in flight: the condition wakes it.
    kOnCondition,
  };

  RingLoop(const ShardQueue::Options& options, const Completer& completer,
           const RingEnvironment* rings, RingLoopList* list, Work* work);

  static void Main(RingLoop* loop);
  // Ends the thread, when all reads but those given up are complete.
  void Stop();
  // Waits for those, without the thread.
  void AwaitGivenUp() URING_EXCLUDES(mutex_);
  // One round. False if the loop was destroyed, or is to end and is idle.
  bool Step();
  void SubmitPending() URING_EXCLUDES(mutex_);
  void RunByPosix(IoOp* op);
  // Completes what can be completed now; returns how many operations.
  size_t Complete() URING_EXCLUDES(mutex_);
  // Returns when there may be something to do.
  void SleepUntilNeeded() URING_EXCLUDES(mutex_);
  void SleepOnCondition() URING_EXCLUDES(mutex_);
  void SleepOnRing(Ring* ring) URING_EXCLUDES(mutex_);
  // Says that the thread is about to sleep; false if it must not.
  bool MaySleep(Sleep kind);

  const Completer completer_;
  const RingEnvironment* const rings_;
  RingLoopList* const list_;
  Work* const work_;
  const uint32_t generation_;

  // Submitted in this round. Only the thread touches it, and what follows.
  OpQueue pending_;
  LoopTimers timers_;
  // Of the operations that the queue holds.
  size_t given_up_ = 0;
  // Rounds in a row in which the ring took nothing and could not be waited on.
  int pauses_ = 0;
  // Operations that the queue holds; written by the thread.
  std::atomic<size_t> outstanding_{0};
  std::atomic<Sleep> sleep_{Sleep::kAwake};
  std::atomic<bool> stopping_{false};
  // The thread changes the queue; others put the request there that wakes it.
  Mutex mutex_{SharedBy::kShard};
  CondVar woken_;
  ShardQueue queue_ URING_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace rocksdb_uring
