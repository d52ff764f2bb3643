// From the backlog to the submission queue, to the kernel, and back; and what
// becomes of each of them when the ring fails.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/engine/shard_queue.h"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string>

#include "env/base/clock.h"
#include "env/base/debug_log.h"
#include "env/engine/background_pace.h"
#include "env/engine/ring_request.h"

namespace rocksdb_uring {

ShardQueue::ShardQueue(const Options& options, const RingEnvironment* rings)
    : options_(options), rings_(rings) {}

ShardQueue::~ShardQueue() { rings_->account->Subtract(table_bytes()); }

// For a ring of the same size this allocates once in the life of the shard: the
// tables outlive their rings, and so do the generations in them, by which a
// completion of the last ring would be recognised.
bool ShardQueue::MakeTables(const Ring& ring) {
  const size_t before = table_bytes();
  const bool made = requests_.Reserve(ring.completion_entries()) &&
                    unsubmitted_.Reserve(ring.submission_entries());
  rings_->account->Add(table_bytes() - before);
  return made;
}

bool ShardQueue::EnsureRing(bool waited_on) {
  // Not before it is empty: the kernel would drop its reference to the buffers
  // only some time after the ring is closed. Not while it is waited on: the
  // leader uses it without the lock.
  if (dead() && in_flight_ == 0 && !waited_on) {
    ring_.reset();
  }
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
                         [this](const Ring& ring) { return MakeTables(ring); });
  return ring_ != nullptr;
}

bool ShardQueue::Prepare(const RingRequest& request) {
  if (!ring_->ring()->Prepare(request)) {
    // Full of what the kernel has not consumed, which a flush may change; in
    // it the ring may die.
    Flush();
    if (dead() || !ring_->ring()->Prepare(request)) {
      return false;
    }
  }
  unsubmitted_.push_back(request.user_data);
  ++in_flight_;
  return true;
}

// What is wanted later leaves half of the ring to what is wanted now, which
// finds room without waiting for large writes to end.
bool ShardQueue::HasRoom(bool later) const {
  const size_t entries = ring_->ring()->completion_entries() - kControlRoom;
  return in_flight_ < (later ? entries / 2 : entries);
}

bool ShardQueue::Put(IoOp* op, bool later) {
  if (!HasRoom(later)) {
    return false;
  }
  const uint64_t tag = requests_.Add(op);
  // Before the request is visible to a thread that could complete it: the
  // store of the state releases what the owner has written.
  op->tag = tag;
  op->set_state(IoState::kInFlight);
  if (Prepare(MakeRequest(*op, tag))) {
    if (op->pace != nullptr) {
      op->start = StartTime::Exact();
      op->pace->Started(op->length, MonotonicNs());
    }
    return true;
  }
  // If the ring has died, the state is TakeBack's, which has met the operation
  // in the backlog, or the caller's.
  if (!dead()) {
    op->set_state(IoState::kQueued);
  }
  requests_.Remove(tag);
  return false;
}

// Into the room that Put leaves free: a full ring can still be cancelled.
bool ShardQueue::PutControl(RingRequest request) {
  request.user_data = RequestTable::kControlTag;
  return in_flight_ < ring_->ring()->completion_entries() && Prepare(request);
}

bool ShardQueue::PutCancel(uint64_t target) {
  RingRequest request;
  request.opcode = RingOpcode::kCancel;
  request.target = target;
  return PutControl(request);
}

void ShardQueue::WakeWaiter() {
  if (has_ring() && PutControl(RingRequest())) {
    Flush();
  }
}

// With the lock held. The call does not wait for the device, and two threads
// must not hand over one queue at once.
void ShardQueue::Flush() {
  while (!unsubmitted_.empty()) {
    const int result = ring_->ring()->Submit();
    rings_->statistics->Count(StatEvent::kSubmitCall);
    if (result == -EINTR) {
      continue;
    }
    if (result < 0 && !IsBusy(result)) {
      GiveUp("io_uring_enter", Errno::FromResult(result));
      return;
    }
    if (result <= 0) {
      // The kernel is short of memory, and to insist would hold the lock: the
      // next thread that comes tries again, a waiter at the latest.
      return;
    }
    unsubmitted_.pop_front(
        std::min(static_cast<size_t>(result), unsubmitted_.size()));
  }
}

