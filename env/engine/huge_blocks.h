// Buffers for a device to write to, cut from blocks of 64 units: large ones
// from huge pages, small ones from what would else be a mapping for each.
//
// A device reads 512 KiB into one place of memory much faster than into 128
// pages that lie anywhere, and the kernel has one page to pin, not 128
// (env/MEASUREMENTS.md, Huge pages).
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "env/base/aligned_buffer.h"
#include "env/base/cpu_count.h"
#include "env/base/mutex.h"
#include "env/base/sharing.h"

namespace rocksdb_uring {

// Sizes are rounded up to `kUnit` bytes, and buffers are aligned to it. The
// memory of a block belongs to the process as soon as a byte of it is
// touched, so what is not cut from it counts as well (idle_bytes). No child
// inherits it, as with AlignedBuffer::NotInherited. Safe for concurrent use.
template <size_t kUnit>
class CutBlocks {
 public:
  static constexpr size_t kUnitBytes = kUnit;
  static constexpr size_t kBlockBytes = 64 * kUnit;

  explicit CutBlocks(size_t cpus = CpuCount());
  // REQUIRES: all buffers have been destroyed.
  ~CutBlocks() = default;
  CutBlocks(const CutBlocks&) = delete;
  CutBlocks& operator=(const CutBlocks&) = delete;

  static constexpr size_t Rounded(size_t size) {
    return RoundUp(size, kUnitBytes);
  }
  // A buffer of Rounded(size) bytes of a block that is there; an empty one if
  // none has room, or where one could be had only by waiting. The last buffer
  // that is destroyed takes its block with it.
  AlignedBuffer Take(size_t size);
  // The same of a new block; an empty one if the memory cannot be had.
  // REQUIRES: Rounded(size) <= kBlockBytes.
  AlignedBuffer TakeFromNew(size_t size);

  // Bytes of blocks that are in no buffer.
  uint64_t idle_bytes() const { return idle_.load(std::memory_order_relaxed); }

 private:
  // One bit for each unit.
  using Units = uint64_t;
  struct Block {
    char* memory = nullptr;
    Units free = ~Units{0};
    Block* next = nullptr;
  };

  // The blocks that threads of one number have made: they find room in their
  // own without a lock that all threads share.
  class alignas(kCacheLineBytes) Shelf final : public AlignedBuffer::Owner {
   public:
    ~Shelf();
    void Init(std::atomic<uint64_t>* idle) { idle_ = idle; }
    // An empty buffer also where another thread is at it.
    AlignedBuffer Take(size_t size) URING_EXCLUDES(mutex_);
    // Takes `block` over.
    AlignedBuffer TakeFromNew(Block* block, size_t size) URING_EXCLUDES(mutex_);

   private:
    void TakeBack(char* memory, size_t size) override URING_EXCLUDES(mutex_);
    // An empty buffer if there is no room.
    AlignedBuffer Cut(Block* block, size_t size) URING_REQUIRES(mutex_);
    void CountIdle(uint64_t added, uint64_t removed);

    std::atomic<uint64_t>* idle_ = nullptr;
    Mutex mutex_{SharedBy::kShard};
    // The oldest first: later ones are the ones to become empty.
    Block* first_ URING_GUARDED_BY(mutex_) = nullptr;
  };

  static char* Map();

  static constexpr size_t kShelvesMin = 4;
  static constexpr size_t kShelvesMax = 64;
  // A power of two.
  const size_t shelf_count_;
  alignas(kCacheLineBytes) std::atomic<uint64_t> idle_{0};
  const std::unique_ptr<Shelf[]> shelves_;
};

// A block is a huge page of x86-64, and of arm64 with pages of 4 KiB.
using HugeBlocks = CutBlocks<32 << 10>;
using SmallBlocks = CutBlocks<4 << 10>;
extern template class CutBlocks<32 << 10>;
extern template class CutBlocks<4 << 10>;

}  // namespace rocksdb_uring
