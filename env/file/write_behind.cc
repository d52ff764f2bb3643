// Pieces of a file in flight: copied, submitted, waited for in order.
//
// RocksDB's data are valid only during its call, so each piece is copied into a
// buffer of the file. Reserve returns the buffer, Start submits the write, and
// Collect takes the result and frees the buffer for the next piece. Writes have
// no callback: the next call on the file collects what has completed.
//
// One lock protects all of it, and is held during waits. Sync and Fsync may run
// beside Append (IsSyncThreadSafe), and two threads that wait for the same
// write would both collect it. The lock is rarely contended: RocksDB syncs only
// WALs beside appends (DB::SyncWAL), and a WAL has no WriteBehind.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/file/write_behind.h"

#include <algorithm>
#include <utility>

namespace rocksdb_uring {

// RocksDB reads no table before it is closed, and drops an unfinished one after
// a crash, so writes of a table may be in flight. A blob file may be read while
// it grows: its Flush waits, unless RocksDB has promised not to read it. A WAL
// has no writes in flight: what was appended before its Flush must survive the
// process. Submitting is not enough for that: of 128 buffered writes in flight
// a killed process lost 127.
//
bool WriteBehind::Serves(const OpenFile& file) {
  return (file.kind == FileKind::kTable || file.kind == FileKind::kBlob) &&
         file.engine->has_rings() &&
         file.engine->options().write_buffer_bytes > 0;
}

// A buffered append costs processor time: it allocates pages of the page cache
// and fills them. In flight, a kernel thread spends that time while the
// compaction continues (env/MEASUREMENTS.md, Buffered compactions). One that is
// waited for gains nothing, and takes longer than the system call.
bool WriteBehind::Wants(const OpenFile& file, PathChoice path, size_t size,
                        bool flush_waits) {
  switch (path) {
    case PathChoice::kUring:
      return true;
    case PathChoice::kAuto:
      return file.direct() || (size >= kBufferedBytesMin && !flush_waits);
    case PathChoice::kPosix:
    case PathChoice::kPlain:
      break;
  }
  return false;
}

WriteBehind::~WriteBehind() { Finish(); }

void WriteBehind::ReleaseBuffer(Write* write) {
  if (write->buffer.data() != nullptr) {
    bytes_held_ -= write->buffer.size();
    budget()->Release(std::move(write->buffer));
  }
}

void WriteBehind::ReleaseIdleBuffers(size_t bytes_left) {
  for (Write& write : writes_) {
    if (!write.started && &write != reserved_ && bytes_held_ > bytes_left) {
      ReleaseBuffer(&write);
    }
  }
}

void WriteBehind::AcquireBuffer(size_t size, Write* write) {
  const size_t alignment = file_->buffer_alignment();
  size = RoundUp(size, alignment);
  if (!std::exchange(uses_budget_, true)) {
    budget()->AddUser();
  }
  // The first buffer is not refused: with it a write is in flight while
  // RocksDB prepares the next, however many files there are.
  if (bytes_held_ > 0 && bytes_held_ + size > budget()->FairShare()) {
    return;
  }
  acquiring_.store(true, std::memory_order_release);
  write->buffer = budget()->Acquire(size, alignment);
  acquiring_.store(false, std::memory_order_release);
  if (write->buffer.data() != nullptr) {
    bytes_held_ += write->buffer.size();
    if (!std::exchange(listed_, true)) {
      budget()->Add(this);
    }
  }
}

// Called by the thread of any file that needs a buffer, with the budget's list
// locked, so it must not wait. A file whose lock is taken is in use, and the
// thread that has it may be the calling one (`acquiring_`).
bool WriteBehind::ReclaimIdle() {
  if (acquiring_.load(std::memory_order_acquire) || !mutex_.TryLock()) {
    return true;
  }
  // Without a look at the ring, which may have to finish operations of others.
  CollectReaped();
  ReleaseIdleBuffers(budget()->FairShare());
  // A file that holds nothing leaves the list.
  const bool holds = bytes_held_ > 0;
  listed_ = holds;
  mutex_.Unlock();
  return holds;
}

// Writes complete in any order, so the first failure collected may not be the
// first in the file. The failure with the lowest offset is kept: synchronous
// writes would have reported that one, and Close ends the file before it.
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
  // Files that have been opened since have made the share smaller.
  if (bytes_held_ > write->buffer.size() &&
      bytes_held_ > budget()->FairShare()) {
    ReleaseBuffer(write);
  }
}