void ShardQueue::Pump() {
  if (!has_ring()) {
    return;
  }
  // Cancel requests first: what they end makes room.
  while (const std::optional<uint64_t> tag = requests_.TakeWantedCancel()) {
    if (!PutCancel(*tag)) {
      if (!dead()) {
        requests_.WantCancel(*tag);
      }
      break;
    }
  }
  PutAllOf(&backlog_);
  if (backlog_.empty()) {
    PutAllOf(&later_);
    PutPaced();
  }
  Flush();
}

void ShardQueue::PutAllOf(OpQueue* backlog) {
  const bool later = backlog == &later_;
  while (!dead() && !backlog->empty() && Put(backlog->front(), later)) {
    backlog->pop_front();
  }
}

// One that may not start does not hold up those of other devices.
void ShardQueue::PutPaced() {
  const BackgroundPace* refused = nullptr;
  IoOp* op = paced_.front();
  while (op != nullptr && !dead() && HasRoom(/*later=*/true)) {
    IoOp* const next = op->next;
    if (op->pace == refused ||
        !op->pace->MayStart(op->length, op->awaited, MonotonicNs())) {
      refused = op->pace;
    } else if (Put(op, /*later=*/true)) {
      TakePaced(op);
    } else {
      return;
    }
    op = next;
  }
}

bool ShardQueue::TakePaced(const IoOp* op) {
  if (op->pace == nullptr || !paced_.Remove(op)) {
    return false;
  }
  op->pace->Have(MonotonicNs());
  return true;
}

bool ShardQueue::TakeWaiting(const IoOp* op) {
  return backlog_.Remove(op) || later_.Remove(op) || TakePaced(op);
}

void ShardQueue::Hurry(IoOp* op) {
  if (op->state() != IoState::kQueued) {
    return;
  }
  if (op->pace != nullptr && op->pace->limited()) {
    if (!op->awaited && paced_.Remove(op)) {
      op->awaited = true;
      paced_.push_front(op);
    }
  } else if (later_.Remove(op) || TakePaced(op)) {
    backlog_.push_back(op);
  }
}

size_t ShardQueue::Add(IoOp* const* ops, size_t count) {
  size_t taken = 0;
  for (; taken < count && FitsRing(*ops[taken]); ++taken) {
    IoOp* const op = ops[taken];
    op->shard = options_.index;
    const bool paced = op->pace != nullptr;
    if (!paced && !MustQueue(*op) && !dead() && Put(op, IsLater(*op))) {
      if (unsubmitted_.size() >= kSubmitChunk) {
        Flush();
      }
      continue;
    }
    OpQueue* const backlog = BacklogOf(*op);
    if (dead() || backlog->size() >= options_.backlog_max) {
      op->set_state(IoState::kIdle);
      rings_->statistics->Count(StatEvent::kAsyncOverflow);
      break;
    }
    op->set_state(IoState::kQueued);
    backlog->push_back(op);
    if (paced) {
      op->awaited = false;
      op->pace->Want(MonotonicNs());
    } else {
      rings_->statistics->Count(StatEvent::kAsyncQueued);
    }
  }
  PutPaced();
  Flush();
  return taken;
}

void ShardQueue::Reap(Harvest* harvest) {
  if (ring_ == nullptr) {
    return;
  }
  harvest->ring_number = ring_->number();
  RingCompletion completions[Harvest::kMax];
  const unsigned count = ring_->ring()->Reap(
      completions, static_cast<unsigned>(Harvest::kMax - harvest->count));
  for (unsigned i = 0; i < count; ++i) {
    const uint64_t tag = completions[i].user_data;
    IoOp* const op = requests_.Find(tag);
    if (tag == RequestTable::kControlTag) {
      --in_flight_;
    } else if (op != nullptr) {
      --in_flight_;
      harvest->items[harvest->count++] = {op, completions[i].result,
                                          /*orphan=*/false};
      requests_.Remove(tag);
      if (op->pace != nullptr) {
        op->pace->Came(op->length, MonotonicNs());
      }
    } else {
      // Of no request that is in flight: to complete whatever has its slot now
      // would hand a buffer back that the kernel still uses.
      rings_->statistics->Count(StatEvent::kUnknownCompletion);
    }
  }
}

