// A limit on buffers that many files share, with the right to take them back
// from files that have stopped using theirs.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "env/base/aligned_buffer.h"
#include "env/base/cpu_count.h"
#include "env/base/memory_account.h"
#include "env/base/mutex.h"
#include "env/base/sharing.h"
#include "env/engine/buffer_limit.h"
#include "env/engine/huge_blocks.h"
#include "env/engine/kept_buffers.h"

namespace rocksdb_uring {

// Safe for concurrent use.
class BufferBudget {
 public:
  // Somebody who holds buffers.
  class Holder {
   public:
    virtual ~Holder() = default;
    // Gives back what has not been used lately, through Release. Returns
    // whether it may hold more; one that does not leaves the list. Called by
    // any thread, with the budget's list locked: must not block, nor call
    // Acquire, Add or Remove.
    virtual bool ReclaimIdle() = 0;

   private:
    friend class BufferBudget;
    // Neighbours in the list of holders: the newer and the older one.
    Holder* before_ = nullptr;
    Holder* after_ = nullptr;
    bool listed_ = false;
  };

  // What a device writes to must have pages that no child inherits
  // (AlignedBuffer::NotInherited). What it only reads may be any memory, and a
  // child may go on with a file of which a write is in flight.
  enum class Use : uint8_t { kForWrites, kForReads };

  // `together`, if not null, is a limit that it shares with others; not owned.
  BufferBudget(Use use, uint64_t bytes_max, size_t cpus = CpuCount(),
               BufferLimit* together = nullptr);

  // A buffer of at least `size` bytes within the limit, idle buffers of others
  // taken back if need be; an empty one if there is none. `alignment` as for
  // AlignedBuffer, one page at most. Give it back with Release.
  AlignedBuffer Acquire(size_t size, size_t alignment);
  void Release(AlignedBuffer buffer);

  // A holder is asked to reclaim from Add until Remove, or until it has said
  // that it holds nothing. Not owned. Both may be repeated, and wait for a
  // reclaim that is going on.
  void Add(Holder* holder) URING_EXCLUDES(mutex_);
  void Remove(Holder* holder) URING_EXCLUDES(mutex_);

  // Those that take buffers at the moment, and what each may take so that all
  // get some.
  void AddUser() {
    NoteSharedWrite(SharedBy::kProcess);
    users_.fetch_add(1, std::memory_order_relaxed);
  }
  void RemoveUser();
  uint64_t FairShare() const { return FairShareOf(bytes_max()); }
  // The same of less than the limit.
  uint64_t FairShareOf(uint64_t bytes) const {
    const uint32_t users = users_.load(std::memory_order_relaxed);
    return users > 1 ? bytes / users : bytes;
  }

  // Its own limit, or that of all together if it is lower.
  uint64_t bytes_max() const { return bytes_max_; }
  // Bytes that are out now. Besides, up to a quarter of the limit is kept for
  // the next who asks, within the limit, while there are users.
  uint64_t bytes() const { return account_.bytes(); }
  // Bytes that are out or kept, and what is left of the blocks that they are
  // cut from.
  uint64_t held() const {
    return account_.bytes() + kept_.bytes() + blocks_.idle_bytes() +
           small_blocks_.idle_bytes();
  }
  // Frees some of what is kept.
  void FreeKept(uint64_t size) { kept_.Free(size); }

 private:
  using Clock = std::chrono::steady_clock;
  // After a reclaim that has brought nothing there is none for so long. Without
  // this pause, each read of each stream would ask all holders as long as the
  // budget is exhausted.
  static constexpr std::chrono::milliseconds kReclaimPause{10};
  // Smaller buffers are not cut from huge pages, as long as there is other
  // memory: a program with a few of them would hold a page for each.
  static constexpr size_t kCutFrom = 64 << 10;
  // They are cut from smaller blocks when so many bytes are out: a thousand
  // mappings that are made and unmade all the time cost more than the reads
  // (env/MEASUREMENTS.md, Huge pages).
  static constexpr uint64_t kManyBytes = 256 << 10;
  // And a limit must be so many blocks, lest what is left of them is much of
  // it.
  static constexpr size_t kBlocksMin = 8;
  // And it ends when it has brought so much: the more files there are, the
  // longer it takes, and the thread has a read to make.
  static constexpr uint64_t kReclaimBytes = 1 << 20;

  // How much is missing for `size` more bytes within both limits.
  uint64_t Missing(uint64_t size) const;
  bool Reserve(size_t size);
  // Whether idle buffers came back.
  bool Reclaim() URING_EXCLUDES(mutex_);
  void Unlink(Holder* holder) URING_REQUIRES(mutex_);
  void LinkAsNewest(Holder* holder) URING_REQUIRES(mutex_);
  AlignedBuffer Allocate(size_t size, size_t alignment) const;
  AlignedBuffer TakeKept(size_t size);
  // Of a block that is there: it takes no more of the limit.
  AlignedBuffer TakeFromBlock(size_t size, size_t alignment);
  template <typename Blocks>
  AlignedBuffer TakeFrom(Blocks* blocks, size_t size, size_t alignment);
  // Of a block that is there or a new one, if one is worth its memory.
  AlignedBuffer TakeFromAnyBlock(size_t size, size_t alignment);
  template <typename Blocks>
  AlignedBuffer TakeFromAny(Blocks* blocks, size_t size, size_t alignment);

  const Use use_;
  BufferLimit* const together_;
  const uint64_t bytes_max_;
  // Of Clock: no reclaim before.
  std::atomic<Clock::rep> reclaim_at_{
      Clock::time_point::min().time_since_epoch().count()};
  // Written with every buffer, and so apart from what lies around.
  alignas(kCacheLineBytes) MemoryAccount account_;
  std::atomic<uint32_t> users_{0};
  HugeBlocks blocks_;
  SmallBlocks small_blocks_;
  // Perhaps of both.
  KeptBuffers kept_;
  alignas(kCacheLineBytes) Mutex mutex_;
  // Newest first; the oldest is asked first.
  Holder* newest_ URING_GUARDED_BY(mutex_) = nullptr;
  Holder* oldest_ URING_GUARDED_BY(mutex_) = nullptr;
};

}  // namespace rocksdb_uring
