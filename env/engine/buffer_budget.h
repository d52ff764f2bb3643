// A limit on buffers that many files share, with the right to take them back
// from files that have stopped using theirs.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "env/base/aligned_buffer.h"
#include "env/base/memory_account.h"
#include "env/base/mutex.h"

namespace rocksdb_uring {

// Safe for concurrent use.
class BufferBudget {
 public:
  // Somebody who holds buffers.
  class Holder {
   public:
    virtual ~Holder() = default;
    // Gives back what has not been used lately, through Release. Called by any
    // thread, with the budget's list locked: must not block, nor call Acquire,
    // Add or Remove.
    virtual void ReclaimIdle() = 0;

   private:
    friend class BufferBudget;
    // Neighbours in the list of holders.
    Holder* before_ = nullptr;
    Holder* after_ = nullptr;
  };

  // What a device writes to must have pages that no child inherits
  // (AlignedBuffer::NotInherited). What it only reads may be any memory, and a
  // child may go on with a file of which a write is in flight.
  enum class Use : uint8_t { kForWrites, kForReads };

  BufferBudget(Use use, uint64_t bytes_max)
      : use_(use), bytes_max_(bytes_max) {}

  // A buffer of at least `size` bytes within the limit, idle buffers of others
  // taken back if need be; an empty one if there is none. `alignment` as for
  // AlignedBuffer, one page at most. Give it back with Release.
  AlignedBuffer Acquire(size_t size, size_t alignment);
  void Release(AlignedBuffer buffer);

  // A holder is asked to reclaim between Add and Remove. Not owned. Remove
  // waits for a reclaim that is going on.
  void Add(Holder* holder) URING_EXCLUDES(mutex_);
  void Remove(Holder* holder) URING_EXCLUDES(mutex_);

  // Those that take buffers at the moment, and what each may take so that all
  // get some.
  void AddUser() { users_.fetch_add(1, std::memory_order_relaxed); }
  void RemoveUser() { users_.fetch_sub(1, std::memory_order_relaxed); }
  uint64_t FairShare() const {
    const uint32_t users = users_.load(std::memory_order_relaxed);
    return users > 1 ? bytes_max_ / users : bytes_max_;
  }

  uint64_t bytes_max() const { return bytes_max_; }
  // Bytes that are out now.
  uint64_t bytes() const { return account_.bytes(); }

 private:
  bool Reserve(size_t size);
  AlignedBuffer Allocate(size_t size, size_t alignment) const;

  const Use use_;
  const uint64_t bytes_max_;
  MemoryAccount account_;
  std::atomic<uint32_t> users_{0};
  Mutex mutex_;
  Holder* holders_ URING_GUARDED_BY(mutex_) = nullptr;
};

}  // namespace rocksdb_uring