void ShardQueue::TakeOrphans(Harvest* harvest) {
  while (!orphans_.empty() && !harvest->full()) {
    harvest->items[harvest->count++] = {orphans_.pop_front(), 0,
                                        /*orphan=*/true};
  }
}

void ShardQueue::Cancel(const IoOp* op) {
  if (!dead() && requests_.Find(op->tag) == op) {
    requests_.WantCancel(op->tag);
    Pump();
  }
}

void ShardQueue::Judge(const RingEvidence& seen, uint64_t ring_number) {
  // While the harvest was completed, its ring may have died and been replaced.
  if (!has_ring() || ring_->number() != ring_number) {
    return;
  }
  ring_->Judge(seen);
  if (dead()) {
    TakeBack();
  }
}

void ShardQueue::GiveUp(const char* call, Errno error) {
  if (has_ring()) {
    ring_->Fail(call, error);
    TakeBack();
  }
}

void ShardQueue::TakeBack() {
  DebugLog(
      "shard %u: %zu requests go to POSIX", options_.index,
      unsubmitted_.size() + backlog_.size() + later_.size() + paced_.size());
  // What the kernel has not consumed it never will: those are ours again. What
  // it has consumed completes without our help, and until then its buffers are
  // the kernel's.
  in_flight_ -= unsubmitted_.size();
  for (; !unsubmitted_.empty(); unsubmitted_.pop_front(1)) {
    const uint64_t tag = unsubmitted_[0];
    if (IoOp* const op = requests_.Find(tag)) {
      if (op->pace != nullptr) {
        op->pace->Came(op->length, MonotonicNs());
      }
      orphans_.push_back(op);
      requests_.Remove(tag);
    }
  }
  requests_.ForgetWantedCancels();
  while (IoOp* const op = paced_.front()) {
    TakePaced(op);
    backlog_.push_back(op);
  }
  while (!backlog_.empty() || !later_.empty()) {
    IoOp* const op = (backlog_.empty() ? &later_ : &backlog_)->pop_front();
    // A tag that no slot has: the operation counts as taken off the ring.
    op->tag = RequestTable::kControlTag;
    op->set_state(IoState::kInFlight);
    orphans_.push_back(op);
  }
}

bool ShardQueue::Holds(const IoOp& op) const {
  const IoState state = op.state();
  return state == IoState::kQueued ||
         (state == IoState::kInFlight && requests_.Find(op.tag) == &op);
}

void ShardQueue::AddInFlight(InFlightReport* report) const {
  requests_.ForEach([report](const IoOp& op) {
    ++report->operations;
    report->Consider(InFlight(op, op.start));
  });
  report->queued += backlog_.size() + later_.size() + paced_.size();
  // Not those that wait for their turn: no device keeps them waiting.
  for (const OpQueue* const backlog : {&backlog_, &later_}) {
    if (!backlog->empty()) {
      report->Consider(InFlight(*backlog->front(), backlog->front()->start));
    }
  }
}

Ring* ShardQueue::ring_to_wait_on() const {
  const bool in_kernel = in_flight_ > unsubmitted_.size();
  const bool turns_only = !has_waiting_for_room() && !paced_.empty();
  return has_ring() && (in_kernel || turns_only) ? ring_->ring() : nullptr;
}

RingEvidence CompleteHarvest(const ShardQueue::Harvest& harvest,
                             const Completer& completer) {
  RingEvidence seen;
  for (size_t i = 0; i < harvest.count; ++i) {
    const ShardQueue::Harvest::Item& item = harvest.items[i];
    InFlightTable* const in_flight = completer.statistics()->in_flight();
    // What POSIX has to finish may wait for a device, and is in no table of a
    // ring any more.
    const bool unfinished =
        item.orphan ||
        item.result < static_cast<int64_t>(TransferLength(*item.op));
    InFlightTable::Slot* const slot =
        unfinished ? in_flight->Enter(InFlight(*item.op, item.op->start), 1)
                   : nullptr;
    if (item.orphan) {
      completer.EndUntaken(item.op);
    } else {
      completer.EndAnswered(item.op, item.result, &seen);
    }
    if (unfinished) {
      in_flight->Leave(slot, 1);
    }
    CountCompleted(item.op, 1, item.op->start, completer.statistics());
    CompleteAll(item.op, 1);
  }
  return seen;
}

}  // namespace rocksdb_uring
