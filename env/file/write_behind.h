// Writes of one file that are in flight while RocksDB prepares what comes next:
// the device and the CPU work at the same time.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "env/base/aligned_buffer.h"
#include "env/base/mutex.h"
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
// Buffers come from the engine's write budget. If it has none left, Reserve
// gives none and the file writes by itself: no file waits for another.
class WriteBehind {
 public:
  // Longest write, and number of writes of one file in flight: four blocks of
  // 1 MiB, RocksDB's writable_file_max_buffer_size by default, in halves, so
  // that the device has two even of a single block (measured:
  // env/MEASUREMENTS.md).
  static constexpr size_t kWriteBytesMax = 512 << 10;
  static constexpr size_t kWritesMax = 8;

  // Null if the file's writes are not to be in flight while it grows.
  static std::unique_ptr<WriteBehind> Make(
      const std::shared_ptr<const OpenFile>& file);

  explicit WriteBehind(std::shared_ptr<const OpenFile> file)
      : file_(std::move(file)) {}
  // Waits for what is in flight.
  ~WriteBehind();
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
  // device.
  void Start(uint64_t offset, size_t size) URING_EXCLUDES(mutex_);

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
  void DrainLocked() URING_REQUIRES(mutex_);
  // Counts the bytes of writes that are in flight together.
  void CountOverlap() URING_REQUIRES(mutex_);
  bool Overlaps(uint64_t offset, size_t size) const URING_REQUIRES(mutex_);
  Write* FindFree(size_t size) URING_REQUIRES(mutex_);
  // The one that was started first; null if none is in flight.
  Write* Oldest() URING_REQUIRES(mutex_);
  void ReleaseBuffer(Write* write) URING_REQUIRES(mutex_);
  // Of all writes that are not in flight.
  void ReleaseIdleBuffers() URING_REQUIRES(mutex_);
  // The write's buffer stays empty if the budget has none of `size` bytes.
  void AcquireBuffer(size_t size, Write* write) URING_REQUIRES(mutex_);

  const std::shared_ptr<const OpenFile> file_;

  Mutex mutex_{SharedBy::kFile};
  std::array<Write, kWritesMax> writes_ URING_GUARDED_BY(mutex_);
  // Started and not collected, in the order of their start.
  std::array<Write*, kWritesMax> in_flight_ URING_GUARDED_BY(mutex_) = {};
  size_t in_flight_count_ URING_GUARDED_BY(mutex_) = 0;
  Write* reserved_ URING_GUARDED_BY(mutex_) = nullptr;
  std::optional<WriteFailure> failure_ URING_GUARDED_BY(mutex_);
};

}  // namespace rocksdb_uring
