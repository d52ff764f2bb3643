#include "env/file/read_ahead.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

namespace rocksdb_uring {

namespace {

// A window is worth its copy from this size on. RocksDB's own automatic
// readahead of a scan starts at 8 KiB and doubles: short scans never get here.
constexpr size_t kWindowBytesMin = 64 << 10;
// Larger reads get a window of this size, and read the rest themselves.
constexpr size_t kWindowBytesMax = 4 << 20;
// A single read of a table of this size can only be a compaction's.
constexpr size_t kSureStreamBytes = 1 << 20;
// RocksDB's reads of one stream differ by about a block: a window a little
// larger than the last read holds the next one whole.
constexpr size_t kSlackBytesMax = 64 << 10;
// Windows end here. The last page of a blob file may be rewritten while the
// file grows: with direct I/O its writer pads what there is with zeros to the
// alignment, and writes the page again when there is more.
uint64_t EndFor(const OpenFile& file, uint64_t file_size) {
  const uint64_t page =
      std::max<uint64_t>(file.buffer_alignment(), rocksdb::kDefaultPageSize);
  const bool may_grow = file.kind != FileKind::kTable;
  return may_grow && file_size > 0 ? (file_size - 1) / page * page : file_size;
}
// Windows that nobody has asked for in this time may be taken for others.
constexpr std::chrono::seconds kIdleTime{1};

}  // namespace

ReadAhead::ReadAhead(std::shared_ptr<const OpenFile> file, uint64_t file_size)
    : file_(std::move(file)), end_(EndFor(*file_, file_size)) {}

ReadAhead::~ReadAhead() {
  if (forked()) {
    // What lies behind them is not here (AlignedBuffer::NotInherited).
    MutexLock lock(&mutex_);
    for (Stream& stream : streams_) {
      (void)stream.window.release();
    }
    return;
  }
  bool registered = false;
  {
    MutexLock lock(&mutex_);
    registered = registered_;
  }
  if (registered) {
    budget()->Remove(this);
  }
  MutexLock lock(&mutex_);
  for (Stream& stream : streams_) {
    Discard(std::move(stream.window));
  }
}

bool ReadAhead::InFlight(const Window* window) {
  return window != nullptr && window->op.state() != IoState::kIdle &&
         !window->op.completed();
}

ReadAhead::Stream* ReadAhead::OldestFree() {
  Stream* oldest = nullptr;
  for (Stream& stream : streams_) {
    // One whose window is on its way would have to be waited for.
    if (!stream.busy && !InFlight(stream.window.get()) &&
        (oldest == nullptr || stream.used < oldest->used)) {
      oldest = &stream;
    }
  }
  return oldest;
}

ReadAhead::Stream* ReadAhead::FindOrStart(uint64_t offset) {
  for (Stream& stream : streams_) {
    if (!stream.busy && stream.next == offset) {
      return &stream;
    }
  }
  Stream* oldest = OldestFree();
  if (oldest == nullptr) {
    // Windows that arrived and that nobody has asked for since.
    engine()->Poll();
    oldest = OldestFree();
  }
  if (oldest != nullptr) {
    Discard(std::move(oldest->window));
    oldest->reads = 0;
    oldest->size = 0;
  }
  return oldest;
}

size_t ReadAhead::Read(uint64_t offset, size_t size, char* scratch) {
  if (size < kTrackedBytesMin || forked()) {
    return 0;
  }
  Stream* stream = nullptr;
  {
    MutexLock lock(&mutex_);
    stream = FindOrStart(offset);
    if (stream == nullptr) {
      return 0;
    }
    stream->busy = true;
  }
  const size_t copied = TakeFromWindow(stream, offset, size, scratch);
  ++stream->reads;
  if (WantsWindow(*stream, size)) {
    MoveWindow(stream, offset + size, size);
  }
  MutexLock lock(&mutex_);
  stream->next = offset + size;
  stream->size = size;
  stream->used = Clock::now();
  stream->busy = false;
  return copied;
}

bool ReadAhead::WantsWindow(const Stream& stream, size_t size) const {
  if (size < kWindowBytesMin || !engine()->asynchronous()) {
    return false;
  }
  return stream.reads > 1 ||
         (size >= kSureStreamBytes && file_->kind == FileKind::kTable);
}

void ReadAhead::Finish(Window* window) {
  if (window->op.state() == IoState::kIdle) {
    return;
  }
  engine()->Wait(&window->op);
  if (window->op.result > 0) {
    window->ready += static_cast<uint64_t>(window->op.result);
  }
  // After an error or at the end of the file nothing more is to come.
  window->length = window->ready;
  window->op.Reset();
}

size_t ReadAhead::TakeFromWindow(Stream* stream, uint64_t offset, size_t size,
                                 char* scratch) {
  Window* const window = stream->window.get();
  if (window == nullptr || window->start != offset) {
    return 0;
  }
  Finish(window);
  const size_t copied = std::min<uint64_t>(size, window->ready);
  std::memcpy(scratch, window->buffer.data(), copied);
  return copied;
}

uint64_t ReadAhead::WindowBytes(const Stream& stream, uint64_t start,
                                size_t size) const {
  if (start >= end_) {
    return 0;
  }
  // RocksDB's readahead doubles until it has reached its maximum.
  const bool growing = stream.size != 0 && size >= stream.size * 3 / 2;
  uint64_t bytes = growing ? 2 * uint64_t{size} : size;
  bytes += std::min<uint64_t>(kSlackBytesMax, size / 4);
  bytes = std::min<uint64_t>(bytes, kWindowBytesMax);
  return RoundUp(std::min(bytes, end_ - start), file_->alignment);
}

bool ReadAhead::EnsureBuffer(Window* window, uint64_t bytes) {
  if (window->buffer.size() >= bytes) {
    return true;
  }
  AlignedBuffer buffer =
      budget()->Acquire(bytes, std::max<size_t>(file_->alignment, 4096));
  if (buffer.data() == nullptr) {
    return false;
  }
  if (window->ready > 0) {
    std::memcpy(buffer.data(), window->buffer.data(), window->ready);
  }
  budget()->Release(std::exchange(window->buffer, std::move(buffer)));
  return true;
}

void ReadAhead::MoveWindow(Stream* stream, uint64_t start, size_t size) {
  const uint64_t bytes = WindowBytes(*stream, start, size);
  if (bytes == 0) {
    Discard(std::move(stream->window));
    return;
  }
  if (stream->window == nullptr) {
    stream->window.reset(new (std::nothrow) Window());
    if (stream->window == nullptr) {
      return;
    }
    bool registered = true;
    {
      MutexLock lock(&mutex_);
      std::swap(registered, registered_);
    }
    if (!registered) {
      budget()->Add(this);
    }
  }
  Window* const window = stream->window.get();
  Finish(window);
  // What the last read has left over is the beginning of the next window.
  const uint64_t end = window->start + window->ready;
  const uint64_t kept = start >= window->start && start < end ? end - start : 0;
  if (kept > 0 && start != window->start) {
    std::memmove(window->buffer.data(),
                 window->buffer.data() + (start - window->start), kept);
  }
  window->start = start;
  window->ready = kept;
  window->length = kept;
  // What ends inside a sector ends where the file does.
  if (kept >= bytes || !IsAligned(kept, file_->alignment)) {
    return;
  }
  if (!EnsureBuffer(window, bytes)) {
    Discard(std::move(stream->window));
    return;
  }
  file_->Describe(IoKind::kRead, StatKind::kReadAhead, start + kept,
                  bytes - kept, window->buffer.data() + kept, &window->op);
  window->length = bytes;
  if (!engine()->Submit(&window->op)) {
    window->length = kept;
  }
}

void ReadAhead::Discard(std::unique_ptr<Window> window) {
  if (window == nullptr) {
    return;
  }
  if (window->op.state() != IoState::kIdle) {
    engine()->Cancel(&window->op);
  }
  Finish(window.get());
  if (window->ready > 0) {
    file_->engine->statistics()->Count(StatEvent::kReadAheadDiscarded,
                                       window->ready);
  }
  budget()->Release(std::move(window->buffer));
}

void ReadAhead::ForgetStreamAt(uint64_t offset) {
  if (forked()) {
    return;
  }
  MutexLock lock(&mutex_);
  for (Stream& stream : streams_) {
    if (!stream.busy && stream.next == offset) {
      Discard(std::move(stream.window));
      stream = Stream();
    }
  }
}

void ReadAhead::ReclaimIdle() {
  if (!mutex_.TryLock()) {
    return;
  }
  engine()->Poll();
  const Clock::time_point now = Clock::now();
  for (Stream& stream : streams_) {
    if (!stream.busy && stream.window != nullptr &&
        now - stream.used > kIdleTime && !InFlight(stream.window.get())) {
      Discard(std::move(stream.window));
    }
  }
  mutex_.Unlock();
}

}  // namespace rocksdb_uring
