// Writes of one file that are in flight while RocksDB prepares what comes next:
// the device and the CPU work at the same time.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "env/base/aligned_buffer.h"
#include "env/base/mutex.h"
#include "env/engine/buffer_budget.h"
#include "env/file/open_file.h"

namespace rocksdb_uring {

// The first write of a file that failed.
struct WriteFailure {
  int64_t result = 0;  // negated errno
  uint64_t offset = 0;
  uint64_t length = 0;
};

// One thread appends (Reserve, Start); any other may Drain meanwhile. A forked
// child may not use a file that another thread was writing at that moment.
//
// Buffers come from the engine's write budget, of which each file that is being
// written gets an equal share, one buffer at least. A file keeps its buffers
// for the next write, until others need them. If the budget has none left,
// Reserve gives none and the file writes by itself: no file waits for another.
class WriteBehind final : private BufferBudget::Holder {
 public:
  // Longest write, and number of writes of one file in flight: four blocks of
  // 1 MiB, RocksDB's writable_file_max_buffer_size by default, in halves, so
  // that the device has two even of a single block (measured:
  // env/MEASUREMENTS.md).
  static constexpr size_t kWriteBytesMax = 512 << 10;
  static constexpr size_t kWritesMax = 8;
  // Shorter buffered appends cost less than to hand them over. RocksDB's have
  // 1 MiB, or what a rate limiter lets through.
  static constexpr size_t kBufferedBytesMin = 128 << 10;

  // Whether writes of the file may ever be in flight while it grows.
  static bool Serves(const OpenFile& file);
  // Whether an append of `size` bytes by this path is to be in flight when it
  // returns; `flush_waits`: the Flush that follows it waits for it.
  static bool Wants(const OpenFile& file, PathChoice path, size_t size,
                    bool flush_waits);

  explicit WriteBehind(std::shared_ptr<const OpenFile> file)
      : file_(std::move(file)) {}
  // Waits for what is in flight.
  ~WriteBehind() override;
  WriteBehind(const WriteBehind&) = delete;
  WriteBehind& operator=(const WriteBehind&) = delete;

  // Memory for the next write, of `size` bytes at `offset`; the file's earlier
  // writes are waited for if they have all its buffers or overlap. Null if the
  // engine takes no asynchronous writes now, or the budget has no buffer. Such
  // a write may be made by the caller once this has returned: nothing that
  // overlaps it is in flight.
  // REQUIRES: size <= kWriteBytesMax.
  char* Reserve(uint64_t offset, size_t size) URING_EXCLUDES(mutex_);
  // Writes the first `size` bytes of what Reserve gave. Does not wait for the
  // device, unless a compaction is held back for the sake of others
  // (BackgroundPace): then it waits for the file's earlier writes.
  void Start(uint64_t offset, size_t size, IoPriority priority)
      URING_EXCLUDES(mutex_);

  // Waits for every write that was started before. Blocks; a Reserve meanwhile
  // waits too.
  void Drain() URING_EXCLUDES(mutex_);
  // The same, and gives the buffers back: the file is at its end.
  void Finish() URING_EXCLUDES(mutex_);

  // The failed write with the lowest offset of those that were waited for.
  std::optional<WriteFailure> failure() URING_EXCLUDES(mutex_);
  // Everything below this offset is in the kernel; `size` if nothing is in
  // flight. Does not wait.
  uint64_t CompleteBelow(uint64_t size) URING_EXCLUDES(mutex_);

 private:
  struct Write {
    IoOp op;
    AlignedBuffer buffer;
    // Between Start and Collect.
    bool started = false;
    // Another write of the file has been in flight at the same time.
    bool overlapped = false;
  };

  void Collect(Write* write) URING_REQUIRES(mutex_);
  void CollectCompleted() URING_REQUIRES(mutex_);
  // Of those, what some thread has already taken off the ring.
  void CollectReaped() URING_REQUIRES(mutex_);
  void DrainLocked() URING_REQUIRES(mutex_);
  // Waits for what is in flight if compactions are to leave others their share.
  void LeaveRoom() URING_REQUIRES(mutex_);
  // Counts the bytes of writes that are in flight together.
  void CountOverlap() URING_REQUIRES(mutex_);
  bool Overlaps(uint64_t offset, size_t size) const URING_REQUIRES(mutex_);
  Write* FindFree(size_t size) URING_REQUIRES(mutex_);
  // The one that was started first; null if none is in flight.
  Write* Oldest() URING_REQUIRES(mutex_);
  bool ReclaimIdle() override URING_EXCLUDES(mutex_);
  BufferBudget* budget() const { return file_->engine->write_budget(); }
  void ReleaseBuffer(Write* write) URING_REQUIRES(mutex_);
  // Of writes that are not in flight, until the file holds no more than
  // `bytes_left`.
  void ReleaseIdleBuffers(size_t bytes_left) URING_REQUIRES(mutex_);
  // The write's buffer stays empty if the file has its share, or the budget
  // has none of `size` bytes.
  void AcquireBuffer(size_t size, Write* write) URING_REQUIRES(mutex_);

  const std::shared_ptr<const OpenFile> file_;
  // Of its device, once a compaction has written to it; not owned.
  BackgroundPace* pace_ URING_GUARDED_BY(mutex_) = nullptr;
  // The appending thread is asking the budget for a buffer, with the lock held.
  std::atomic<bool> acquiring_{false};

  Mutex mutex_{SharedBy::kFile};
  std::array<Write, kWritesMax> writes_ URING_GUARDED_BY(mutex_);
  // Started and not collected, in the order of their start.
  std::array<Write*, kWritesMax> in_flight_ URING_GUARDED_BY(mutex_) = {};
  size_t in_flight_count_ URING_GUARDED_BY(mutex_) = 0;
  Write* reserved_ URING_GUARDED_BY(mutex_) = nullptr;
  // Counted among the users of the budget, from the first buffer to Finish.
  bool uses_budget_ URING_GUARDED_BY(mutex_) = false;
  // In the budget's list of those that may hold idle buffers: to enter it takes
  // a lock of the process.
  bool listed_ URING_GUARDED_BY(mutex_) = false;
  // Bytes of its buffers.
  size_t bytes_held_ URING_GUARDED_BY(mutex_) = 0;
  std::optional<WriteFailure> failure_ URING_GUARDED_BY(mutex_);
};

}  // namespace rocksdb_uring
