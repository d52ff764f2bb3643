// Which stream a read belongs to, and how much of it is read ahead.
//
// Many threads read the same file, so the lock protects only the table of
// streams, and is not held while a window copies or waits for the device. The
// thread that uses a window marks its slot busy; all others skip busy slots.
// Reads of one stream follow one another, so a stream rarely misses its slot.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/file/read_ahead.h"

#include <algorithm>
#include <new>
#include <utility>

namespace rocksdb_uring {

namespace {

// Of streams of small reads.
constexpr uint64_t kSmallWindowMax = 512 << 10;
// Of all of them together, down to kSmallWindowMin each: beyond this the device
// has enough to do, and larger windows only cost page faults and caches
// (env/MEASUREMENTS.md).
constexpr uint64_t kSmallWindowsTotal = 16 << 20;
constexpr uint64_t kSmallWindowMin = 32 << 10;
// Larger reads than this are read ahead in part.
constexpr uint64_t kLargeWindowMax = 4 << 20;
// A single read of a table of this size can only be a compaction's.
constexpr size_t kSureStreamBytes = 1 << 20;
// RocksDB's large reads of one stream differ by about a block: a window a
// little larger than the last read holds the next one whole.
constexpr size_t kSlackBytesMax = 64 << 10;
// After this time without a read, the buffers of a window may go to another
// file. A compaction may come back to one of its inputs late, and would read
// the window's bytes again; a scan that has gone on to the next table, with the
// end of a window unread, never does.
constexpr std::chrono::milliseconds kIdleTime{1000};
constexpr std::chrono::milliseconds kIdleScanTime{100};

// Windows end here. The last page of a blob file may be rewritten while the
// file grows: with direct I/O its writer pads what there is with zeros to the
// alignment, and writes the page again when there is more.
uint64_t EndFor(const OpenFile& file, uint64_t file_size) {
  const uint64_t page =
      std::max<uint64_t>(file.buffer_alignment(), rocksdb::kDefaultPageSize);
  const bool may_grow = file.kind != FileKind::kTable;
  return may_grow && file_size > 0 ? (file_size - 1) / page * page : file_size;
}

}  // namespace

ReadAhead::ReadAhead(std::shared_ptr<const OpenFile> file, uint64_t file_size,
                     StreamHistory* history)
    : file_(std::move(file)),
      pace_(file_->engine->background_paces()->Of(file_->fd.get())),
      end_(EndFor(*file_, file_size)),
      history_(history) {}

ReadAhead::~ReadAhead() {
  if (forked()) {
    // The child leaks the windows on purpose. Their buffers are not mapped here
    // (AlignedBuffer::NotInherited), so they cannot be freed, and their reads
    // are in the parent's ring, so they cannot be waited for.
    MutexLock lock(&mutex_);
    for (Slot& slot : slots_) {
      (void)slot.window.release();
    }
    return;
  }
  bool was_registered = false;
  {
    MutexLock lock(&mutex_);
    was_registered = was_registered_;
  }
  // Without this object's lock, because the budget's lock comes first. Remove
  // waits for a running ReclaimIdle, and no other starts after it.
  if (was_registered) {
    budget()->Remove(this);
  }
  MutexLock lock(&mutex_);
  for (Slot& slot : slots_) {
    slot.window.reset();
  }
}

ReadAhead::Slot* ReadAhead::OldestFree(bool settle) {
  Slot* oldest = nullptr;
  for (Slot& slot : slots_) {
    // A busy one is another thread's; one whose window is on its way would have
    // to be waited for.
    if (slot.busy || (slot.window != nullptr && slot.window->InFlight() &&
                      !(settle && slot.window->Settle()))) {
      continue;
    }
    if (oldest == nullptr || slot.used < oldest->used) {
      oldest = &slot;
    }
  }
  return oldest;
}

// A read that continues no stream takes over the least recently used slot. With
// more than kStreamsMax streams they take each other's windows: the statistics
// count the unread bytes as discarded.
// Of several the one whose window has the read. A scan that has stopped here,
// or has been here before, would take the reads of the one that comes after it,
// and leave the window of that one to be thrown away.
ReadAhead::Slot* ReadAhead::FindStream(uint64_t offset, size_t size) {
  Slot* found = nullptr;
  for (Slot& slot : slots_) {
    if (slot.busy || slot.stream.file == 0 ||
        !slot.stream.IsNear(offset, size) ||
        !ReadStream(slot.stream).Continue(offset, size)) {
      continue;
    }
    if (slot.window != nullptr && slot.window->Has(offset, offset + size)) {
      return &slot;
    }
    found = found != nullptr ? found : &slot;
  }
  return found;
}

ReadAhead::Slot* ReadAhead::FindOrStart(const ReadStream* seen, uint64_t offset,
                                        size_t size, size_t* size_before) {
  if (Slot* const found = FindStream(offset, size)) {
    *size_before = found->stream.end - found->stream.start;
    found->stream.Continue(offset, size);
    return found;
  }
  *size_before = 0;
  Slot* oldest = OldestFree(/*settle=*/false);
  if (oldest == nullptr) {
    // A window whose stream has ended stays in flight until a thread reaps its
    // completions, and its slot stays occupied.
    oldest = OldestFree(/*settle=*/true);
  }
  if (oldest == nullptr) {
    return nullptr;
  }
  oldest->window.reset();
  if (oldest->stream.file == 0) {
    streams_.fetch_add(1, std::memory_order_relaxed);
  }
  oldest->stream = ReadStream();
  if (seen != nullptr) {
    // From the thread's table, with its direction and origin.
    oldest->stream = *seen;
    oldest->stream.window = 0;
  } else {
    oldest->stream.Begin(history_->id(), offset, size);
  }
  oldest->stream.horizon =
      seen != nullptr && seen->direction == Direction::kBackward
          ? offset
          : offset + size;
  return oldest;
}

size_t ReadAhead::Read(const ReadStream* seen, uint64_t offset, size_t size,
                       char* scratch, const ReadTerms& terms, bool* late) {
  if (!Serves(seen, size) || !MayBeOfStream(offset, size) || forked()) {
    return 0;
  }
  Slot* slot = nullptr;
  size_t size_before = 0;
  {
    MutexLock lock(&mutex_);
    slot = FindOrStart(seen, offset, size, &size_before);
    if (slot == nullptr) {
      return 0;
    }
    slot->busy = true;
  }
  // In this order: pieces that were copied out return their buffers, and the
  // new pieces at the far end need buffers.
  const size_t copied =
      slot->window == nullptr
          ? 0
          : slot->window->Take(offset, size, scratch, terms.deadline, late);
  // With a deadline a piece that the stream has skipped stays in its place
  // until it has come.
  if (!terms.deadline.exists() || slot->window == nullptr ||
      !slot->window->MoveWaits(offset, offset + size)) {
    MoveWindow(slot, size_before, terms.priority);
  }
  MutexLock lock(&mutex_);
  slot->used = Clock::now();
  slot->busy = false;
  return copied;
}

// The pace counts it. Of a buffered file it says nothing of the device: the
// page cache may have it.
void ReadAhead::ReadRest(IoOp* op, PathChoice path, Deadline deadline) const {
  if (!file_->direct() || !IsBackground(op->priority) || forked()) {
    RunRead(file_, op, path, deadline);
    return;
  }
  const uint64_t bytes = op->length;
  const uint64_t began = MonotonicNs();
  pace_->Want(began);
  pace_->Started(bytes, began);
  RunRead(file_, op, path, deadline);
  const uint64_t now = MonotonicNs();
  pace_->Have(now);
  pace_->Came(bytes, now);
}

uint64_t ReadAhead::SmallWindowMax() const {
  return std::clamp(budget()->FairShareOf(kSmallWindowsTotal), kSmallWindowMin,
                    kSmallWindowMax);
}

uint64_t ReadAhead::BytesWanted(ReadStream* stream, size_t size_before) const {
  const uint64_t size = stream->end - stream->start;
  // Small reads come as far as this only in a stream that NoteRead has found,
  // and the history of the file says how much such streams need.
  if (size < kLargeReadMin) {
    const uint64_t more = history_->NextWindow(*stream, SmallWindowMax());
    stream->window = more > 0 ? static_cast<uint32_t>(more) : stream->window;
    return more > 0 ? stream->ahead() + more : 0;
  }
  // Large reads are mostly RocksDB's own readahead, so the size of the last one
  // predicts the next.
  const bool sure = size >= kSureStreamBytes && file_->kind == FileKind::kTable;
  // RocksDB makes no reverse scan in large reads. Large reads that go backwards
  // open a table: its index lies before its footer.
  if (stream->direction == Direction::kBackward ||
      (stream->direction == Direction::kUnknown && !sure)) {
    return 0;
  }
  // RocksDB's readahead doubles until it has reached its maximum.
  const bool growing = size_before != 0 && size >= size_before * 3 / 2;
  const uint64_t next = growing ? 2 * size : size;
  return std::min(next + std::min<uint64_t>(kSlackBytesMax, size / 4),
                  kLargeWindowMax);
}

void ReadAhead::MoveWindow(Slot* slot, size_t size_before,
                           IoPriority priority) {
  ReadStream* const stream = &slot->stream;
  if (slot->window != nullptr) {
    slot->window->Pass(stream->start, stream->end);
    // Its buffers are of use to others at once.
    if (slot->window->empty() && AtEnd(*stream)) {
      slot->window.reset();
      return;
    }
  }
  const uint64_t bytes =
      engine()->asynchronous() ? BytesWanted(stream, size_before) : 0;
  if (bytes == 0) {
    return;
  }
  if (slot->window == nullptr && !MakeWindow(slot)) {
    return;
  }
  slot->window->Extend(
      stream->start, stream->end, bytes,
      priority == IoPriority::kForeground ? IoPriority::kAhead : priority);
  stream->horizon =
      slot->window->empty() ? stream->horizon : slot->window->edge();
}

bool ReadAhead::MakeWindow(Slot* slot) {
  const bool back = slot->stream.direction == Direction::kBackward;
  slot->window.reset(new (std::nothrow) ReadWindow(
      file_, pace_, back ? Direction::kBackward : Direction::kForward, end_));
  if (slot->window == nullptr) {
    return false;
  }
  // Here, and not where streams are found: the statistics count streams that
  // were read ahead.
  file_->engine->statistics()->Count(
      StreamEvent(file_->kind, slot->stream.direction));
  // The budget takes idle buffers back from registered files. A file registers
  // with its first window, so files with point reads only are not in the list.
  // If two threads make windows at once, one of them finds `false`.
  bool registered = true;
  {
    MutexLock lock(&mutex_);
    std::swap(registered, registered_);
    was_registered_ = true;
  }
  if (!registered) {
    budget()->Add(this);
  }
  return true;
}

void ReadAhead::ForgetStreamAt(uint64_t offset) {
  if (streams_.load(std::memory_order_relaxed) == 0 || forked()) {
    return;
  }
  MutexLock lock(&mutex_);
  for (Slot& slot : slots_) {
    if (slot.busy || slot.stream.file == 0 || slot.stream.end != offset) {
      continue;
    }
    // The window stays until its reads have ended, since to destroy it would
    // wait for the device.
    slot.stream = ReadStream();
    streams_.fetch_sub(1, std::memory_order_relaxed);
    if (slot.window != nullptr) {
      slot.window->Cancel();
    }
  }
}

// The windows end without the lock: other readers of the file need not wait for
// the device.
void ReadAhead::ForgetAll() {
  if (streams_.load(std::memory_order_relaxed) == 0 || forked()) {
    return;
  }
  std::array<std::unique_ptr<ReadWindow>, kStreamsMax> windows;
  MutexLock lock(&mutex_);
  for (size_t i = 0; i < kStreamsMax; ++i) {
    Slot* const slot = &slots_[i];
    if (slot->busy || slot->stream.file == 0) {
      continue;
    }
    windows[i] = std::move(slot->window);
    slot->stream = ReadStream();
    streams_.fetch_sub(1, std::memory_order_relaxed);
  }
}

// Called by the thread of any file that needs a buffer, with the budget's list
// locked. It must not wait, or all files that need a buffer wait with it. A
// file whose lock is taken is in use, and has little to give back.
bool ReadAhead::ReclaimIdle() {
  if (!mutex_.TryLock()) {
    return true;
  }
  const Clock::time_point now = Clock::now();
  bool holds = false;
  for (Slot& slot : slots_) {
    const bool scan = slot.stream.end - slot.stream.start < kLargeReadMin;
    if (!slot.busy && slot.window != nullptr &&
        now - slot.used > (scan ? kIdleScanTime : kIdleTime) &&
        slot.window->Settle()) {
      slot.window.reset();
    }
    holds = holds || slot.busy || slot.window != nullptr;
  }
  registered_ = holds;
  mutex_.Unlock();
  return holds;
}

}  // namespace rocksdb_uring
