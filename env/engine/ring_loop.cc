// Rounds of a loop: run what waits, hand over what that has submitted, complete
// what has come back; and sleep when a round had nothing to do.
//
// Reads of one round go to the kernel together. A coroutine that waits for a
// read costs its own thread nothing meanwhile, so a round of a busy loop has
// tens of them, and one system call for each would be most of its time.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/engine/ring_loop.h"

#include <time.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <system_error>
#include <utility>

#include "env/base/debug_log.h"
#include "env/engine/fork_generation.h"
#include "env/engine/ring_request.h"

namespace rocksdb_uring {

namespace {

// Handed over together; their addresses are on the stack, since to read must
// not need memory.
constexpr size_t kPiece = 64;
// While reads are in flight the thread looks for work so often, in case the
// kernel could not take the request that should have woken it. Reads of a
// device that works come sooner.
constexpr uint64_t kLookUs = 5000;
// As a shard does it (async_shard.cc): how long between two looks at a ring
// that takes nothing, and how often before it is given up.
constexpr timespec kPause = {0, 200 * 1000};
constexpr int kPausesMax = 100;
// As for other abandoned reads (abandoned_reads.cc).
constexpr uint64_t kGivenUpLookUs = 100 * 1000;
constexpr int kReportAttempts = 20;
constexpr timespec kReportPause = {0, 1000 * 1000};

thread_local RingLoop* current_loop = nullptr;

}  // namespace

void RingLoopList::Add(RingLoop* loop) {
  MutexLock lock(&mutex_);
  loops_.push_back(loop);
}

void RingLoopList::Remove(RingLoop* loop) {
  MutexLock lock(&mutex_);
  loops_.erase(std::remove(loops_.begin(), loops_.end(), loop), loops_.end());
}

void RingLoopList::AddInFlight(InFlightReport* report) {
  MutexLock lock(&mutex_);
  for (RingLoop* loop : loops_) {
    loop->AddInFlight(report);
  }
}

std::unique_ptr<RingLoop> RingLoop::Start(const ShardQueue::Options& options,
                                          const Completer& completer,
                                          const RingEnvironment* rings,
                                          RingLoopList* list, Work* work) {
  std::unique_ptr<RingLoop> self(
      new RingLoop(options, completer, rings, list, work));
  try {
    self->thread_ = std::thread(&Main, self.get());
  } catch (const std::system_error& error) {
    DebugLog("no thread for a loop: %s", error.what());
    return nullptr;
  }
  return self;
}

RingLoop::RingLoop(const ShardQueue::Options& options,
                   const Completer& completer, const RingEnvironment* rings,
                   RingLoopList* list, Work* work)
    : completer_(completer),
      rings_(rings),
      list_(list),
      work_(work),
      generation_(ForkGeneration::AtBirth()),
      queue_(options, rings) {
  rings_->account->Add(sizeof(*this));
  list_->Add(this);
}

RingLoop::~RingLoop() {
  Stop();
  AwaitGivenUp();
  list_->Remove(this);
  rings_->account->Subtract(sizeof(*this));
}

void RingLoop::Stop() {
  stopping_.store(true);
  if (current_loop == this) {
    // The thread is in a function of ours below on the stack, and must not
    // touch this object again.
    while (Step()) {
    }
    current_loop = nullptr;
    thread_.detach();
  } else if (thread_.joinable()) {
    Wake();
    thread_.join();
  }
}

void RingLoop::End(std::unique_ptr<RingLoop> loop,
                   std::shared_ptr<const void> engine) {
  if (loop == nullptr) {
    return;
  }
  loop->Stop();
  if (loop->outstanding_.load(std::memory_order_relaxed) == 0) {
    return;
  }
  RingLoop* const rest = loop.get();
  try {
    std::thread([rest, engine = std::move(engine)] { delete rest; }).detach();
    (void)loop.release();
  } catch (const std::exception& error) {
    // No thread, or no memory for its state: they are waited for here.
    DebugLog("no thread for reads that were given up: %s", error.what());
  }
}

void RingLoop::AwaitGivenUp() {
  while (outstanding_.load(std::memory_order_relaxed) > 0) {
    Ring* ring = nullptr;
    {
      MutexLock lock(&mutex_);
      ring = queue_.ring_to_wait_on();
    }
    const int result =
        ring == nullptr ? -EAGAIN : ring->Wait(1, kGivenUpLookUs);
    if (result < 0 && result != -ETIME) {
      nanosleep(&kPause, nullptr);
    }
    Complete();
  }
}

RingLoop* RingLoop::Current() {
  return current_loop != nullptr &&
                 current_loop->generation_ == ForkGeneration::Now()
             ? current_loop
             : nullptr;
}

void RingLoop::Main(RingLoop* loop) {
  current_loop = loop;
  while (loop->Step()) {
  }
  current_loop = nullptr;
}

bool RingLoop::Step() {
  const bool ran = work_->RunWaiting();
  // In a forked child the ring is the parent's, and the thread has nothing left
  // to do.
  if (Current() != this) {
    return false;
  }
  SubmitPending();
  // In this order: what has come is in time.
  const bool completed = Complete() > 0;
  const bool expired = timers_.Expire();
  if (ran || completed || expired || work_->HasWaiting()) {
    return true;
  }
  if (stopping_.load() &&
      outstanding_.load(std::memory_order_relaxed) == given_up_) {
    return false;
  }
  SleepUntilNeeded();
  return true;
}

void RingLoop::Submit(IoOp* op) {
  op->start = StartTime::Exact();
  pending_.push_back(op);
  // The device starts on the first ones while coroutines prepare the others.
  if (pending_.size() >= kSubmitChunk) {
    SubmitPending();
  }
}

void RingLoop::SubmitPending() {
  while (!pending_.empty()) {
    IoOp* ops[kPiece];
    size_t count = 0;
    while (count < kPiece && !pending_.empty() && FitsRing(*pending_.front())) {
      ops[count++] = pending_.pop_front();
    }
    size_t taken = 0;
    if (count > 0) {
      MutexLock lock(&mutex_);
      if (queue_.EnsureRing(/*waited_on=*/false)) {
        // Counted before the kernel may have them, for the reports.
        outstanding_.fetch_add(count, std::memory_order_relaxed);
        taken = queue_.Add(ops, count);
        outstanding_.fetch_sub(count - taken, std::memory_order_relaxed);
      }
    }
    // Its callback only adds work, and what that submits comes in the next
    // round.
    for (; taken < count; ++taken) {
      RunByPosix(ops[taken]);
    }
    if (!pending_.empty() && !FitsRing(*pending_.front())) {
      RunByPosix(pending_.pop_front());
    }
  }
}

bool RingLoop::TakeBack(IoOp* op) {
  if (pending_.Remove(op)) {
    return true;
  }
  MutexLock lock(&mutex_);
  if (queue_.TakeWaiting(op)) {
    outstanding_.fetch_sub(1, std::memory_order_relaxed);
    return true;
  }
  op->set_abandoned();
  ++given_up_;
  queue_.Cancel(op);
  return false;
}

void RingLoop::RunByPosix(IoOp* op) {
  RunOptions options;
  options.path = PathChoice::kPosix;
  completer_.posix()->Run(op, 1, options);
}

size_t RingLoop::Complete() {
  ShardQueue::Harvest harvest;
  if (outstanding_.load(std::memory_order_relaxed) == 0) {
    return 0;
  }
  {
    MutexLock lock(&mutex_);
    queue_.TakeOrphans(&harvest);
    queue_.Reap(&harvest);
    // What has just left the ring makes room.
    queue_.Pump();
    queue_.TakeOrphans(&harvest);
  }
  if (harvest.count == 0) {
    return 0;
  }
  outstanding_.fetch_sub(harvest.count, std::memory_order_relaxed);
  for (size_t i = 0; i < harvest.count; ++i) {
    given_up_ -= harvest.items[i].op->abandoned() ? 1 : 0;
  }
  const RingEvidence seen = CompleteHarvest(harvest, completer_);
  MutexLock lock(&mutex_);
  queue_.Judge(seen, harvest.ring_number);
  return harvest.count;
}

void RingLoop::SleepUntilNeeded() {
  if (outstanding_.load(std::memory_order_relaxed) == 0) {
    SleepOnCondition();
    return;
  }
  Ring* ring = nullptr;
  {
    MutexLock lock(&mutex_);
    ring = queue_.ring_to_wait_on();
    pauses_ = ring == nullptr && queue_.has_ring() ? pauses_ + 1 : 0;
    if (pauses_ > kPausesMax) {
      pauses_ = 0;
      queue_.GiveUp("io_uring_enter", Errno::FromErrno(EBUSY));
    }
  }
  if (ring == nullptr) {
    nanosleep(&kPause, nullptr);
  } else {
    SleepOnRing(ring);
  }
}

// The order matters: the thread says that it sleeps, then looks for work a last
// time; another thread adds work, then looks whether this one sleeps. One of
// them sees the other.
bool RingLoop::MaySleep(Sleep kind) {
  sleep_.store(kind);
  if (!work_->HasWaiting() && !stopping_.load()) {
    return true;
  }
  sleep_.store(Sleep::kAwake);
  return false;
}

void RingLoop::SleepOnCondition() {
  if (MaySleep(Sleep::kOnCondition)) {
    MutexLock lock(&mutex_);
    while (sleep_.load() == Sleep::kOnCondition) {
      woken_.Wait(&mutex_);
    }
  }
}

// Without the lock: only this thread replaces the ring, and who puts a request
// on it meanwhile touches another queue (ring.h).
void RingLoop::SleepOnRing(Ring* ring) {
  if (stopping_.load() ? work_->HasWaiting() : !MaySleep(Sleep::kOnRing)) {
    return;
  }
  const int result = ring->Wait(1, timers_.LeftUs(kLookUs));
  sleep_.store(Sleep::kAwake);
  if (result < 0 && result != -ETIME && result != -EINTR && !IsBusy(result)) {
    MutexLock lock(&mutex_);
    queue_.GiveUp("io_uring_enter", Errno::FromResult(result));
  }
}

void RingLoop::Wake() {
  const Sleep before = sleep_.exchange(Sleep::kAwake);
  if (before == Sleep::kAwake) {
    return;
  }
  MutexLock lock(&mutex_);
  if (before == Sleep::kOnCondition) {
    woken_.NotifyAll();
  } else {
    queue_.WakeWaiter();
  }
}

void RingLoop::AddInFlight(InFlightReport* report) {
  const size_t outstanding = outstanding_.load(std::memory_order_relaxed);
  for (int attempt = 0; outstanding > 0 && attempt < kReportAttempts;
       ++attempt) {
    if (mutex_.TryLock()) {
      queue_.AddInFlight(report);
      mutex_.Unlock();
      return;
    }
    nanosleep(&kReportPause, nullptr);
  }
  report->operations += outstanding;
}

}  // namespace rocksdb_uring
