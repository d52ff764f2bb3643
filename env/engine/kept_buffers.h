// Buffers that have been given back, kept for the next one who asks: memory
// that the kernel has just made costs more than the copy out of it.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "env/base/aligned_buffer.h"
#include "env/base/cpu_count.h"
#include "env/base/mutex.h"
#include "env/base/sharing.h"

namespace rocksdb_uring {

// Safe for concurrent use.
class KeptBuffers {
 public:
  // Keeps `bytes_max` at most; none with 0.
  explicit KeptBuffers(uint64_t bytes_max, size_t cpus = CpuCount());

  // A buffer of `size` bytes, or up to a quarter more (a half if it is small),
  // as its last user has left it; an empty one if there is none. All of it
  // counts against the limit.
  AlignedBuffer Take(size_t size);
  // Keeps the buffer, or frees it if there are enough.
  void Keep(AlignedBuffer buffer);
  // Frees some, at least `size` bytes together if there are so many. Not where
  // that would mean to wait.
  void Free(uint64_t size);
  // Frees all.
  void Clear();

  uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  // By thread, one for each processor: a buffer is soon wanted by the thread
  // that gave it back. Others look here when their own shelf has none.
  static constexpr size_t kShelvesMin = 4;
  static constexpr size_t kShelvesMax = 64;
  struct alignas(kCacheLineBytes) Shelf {
    // Bytes on it, for threads that look without the lock.
    std::atomic<uint64_t> bytes{0};
    Mutex mutex{SharedBy::kShard};
    std::array<AlignedBuffer, 32> buffers URING_GUARDED_BY(mutex);
  };
  Shelf* ShelfAt(size_t index) const;
  AlignedBuffer TakeFrom(Shelf* shelf, size_t size)
      URING_REQUIRES(shelf->mutex);
  // Books what comes to a shelf and leaves it.
  void Book(Shelf* shelf, uint64_t added, uint64_t removed);

  const uint64_t bytes_max_;
  // A power of two; none if nothing is kept.
  const size_t shelf_count_;
  const std::unique_ptr<Shelf[]> shelves_;
  alignas(kCacheLineBytes) std::atomic<uint64_t> bytes_{0};
};

}  // namespace rocksdb_uring
