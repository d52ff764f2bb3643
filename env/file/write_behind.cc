// Pieces of a file in flight: copied, submitted, waited for in order.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/file/write_behind.h"

#include <algorithm>
#include <utility>

namespace rocksdb_uring {

WriteBehind::~WriteBehind() { Finish(); }

void WriteBehind::ReleaseBuffer(Write* write) {
  if (write->buffer.data() != nullptr) {
    file_->engine->write_budget()->Release(std::move(write->buffer));
  }
}

void WriteBehind::ReleaseIdleBuffers() {
  for (Write& write : writes_) {
    if (!write.started) {
      ReleaseBuffer(&write);
    }
  }
}

void WriteBehind::AcquireBuffer(size_t size, Write* write) {
  const size_t alignment = file_->buffer_alignment();
  write->buffer = file_->engine->write_budget()->Acquire(
      RoundUp(size, alignment), alignment);
}

void WriteBehind::Collect(Write* write) {
  file_->engine->engine()->Wait(&write->op);
  const IoOp& op = write->op;
  if (op.result < 0 && (!failure_ || op.offset < failure_->offset)) {
    failure_ = WriteFailure{op.result, op.offset, op.length};
  }
  write->op.Reset();
  write->started = false;
  const auto end = in_flight_.begin() + in_flight_count_;
  const auto place = std::find(in_flight_.begin(), end, write);
  std::copy(place + 1, end, place);
  --in_flight_count_;
}

// One look at the ring for all of them: each would take the shard's lock.
void WriteBehind::CollectCompleted() {
  if (in_flight_count_ > 0) {
    (void)file_->engine->engine()->Wait(&Oldest()->op, 0);
  }
  for (size_t i = in_flight_count_; i > 0; --i) {
    if (in_flight_[i - 1]->op.completed()) {
      Collect(in_flight_[i - 1]);
    }
  }
}

void WriteBehind::DrainLocked() {
  while (Write* const oldest = Oldest()) {
    Collect(oldest);
  }
}

WriteBehind::Write* WriteBehind::Oldest() {
  return in_flight_count_ == 0 ? nullptr : in_flight_[0];
}

bool WriteBehind::Overlaps(uint64_t offset, size_t size) const {
  return std::any_of(in_flight_.begin(), in_flight_.begin() + in_flight_count_,
                     [=](const Write* write) {
                       return offset < write->op.offset + write->op.length &&
                              write->op.offset < offset + size;
                     });
}

WriteBehind::Write* WriteBehind::FindFree(size_t size) {
  Write* without_buffer = nullptr;
  for (Write& write : writes_) {
    if (!write.started && write.buffer.size() >= size) {
      return &write;
    }
    if (!write.started) {
      without_buffer = &write;
    }
  }
  if (without_buffer == nullptr) {
    return nullptr;
  }
  ReleaseBuffer(without_buffer);
  AcquireBuffer(size, without_buffer);
  if (without_buffer->buffer.data() == nullptr) {
    // Smaller buffers of this file, idle now, may have the budget.
    ReleaseIdleBuffers();
    AcquireBuffer(size, without_buffer);
  }
  return without_buffer->buffer.data() == nullptr ? nullptr : without_buffer;
}

char* WriteBehind::Reserve(uint64_t offset, size_t size) {
  MutexLock lock(&mutex_);
  CollectCompleted();
  if (Overlaps(offset, size)) {
    DrainLocked();
  }
  if (!file_->engine->engine()->asynchronous()) {
    return nullptr;
  }
  reserved_ = FindFree(size);
  while (reserved_ == nullptr && Oldest() != nullptr) {
    file_->engine->statistics()->Count(StatEvent::kWriteBufferWait);
    Collect(Oldest());
    reserved_ = FindFree(size);
  }
  if (reserved_ == nullptr) {
    file_->engine->statistics()->Count(StatEvent::kWriteBufferNone);
    return nullptr;
  }
  return reserved_->buffer.data();
}

void WriteBehind::Start(uint64_t offset, size_t size) {
  MutexLock lock(&mutex_);
  Write* const write = std::exchange(reserved_, nullptr);
  file_->Describe(IoKind::kWrite, StatKind::kWriteBehind, offset, size,
                  write->buffer.data(), &write->op);
  CollectCompleted();
  if (!file_->engine->engine()->Submit(&write->op)) {
    // No ring any more, or no room: written before anything goes on.
    file_->Run(&write->op, PathChoice::kPosix);
  }
  write->started = true;
  write->overlapped = false;
  in_flight_[in_flight_count_++] = write;
  CountOverlap();
}

void WriteBehind::CountOverlap() {
  for (size_t i = 0; i < in_flight_count_ && in_flight_count_ > 1; ++i) {
    if (!in_flight_[i]->overlapped) {
      in_flight_[i]->overlapped = true;
      file_->engine->statistics()->Count(StatEvent::kWriteOverlapped,
                                         in_flight_[i]->op.length);
    }
  }
}

void WriteBehind::Drain() {
  MutexLock lock(&mutex_);
  DrainLocked();
}

void WriteBehind::Finish() {
  MutexLock lock(&mutex_);
  DrainLocked();
  ReleaseIdleBuffers();
}

std::optional<WriteFailure> WriteBehind::failure() {
  MutexLock lock(&mutex_);
  return failure_;
}

uint64_t WriteBehind::CompleteBelow(uint64_t size) {
  MutexLock lock(&mutex_);
  CollectCompleted();
  for (size_t i = 0; i < in_flight_count_; ++i) {
    size = std::min(size, in_flight_[i]->op.offset);
  }
  return size;
}

}  // namespace rocksdb_uring
