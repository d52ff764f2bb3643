#include "env/engine/async_shard.h"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

#include "env/base/debug_log.h"
#include "env/engine/ring_request.h"

namespace rocksdb_uring {

bool AsyncShard::IsBusy(int result) {
  return result == -EAGAIN || result == -EBUSY || result == -ENOMEM;
}

AsyncShard::AsyncShard(Options options, const Environment& environment)
    : options_(std::move(options)), environment_(environment) {
  environment_.account->Add(sizeof(*this));
}

AsyncShard::~AsyncShard() {
  environment_.account->Subtract(sizeof(*this) + table_bytes());
  if (ring_ != nullptr) {
    environment_.account->Subtract(ring_->memory_bytes());
  }
}

RingOrError AsyncShard::MakeRing() {
  RingOrError made = options_.factory(options_.ring);
  if (made.ring == nullptr) {
    return made;
  }
  const size_t before = table_bytes();
  if (!requests_.Reserve(made.ring->completion_entries()) ||
      !unsubmitted_.Reserve(made.ring->submission_entries())) {
    made.ring.reset();
    made.error = Errno::FromErrno(ENOMEM);
  }
  environment_.account->Add(table_bytes() - before);
  return made;
}

bool AsyncShard::EnsureRing() {
  RetireIfIdle();
  // Before the breaker is asked: whoever it allows has to report back.
  if (dead_ || (ring_ == nullptr && Breaker::Clock::now() < create_at_) ||
      !environment_.breaker->Allow()) {
    return false;
  }
  if (ring_ != nullptr) {
    // As a trial it has to prove itself again.
    proven_ = proven_ && !environment_.breaker->open();
    return true;
  }
  RingOrError made = MakeRing();
  if (made.ring == nullptr) {
    DebugLog("ring of shard %u refused: %s", options_.index,
             made.error.text(Errno::Buffer()));
    refused_ = true;
    environment_.statistics->Count(StatEvent::kRingRefused);
    switch (environment_.breaker->RecordRefusal(made.error)) {
      case Breaker::Refusal::kNotCounted:
        create_at_ = Breaker::Clock::now() + Breaker::kCreatePause;
        break;
      case Breaker::Refusal::kCounted:
        break;
      case Breaker::Refusal::kOpened:
        environment_.statistics->Count(StatEvent::kBreakerOpened);
        break;
    }
    return false;
  }
  ring_ = std::move(made.ring);
  ++ring_number_;
  refused_ = false;
  environment_.breaker->RingCreated();
  DebugLog("ring of shard %u created: %u and %u entries, %zu bytes",
           options_.index, ring_->submission_entries(),
           ring_->completion_entries(), ring_->memory_bytes());
  environment_.statistics->Count(StatEvent::kRingCreated);
  environment_.account->Add(ring_->memory_bytes());
  proven_ = false;
  refusals_in_a_row_ = 0;
  pauses_ = 0;
  return true;
}

bool AsyncShard::has_ring() {
  MutexLock lock(&mutex_);
  return ring_ != nullptr && !dead_;
}

bool AsyncShard::refused() {
  MutexLock lock(&mutex_);
  return refused_;
}

void AsyncShard::RetireIfIdle() {
  if (dead_ && in_flight_ == 0 && !leader_) {
    environment_.account->Subtract(ring_->memory_bytes());
    environment_.statistics->Count(StatEvent::kRingRetired);
    ring_.reset();
    environment_.breaker->RingDestroyed();
    dead_ = false;
  }
}

void AsyncShard::MarkDead(const char* call, Errno error) {
  if (dead_) {
    return;
  }
  dead_ = true;
  DebugLog("ring of shard %u given up: %s: %s; %zu requests go to POSIX",
           options_.index, call, error.text(Errno::Buffer()),
           unsubmitted_.size() + backlog_.size());
  if (environment_.breaker->RecordFailure(call, error)) {
    environment_.statistics->Count(StatEvent::kBreakerOpened);
  }
  // What the kernel has not consumed it never will: those are ours again.
  in_flight_ -= unsubmitted_.size();
  for (; !unsubmitted_.empty(); unsubmitted_.pop_front(1)) {
    const uint64_t tag = unsubmitted_[0];
    if (IoOp* const op = requests_.Find(tag)) {
      orphans_.push_back(op);
      requests_.Remove(tag);
    }
  }
  requests_.ForgetWantedCancels();
  while (!backlog_.empty()) {
    IoOp* const op = backlog_.pop_front();
    // Waits for no ring any more: whoever takes it completes it.
    op->tag = RequestTable::kControlTag;
    op->set_state(IoState::kInFlight);
    orphans_.push_back(op);
  }
}

bool AsyncShard::PutOnRing(IoOp* op) {
  if (in_flight_ + kControlRoom >= ring_->completion_entries()) {
    return false;
  }
  const uint64_t tag = requests_.Add(op);
  // Before the request is visible to anybody who could complete it.
  op->tag = tag;
  op->set_state(IoState::kInFlight);
  const RingRequest request = MakeRequest(*op, tag);
  if (!ring_->Prepare(request)) {
    FlushQueue();
    if (dead_ || !ring_->Prepare(request)) {
      if (!dead_) {
        op->set_state(IoState::kQueued);
      }
      requests_.Remove(tag);
      return false;
    }
  }
  unsubmitted_.push_back(tag);
  ++in_flight_;
  return true;
}

void AsyncShard::FlushQueue() {
  while (!unsubmitted_.empty()) {
    const int result = ring_->Submit();
    environment_.statistics->Count(StatEvent::kSubmitCall);
    if (result == -EINTR) {
      continue;
    }
    if (result < 0 && !IsBusy(result)) {
      MarkDead("io_uring_enter", Errno::FromResult(result));
      return;
    }
    if (result <= 0) {
      // The kernel is short of memory: whoever comes next tries again, a
      // waiter at the latest.
      return;
    }
    unsubmitted_.pop_front(
        std::min(static_cast<size_t>(result), unsubmitted_.size()));
  }
}

void AsyncShard::Pump() {
  if (ring_ == nullptr || dead_) {
    return;
  }
  while (const std::optional<uint64_t> tag = requests_.TakeWantedCancel()) {
    if (!PrepareControl(RingOpcode::kCancel, *tag)) {
      requests_.WantCancel(*tag);
      break;
    }
  }
  while (!backlog_.empty() && PutOnRing(backlog_.front())) {
    backlog_.pop_front();
  }
  FlushQueue();
}

size_t AsyncShard::Submit(IoOp* const* ops, size_t count) {
  size_t taken = 0;
  // A ring that is made as the breaker's trial must get a request.
  if (count == 0 || !FitsRing(*ops[0])) {
    return 0;
  }
  {
    MutexLock lock(&mutex_);
    if (EnsureRing()) {
      taken = Enqueue(ops, count);
    }
    FlushQueue();
    if (orphans_.empty()) {
      return taken;
    }
  }
  // The ring has died with requests of ours on its queue.
  Poll();
  return taken;
}

size_t AsyncShard::Enqueue(IoOp* const* ops, size_t count) {
  size_t taken = 0;
  for (; taken < count && FitsRing(*ops[taken]); ++taken) {
    IoOp* const op = ops[taken];
    op->shard = options_.index;
    if (backlog_.empty() && !dead_ && PutOnRing(op)) {
      if (unsubmitted_.size() >= kSubmitChunk) {
        FlushQueue();
      }
      continue;
    }
    if (dead_ || backlog_.size() >= options_.backlog_max) {
      op->set_state(IoState::kIdle);
      environment_.statistics->Count(StatEvent::kAsyncOverflow);
      break;
    }
    op->set_state(IoState::kQueued);
    backlog_.push_back(op);
    environment_.statistics->Count(StatEvent::kAsyncQueued);
  }
  return taken;
}

void AsyncShard::Reap(ReapedList* reaped) {
  RingCompletion completions[kReapMax];
  const unsigned count =
      ring_ == nullptr
          ? 0
          : ring_->Reap(completions,
                        static_cast<unsigned>(kReapMax - reaped->count));
  for (unsigned i = 0; i < count; ++i) {
    const uint64_t tag = completions[i].user_data;
    IoOp* const op = requests_.Find(tag);
    if (tag == RequestTable::kControlTag) {
      --in_flight_;
    } else if (op != nullptr) {
      --in_flight_;
      reaped->items[reaped->count++] = {op, completions[i].result,
                                        /*orphan=*/false};
      requests_.Remove(tag);
    } else {
      environment_.statistics->Count(StatEvent::kUnknownCompletion);
    }
  }
}

void AsyncShard::TakeOrphans(ReapedList* reaped) {
  while (!orphans_.empty() && reaped->count < kReapMax) {
    reaped->items[reaped->count++] = {orphans_.pop_front(), 0,
                                      /*orphan=*/true};
  }
}

void AsyncShard::RunOrphan(IoOp* op) {
  op->path = IoPath::kPosix;
  if (op->cancel_requested()) {
    EndCancelled(op);
    return;
  }
  environment_.statistics->Count(StatEvent::kPosixRescue);
  op->result = environment_.posix->Finish(*op, 0);
}

// Returns whether the ring failed what POSIX could do.
bool AsyncShard::Settle(IoOp* op, int32_t ring_result) {
  uint64_t done = 0;
  op->path = IoPath::kRing;
  if (IsFinal(op, ring_result, &done)) {
    return false;
  }
  if (ring_result < 0) {
    op->path = IoPath::kPosix;
    environment_.statistics->Count(StatEvent::kPosixRescue);
    LogRescue(*op, ring_result);
  }
  op->result = environment_.posix->Finish(*op, done);
  return SpeaksAgainstRing(ring_result) && op->result >= 0;
}

AsyncShard::Evidence AsyncShard::CompleteReaped(const ReapedList& reaped) {
  Evidence evidence;
  for (size_t i = 0; i < reaped.count; ++i) {
    const Reaped& item = reaped.items[i];
    if (item.orphan) {
      RunOrphan(item.op);
    } else if (Settle(item.op, item.result)) {
      ++evidence.refused;
      evidence.last_refusal = item.result;
    } else {
      ++evidence.worked;
    }
    CountCompleted(item.op, 1, environment_.statistics);
    CompleteAll(item.op, 1);
  }
  return evidence;
}

void AsyncShard::Judge(const Evidence& evidence, uint64_t ring_number) {
  // Meanwhile it may have died, which has been told, or be another.
  if (dead_ || ring_ == nullptr || ring_number_ != ring_number) {
    return;
  }
  if (evidence.worked > 0) {
    refusals_in_a_row_ = 0;
    // Only now: a ring that can be made may still take no request.
    if (!proven_) {
      proven_ = true;
      environment_.breaker->RecordSuccess();
    }
  }
  if (evidence.refused == 0) {
    return;
  }
  refusals_in_a_row_ += evidence.refused;
  if (!proven_ || refusals_in_a_row_ >= kRefusalsMax) {
    MarkDead(kRingOperation, Errno::FromResult(evidence.last_refusal));
  }
}

size_t AsyncShard::Advance() {
  ReapedList reaped;
  TakeOrphans(&reaped);
  if (!leader_) {
    Reap(&reaped);
  }
  Pump();
  // The ring may have died just now. An operation that it gives back looks as
  // if somebody were completing it: that is us.
  TakeOrphans(&reaped);
  if (reaped.count == 0) {
    return 0;
  }
  const uint64_t ring_number = ring_number_;
  mutex_.Unlock();
  const Evidence evidence = CompleteReaped(reaped);
  mutex_.Lock();
  Judge(evidence, ring_number);
  if (followers_ > 0) {
    completed_.NotifyAll();
  }
  return reaped.count;
}

size_t AsyncShard::Poll() {
  MutexLock lock(&mutex_);
  size_t completed = 0;
  for (size_t step = Advance(); step > 0; step = Advance()) {
    completed += step;
  }
  return completed;
}

bool AsyncShard::PrepareControl(RingOpcode opcode, uint64_t target) {
  RingRequest request;
  request.opcode = opcode;
  request.target = target;
  request.user_data = RequestTable::kControlTag;
  if (in_flight_ >= ring_->completion_entries()) {
    return false;
  }
  if (!ring_->Prepare(request)) {
    FlushQueue();
    if (dead_ || !ring_->Prepare(request)) {
      return false;
    }
  }
  ++in_flight_;
  unsubmitted_.push_back(RequestTable::kControlTag);
  return true;
}

void AsyncShard::Cancel(IoOp* op) {
  op->request_cancel();
  bool was_queued = false;
  bool ring_died = false;
  {
    MutexLock lock(&mutex_);
    was_queued = backlog_.Remove(op);
    if (!was_queued && !dead_ && requests_.Find(op->tag) == op) {
      requests_.WantCancel(op->tag);
      Pump();
      ring_died = !orphans_.empty();
    }
  }
  if (ring_died) {
    Poll();
  }
  if (!was_queued) {
    return;
  }
  EndCancelled(op);
  op->path = IoPath::kRing;
  CountCompleted(op, 1, environment_.statistics);
  CompleteAll(op, 1);
  // Followers that wait for it; a leader that does looks by itself (Lead).
  MutexLock lock(&mutex_);
  if (followers_ > 0) {
    completed_.NotifyAll();
  }
}

}  // namespace rocksdb_uring
