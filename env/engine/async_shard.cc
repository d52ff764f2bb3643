#include "env/engine/async_shard.h"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string>
#include <utility>

#include "env/base/debug_log.h"
#include "env/engine/ring_request.h"

namespace rocksdb_uring {

AsyncShard::AsyncShard(Options options, const Completer& completer,
                       const RingEnvironment* rings)
    : options_(options), completer_(completer), rings_(rings) {
  rings_->account->Add(sizeof(*this));
}

AsyncShard::~AsyncShard() {
  rings_->account->Subtract(sizeof(*this) + table_bytes());
}

bool AsyncShard::MakeTables(const Ring& ring) {
  const size_t before = table_bytes();
  const bool made = requests_.Reserve(ring.completion_entries()) &&
                    unsubmitted_.Reserve(ring.submission_entries());
  rings_->account->Add(table_bytes() - before);
  return made;
}

bool AsyncShard::EnsureRing() {
  RetireIfIdle();
  if (ring_ != nullptr) {
    return !ring_->failed() && ring_->Allow();
  }
  // In this order: a caller that the breaker makes the trial has to report
  // back.
  if (!rings_->breaker->MayCreate() || !rings_->breaker->Allow()) {
    return false;
  }
  LiveRing::Request request;
  request.ring = options_.ring;
  request.user = "shard " + std::to_string(options_.index);
  request.refusals_max = kRefusalsMax;
  ring_ = LiveRing::Make(*rings_, request,
                         [this](const Ring& ring) URING_REQUIRES(mutex_) {
                           return MakeTables(ring);
                         });
  pauses_ = 0;
  return ring_ != nullptr;
}

bool AsyncShard::has_ring() {
  MutexLock lock(&mutex_);
  return ring_ != nullptr && !ring_->failed();
}

void AsyncShard::RetireIfIdle() {
  if (dead() && in_flight_ == 0 && !leader_) {
    ring_.reset();
  }
}

void AsyncShard::MarkDead(const char* call, Errno error) {
  if (!dead()) {
    ring_->Fail(call, error);
    TakeBack();
  }
}

void AsyncShard::TakeBack() {
  DebugLog("shard %u: %zu requests go to POSIX", options_.index,
           unsubmitted_.size() + backlog_.size());
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
  if (in_flight_ + kControlRoom >= ring_->ring()->completion_entries()) {
    return false;
  }
  const uint64_t tag = requests_.Add(op);
  // Before the request is visible to anybody who could complete it.
  op->tag = tag;
  op->set_state(IoState::kInFlight);
  const RingRequest request = MakeRequest(*op, tag);
  if (!ring_->ring()->Prepare(request)) {
    FlushQueue();
    if (dead() || !ring_->ring()->Prepare(request)) {
      if (!dead()) {
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
    const int result = ring_->ring()->Submit();
    completer_.statistics()->Count(StatEvent::kSubmitCall);
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
  if (ring_ == nullptr || dead()) {
    return;
  }
  while (const std::optional<uint64_t> tag = requests_.TakeWantedCancel()) {
    if (!PrepareControl(RingOpcode::kCancel, *tag)) {
      // If the ring has died, the request may be an orphan and its slot free.
      if (!dead()) {
        requests_.WantCancel(*tag);
      }
      break;
    }
  }
  while (!dead() && !backlog_.empty() && PutOnRing(backlog_.front())) {
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
    if (backlog_.empty() && !dead() && PutOnRing(op)) {
      if (unsubmitted_.size() >= kSubmitChunk) {
        FlushQueue();
      }
      continue;
    }
    if (dead() || backlog_.size() >= options_.backlog_max) {
      op->set_state(IoState::kIdle);
      completer_.statistics()->Count(StatEvent::kAsyncOverflow);
      break;
    }
    op->set_state(IoState::kQueued);
    backlog_.push_back(op);
    completer_.statistics()->Count(StatEvent::kAsyncQueued);
  }
  return taken;
}

void AsyncShard::Reap(ReapedList* reaped) {
  RingCompletion completions[kReapMax];
  const unsigned count =
      ring_ == nullptr
          ? 0
          : ring_->ring()->Reap(
                completions, static_cast<unsigned>(kReapMax - reaped->count));
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
      completer_.statistics()->Count(StatEvent::kUnknownCompletion);
    }
  }
}

void AsyncShard::TakeOrphans(ReapedList* reaped) {
  while (!orphans_.empty() && reaped->count < kReapMax) {
    reaped->items[reaped->count++] = {orphans_.pop_front(), 0,
                                      /*orphan=*/true};
  }
}

RingEvidence AsyncShard::CompleteReaped(const ReapedList& reaped) {
  RingEvidence seen;
  for (size_t i = 0; i < reaped.count; ++i) {
    const Reaped& item = reaped.items[i];
    if (item.orphan) {
      completer_.EndUntaken(item.op);
    } else {
      completer_.EndAnswered(item.op, item.result, &seen);
    }
    CountCompleted(item.op, 1, completer_.statistics());
    CompleteAll(item.op, 1);
  }
  return seen;
}

void AsyncShard::Judge(const RingEvidence& evidence, uint64_t ring_number) {
  // Meanwhile it may have died, or be another.
  if (ring_ == nullptr || ring_->number() != ring_number || ring_->failed()) {
    return;
  }
  ring_->Judge(evidence);
  if (ring_->failed()) {
    TakeBack();
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
  const uint64_t ring_number = ring_ == nullptr ? 0 : ring_->number();
  mutex_.Unlock();
  const RingEvidence evidence = CompleteReaped(reaped);
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
  if (in_flight_ >= ring_->ring()->completion_entries()) {
    return false;
  }
  if (!ring_->ring()->Prepare(request)) {
    FlushQueue();
    if (dead() || !ring_->ring()->Prepare(request)) {
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
    if (!was_queued && !dead() && requests_.Find(op->tag) == op) {
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
  CountCompleted(op, 1, completer_.statistics());
  CompleteAll(op, 1);
  // Followers that wait for it; a leader that does looks by itself (Lead).
  MutexLock lock(&mutex_);
  if (followers_ > 0) {
    completed_.NotifyAll();
  }
}

}  // namespace rocksdb_uring
