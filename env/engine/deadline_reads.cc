// A read in time, a read at its deadline, and what is left behind.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/engine/deadline_reads.h"

#include <time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "env/engine/abandoned_reads.h"
#include "env/engine/ring_loop.h"
#include "env/engine/ring_request.h"

namespace rocksdb_uring {

namespace {

// Reads of a batch that are in flight together. What is listed of them is on
// the stack, since to wait must not need memory.
constexpr size_t kPiece = 64;
// With no room in a ring: one look in so many nanoseconds.
constexpr timespec kRoomPause = {0, 100 * 1000};
// Direct I/O of any device is satisfied by a page.
constexpr size_t kBufferAlignment = 4096;

}  // namespace

DeadlineReads::DeadlineReads(IoEngine* engine, BufferBudget* budget,
                             const Options& options)
    : engine_(engine),
      options_(options),
      budget_(budget),
      abandoned_(std::make_shared<AbandonedReads>(engine, budget)) {
  // For as long as it lives: buffers are kept for the next read.
  budget_->AddUser();
}

DeadlineReads::~DeadlineReads() { budget_->RemoveUser(); }

uint64_t DeadlineReads::abandoned() const { return abandoned_->count(); }
uint64_t DeadlineReads::abandoned_bytes() const { return abandoned_->bytes(); }

void DeadlineReads::EndInVain(IoOp* wanted, IoEnd end) {
  wanted->result = -ETIMEDOUT;
  wanted->end = end;
  wanted->path = IoPath::kRing;
  engine_->statistics()->Count(end == IoEnd::kTooMany
                                   ? StatEvent::kDeadlineRefused
                                   : StatEvent::kDeadlineMissed);
  wanted->set_state(IoState::kCompleted);
}

void DeadlineReads::Release(DeadlineRead* read) {
  budget_->Release(std::move(read->buffer));
}

void DeadlineReads::Take(DeadlineRead* read, IoOp* wanted) {
  wanted->result = read->op.result;
  wanted->end = read->op.end;
  wanted->path = read->op.path;
  if (wanted->result > 0) {
    std::memcpy(wanted->buffer, read->buffer.data(),
                static_cast<size_t>(wanted->result));
  }
  Release(read);
  wanted->set_state(IoState::kCompleted);
}

template <typename Read>
std::unique_ptr<Read> DeadlineReads::Make(IoOp* wanted,
                                          std::shared_ptr<const void> keeper) {
  if (abandoned_->count() > 0) {
    abandoned_->Look();
  }
  std::unique_ptr<Read> read;
  if (abandoned_->count() < options_.abandoned_max) {
    read.reset(new (std::nothrow) Read());
  }
  if (read != nullptr) {
    read->buffer = budget_->Acquire(std::max<uint64_t>(wanted->length, 1),
                                    kBufferAlignment);
  }
  if (read == nullptr || read->buffer.data() == nullptr) {
    EndInVain(wanted, IoEnd::kTooMany);
    return nullptr;
  }
  IoOp* const op = &read->op;
  op->stat_kind = wanted->stat_kind;
  op->fd = wanted->fd;
  op->priority = wanted->priority;
  op->alignment = wanted->alignment;
  op->offset = wanted->offset;
  op->length = wanted->length;
  op->buffer = read->buffer.data();
  read->keeper = std::move(keeper);
  return read;
}

// No room is no error, and nothing to fall back from: a read by POSIX would not
// keep the deadline, and room comes with the next completion.
size_t DeadlineReads::Submit(IoOp* const* ops, size_t count,
                             Deadline deadline) {
  size_t taken = 0;
  for (;;) {
    taken += engine_->Submit(ops + taken, count - taken);
    if (taken == count || !engine_->HasRing() || deadline.passed()) {
      return taken;
    }
    engine_->Poll();
    nanosleep(&kRoomPause, nullptr);
  }
}

std::unique_ptr<DeadlineRead> DeadlineReads::Start(
    IoOp* wanted, std::shared_ptr<const void> keeper, Deadline deadline) {
  std::unique_ptr<DeadlineRead> read;
  if (FitsRing(*wanted)) {
    read = Make<DeadlineRead>(wanted, std::move(keeper));
  }
  if (read == nullptr) {
    return nullptr;
  }
  IoOp* const op = &read->op;
  if (Submit(&op, 1, deadline) == 1) {
    return read;
  }
  Release(read.get());
  if (engine_->HasRing()) {
    EndInVain(wanted, IoEnd::kTimedOut);
  }
  return nullptr;
}

void DeadlineReads::Finish(std::unique_ptr<DeadlineRead> read, IoOp* wanted) {
  if (!read->op.completed()) {
    EndInVain(wanted, GiveUp(std::move(read)));
    return;
  }
  Take(read.get(), wanted);
}

IoEnd DeadlineReads::GiveUp(std::unique_ptr<DeadlineRead> read) {
  if (IsInFlight(&read->op)) {
    read->op.set_abandoned();
    engine_->Cancel(&read->op);
    // What was queued is complete now, and so may be what a worker of the
    // kernel had not begun.
    if (!engine_->Wait(&read->op, 0)) {
      engine_->statistics()->Count(StatEvent::kDeadlineAbandoned);
      abandoned_->Add(std::move(read));
      return IoEnd::kAbandoned;
    }
  }
  Release(read.get());
  return IoEnd::kTimedOut;
}

void DeadlineReads::RunByPosix(IoOp* wanted) {
  RunOptions options;
  options.path = PathChoice::kPosix;
  engine_->Run(wanted, 1, options);
}

// A read on a loop. Its callback frees it, also after the deadline.
struct DeadlineReads::OnLoop final : DeadlineRead, LoopTimer {
  DeadlineReads* owner = nullptr;
  RingLoop* loop = nullptr;
  // The caller's; null after the deadline.
  IoOp* wanted = nullptr;