// One look at the ring for all of them: each would take the shard's lock.
void WriteBehind::CollectCompleted() {
  if (in_flight_count_ > 0) {
    (void)file_->engine->engine()->Wait(&Oldest()->op, 0);
  }
  CollectReaped();
}

void WriteBehind::CollectReaped() {
  // From the back: Collect moves what is behind the write one place forward.
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

// The kernel executes writes in any order. Of two overlapping writes in flight
// the older one could reach the file last. RocksDB makes such writes with
// direct I/O: it pads the last block with zeros, and writes the same block
// again with the data that follow.
bool WriteBehind::Overlaps(uint64_t offset, size_t size) const {
  return std::any_of(in_flight_.begin(), in_flight_.begin() + in_flight_count_,
                     [=](const Write* write) {
                       return offset < write->op.offset + write->op.length &&
                              write->op.offset < offset + size;
                     });
}

// A write keeps its buffer for the next piece, which nearly always has the same
// size. A file then takes at most kWritesMax buffers from the budget, not one
// for each piece.
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
    ReleaseIdleBuffers(0);
    AcquireBuffer(size, without_buffer);
  }
  return without_buffer->buffer.data() == nullptr ? nullptr : without_buffer;
}

// Waits for writes of this file, never for buffers of another one: one thread
// writes several files (a compaction writes a table and a blob file), and would
// wait for buffers that only it can return.
char* WriteBehind::Reserve(uint64_t offset, size_t size) {
  MutexLock lock(&mutex_);
  // One that was given back unused: its data had the wrong checksum.
  reserved_ = nullptr;
  CollectCompleted();
  // Before any return of null: the caller then writes by itself, and that write
  // must not overlap either. Draining all writes is simple, and rare: RocksDB
  // rewrites a block only after a Flush or Sync in the middle of a file.
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

void WriteBehind::Start(uint64_t offset, size_t size, IoPriority priority) {
  MutexLock lock(&mutex_);
  Write* const write = std::exchange(reserved_, nullptr);
  file_->Describe(IoKind::kWrite, StatKind::kWriteBehind, offset, size,
                  write->buffer.data(), &write->op, priority);
  write->op.by_worker = !file_->direct();
  // CountOverlap must not count writes that completed during the copy.
  CollectCompleted();
  if (file_->direct() && IsBackground(priority)) {
    LeaveRoom();
  }
  if (!file_->engine->engine()->Submit(&write->op)) {
    // No ring any more, or no room: written before the call returns. The result
    // is collected like all others, so a failure is found in one place.
    file_->Run(&write->op, PathChoice::kPosix);
  }
  write->started = true;
  write->overlapped = false;
  in_flight_[in_flight_count_++] = write;
  CountOverlap();
}

// On a device that limits compactions, a synced write of another thread would
// wait behind all that this file has in flight.
void WriteBehind::LeaveRoom() {
  if (pace_ == nullptr) {
    pace_ = file_->engine->background_paces()->Of(file_->fd.get());
  }
  if (in_flight_count_ == 0 || !pace_->limited()) {
    return;
  }
  const uint64_t began = MonotonicNs();
  DrainLocked();
  file_->engine->statistics()->Count(StatEvent::kBackgroundPaused,
                                     (MonotonicNs() - began) / 1000);
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
  reserved_ = nullptr;
  ReleaseIdleBuffers(0);
  // A child may find the budget locked by a thread that it does not have.
  if (std::exchange(uses_budget_, false) && !file_->engine->forked()) {
    budget()->RemoveUser();
    budget()->Remove(this);
    listed_ = false;
  }
}

std::optional<WriteFailure> WriteBehind::failure() {
  MutexLock lock(&mutex_);
  return failure_;
}

// For sync_file_range, which writes out the dirty pages that exist: it misses
// bytes that have not reached the page cache yet.
uint64_t WriteBehind::CompleteBelow(uint64_t size) {
  MutexLock lock(&mutex_);
  CollectCompleted();
  for (size_t i = 0; i < in_flight_count_; ++i) {
    size = std::min(size, in_flight_[i]->op.offset);
  }
  return size;
}

}  // namespace rocksdb_uring
