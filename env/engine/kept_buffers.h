// Buffers that have been given back, kept for the next one who asks: memory
// that the kernel has just made costs more than the copy out of it.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "env/base/aligned_buffer.h"
#include "env/base/mutex.h"
#include "env/base/sharing.h"

namespace rocksdb_uring {

// Safe for concurrent use.
class KeptBuffers {
 public:
  // Keeps `bytes_max` at most; none with 0.
  explicit KeptBuffers(uint64_t bytes_max) : bytes_max_(bytes_max) {}

  // A buffer of `size` bytes, or a quarter more, as its last user has left it;
  // an empty one if there is none. All of it counts against the limit.
  AlignedBuffer Take(size_t size);
  // Keeps the buffer, or frees it if there are enough.
  void Keep(AlignedBuffer buffer);
  // Frees all; whether there was one.
  bool Clear();

  uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  // By thread: a buffer is soon wanted by the thread that gave it back, and
  // threads do not meet at one lock.
  static constexpr size_t kShelves = 64;
  struct alignas(kCacheLineBytes) Shelf {
    Mutex mutex{SharedBy::kShard};
    std::array<AlignedBuffer, 4> buffers URING_GUARDED_BY(mutex);
  };
  Shelf* MyShelf();

  const uint64_t bytes_max_;
  std::array<Shelf, kShelves> shelves_;
  alignas(kCacheLineBytes) std::atomic<uint64_t> bytes_{0};
};

}  // namespace rocksdb_uring
