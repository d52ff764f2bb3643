// Reads ahead of synchronous sequential streams with direct I/O, so that the
// device works while RocksDB checks and merges what it has: compaction inputs
// and scans without async_io. (Buffered streams are read ahead by the kernel.)
//
// Streams are told apart by where their next read is expected, since point
// reads, scans and compactions share one file object. A stream that has shown
// itself sequential has one window: a buffer that a ring fills with what comes
// next. A read that the window holds is copied out of it, and the window moves
// on at once.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "env/base/aligned_buffer.h"
#include "env/base/mutex.h"
#include "env/engine/buffer_budget.h"
#include "env/engine/io_op.h"
#include "env/file/open_file.h"

namespace rocksdb_uring {

// Safe for concurrent use.
class ReadAhead final : public BufferBudget::Holder {
 public:
  // Reads shorter than this are no stream worth a look: point reads go by
  // without a lock.
  static constexpr size_t kTrackedBytesMin = 32 << 10;

  // `file` is direct; what it holds below `file_size` (bytes) will not change,
  // but for the last page of a blob file.
  ReadAhead(std::shared_ptr<const OpenFile> file, uint64_t file_size);
  // Waits for the windows in flight.
  ~ReadAhead() override;

  // Copies the first bytes of [offset, offset + size) to `scratch` if a window
  // has them, notes the read, and starts or moves the window of its stream.
  // Returns how many bytes it copied; the rest is the caller's to read. Blocks
  // if the window is still on its way. All numbers are aligned.
  size_t Read(uint64_t offset, size_t size, char* scratch);

  // RocksDB reads this stream asynchronously on its own: keep out.
  void ForgetStreamAt(uint64_t offset);

  void ReclaimIdle() override;

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr size_t kStreamsMax = 8;

  // [start, start + ready) is in the buffer; [start + ready, start + length)
  // is being read by `op`, if that is not idle.
  struct Window {
    AlignedBuffer buffer;
    IoOp op;
    uint64_t start = 0;
    uint64_t ready = 0;
    uint64_t length = 0;
  };
  struct Stream {
    // Where the next read is expected; the window, if any, starts there.
    uint64_t next = UINT64_MAX;
    // Size of the last read, and reads in a row.
    size_t size = 0;
    uint32_t reads = 0;
    // A thread works on it without the lock.
    bool busy = false;
    Clock::time_point used;
    std::unique_ptr<Window> window;
  };

  static bool InFlight(const Window* window);
  // The stream that expects a read at `offset`, else one to be used anew; null
  // if all are busy.
  Stream* FindOrStart(uint64_t offset) URING_REQUIRES(mutex_);
  Stream* OldestFree() URING_REQUIRES(mutex_);
  size_t TakeFromWindow(Stream* stream, uint64_t offset, size_t size,
                        char* scratch);
  void MoveWindow(Stream* stream, uint64_t start, size_t size);
  bool WantsWindow(const Stream& stream, size_t size) const;
  uint64_t WindowBytes(const Stream& stream, uint64_t start, size_t size) const;
  bool EnsureBuffer(Window* window, uint64_t bytes);
  void Finish(Window* window);
  void Discard(std::unique_ptr<Window> window);

  // In a forked child: windows and locks are as the parent's threads had them
  // at that moment, and are left alone.
  bool forked() const { return file_->engine->forked(); }
  IoEngine* engine() const { return file_->engine->engine(); }
  BufferBudget* budget() const { return file_->engine->read_ahead_budget(); }

  const std::shared_ptr<const OpenFile> file_;
  // Where windows end.
  const uint64_t end_;

  Mutex mutex_;
  std::array<Stream, kStreamsMax> streams_ URING_GUARDED_BY(mutex_);
  bool registered_ URING_GUARDED_BY(mutex_) = false;
};

}  // namespace rocksdb_uring