  static void Completed(IoOp* op);
  static void Late(LoopTimer* timer);
};

void DeadlineReads::OnLoop::Completed(IoOp* op) {
  std::unique_ptr<OnLoop> self(static_cast<OnLoop*>(op->context));
  if (IoOp* const wanted = self->wanted; wanted != nullptr) {
    self->loop->RemoveTimer(self.get());
    self->owner->Take(self.get(), wanted);
    self.reset();
    wanted->callback(wanted);
    return;
  }
  const std::shared_ptr<AbandonedReads> abandoned = self->owner->abandoned_;
  const uint64_t bytes = self->buffer.size();
  self->owner->Release(self.get());
  self.reset();
  abandoned->ForgetOne(bytes);
}

void DeadlineReads::OnLoop::Late(LoopTimer* timer) {
  auto* const self = static_cast<OnLoop*>(timer);
  DeadlineReads* const owner = self->owner;
  IoOp* const wanted = std::exchange(self->wanted, nullptr);
  IoEnd end = IoEnd::kTimedOut;
  if (self->loop->TakeBack(&self->op)) {
    owner->Release(self);
    delete self;
  } else {
    end = IoEnd::kAbandoned;
    owner->engine_->statistics()->Count(StatEvent::kDeadlineAbandoned);
    owner->abandoned_->CountOne(self->buffer.size());
  }
  owner->EndInVain(wanted, end);
  wanted->callback(wanted);
}

void DeadlineReads::RunOnLoop(IoOp* wanted, std::shared_ptr<const void> keeper,
                              Deadline deadline, RingLoop* loop) {
  if (!FitsRing(*wanted)) {
    RunByPosix(wanted);
    return;
  }
  std::unique_ptr<OnLoop> read = Make<OnLoop>(wanted, std::move(keeper));
  if (read == nullptr) {
    wanted->callback(wanted);
    return;
  }
  OnLoop* const self = read.release();
  self->owner = this;
  self->loop = loop;
  self->wanted = wanted;
  self->at = deadline;
  self->late = &OnLoop::Late;
  self->op.context = self;
  self->op.callback = &OnLoop::Completed;
  loop->AddTimer(self);
  loop->Submit(&self->op);
}

void DeadlineReads::RunPiece(IoOp* ops, size_t count,
                             const std::shared_ptr<const void>& keeper,
                             Deadline deadline) {
  std::array<std::unique_ptr<DeadlineRead>, kPiece> reads;
  std::array<IoOp*, kPiece> wanted;
  std::array<IoOp*, kPiece> started;
  size_t made = 0;
  for (size_t i = 0; i < count; ++i) {
    // The page cache does not wait for the device, and needs no buffer.
    if (ops[i].alignment == 0 && engine_->RunIfCached(&ops[i])) {
      continue;
    }
    if (!FitsRing(ops[i])) {
      RunByPosix(&ops[i]);
      continue;
    }
    reads[made] = Make<DeadlineRead>(&ops[i], keeper);
    if (reads[made] != nullptr) {
      started[made] = &reads[made]->op;
      wanted[made++] = &ops[i];
    }
  }
  const size_t taken = Submit(started.data(), made, deadline);
  engine_->WaitAll(started.data(), taken, deadline);
  const bool rings = engine_->HasRing();
  for (size_t i = 0; i < made; ++i) {
    if (i < taken || rings) {
      Finish(std::move(reads[i]), wanted[i]);
    } else {
      Release(reads[i].get());
      RunByPosix(wanted[i]);
    }
  }
}

void DeadlineReads::Run(IoOp* ops, size_t count,
                        const std::shared_ptr<const void>& keeper,
                        Deadline deadline) {
  for (size_t done = 0; done < count;) {
    const size_t piece = std::min(count - done, kPiece);
    RunPiece(ops + done, piece, keeper, deadline);
    done += piece;
  }
  if (count > 1) {
    engine_->statistics()->CountBatch(count);
  }
}

}  // namespace rocksdb_uring
