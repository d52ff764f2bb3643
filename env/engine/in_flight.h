// Which operations threads wait for at this moment, so that a device that does
// not answer is seen while it does not answer.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "env/base/clock.h"
#include "env/base/sharing.h"
#include "env/base/thread_number.h"

namespace rocksdb_uring {

enum class StatKind : uint8_t;

// One operation, or a batch as its first operation.
struct InFlightOperation {
  StartTime start;
  StatKind kind{};
  int fd = -1;
  uint64_t offset = 0;
};

// A sum of what the table below and the rings of asynchronous operations show.
struct InFlightReport {
  struct Oldest {
    uint64_t age_ns;
    InFlightOperation operation;
  };

  // Keeps the operation if it is the oldest so far.
  void Consider(const InFlightOperation& operation);

  // In the kernel, or in a system call. Each request of a batch counts, until
  // all of the batch are complete.
  uint64_t operations = 0;
  // Asynchronous operations that wait for room in a ring.
  uint64_t queued = 0;
  // Of the operations, reads that were abandoned at their deadline, and the
  // bytes of their buffers.
  uint64_t abandoned = 0;
  uint64_t abandoned_bytes = 0;
  // Nothing if there is none, or if none could be looked at.
  std::optional<Oldest> oldest;
};

// The calls of Run that have not returned. A thread writes to a slot that its
// number names, on a cache line that no other thread uses, unless there are
// more threads than slots. Safe for concurrent use, without a lock.
class InFlightTable {
 public:
  class Slot;

  // `cpus` is the number of processors.
  explicit InFlightTable(size_t cpus);
  ~InFlightTable();

  // Shows an operation, or a batch of `count`, until Leave with the result,
  // which is null if it found no slot: then it is counted only.
  Slot* Enter(const InFlightOperation& operation, size_t count);
  void Leave(Slot* slot, size_t count);

  void AddTo(InFlightReport* report) const;
  size_t memory_bytes() const;

 private:
  // So many threads of one process wait at once, for each processor.
  static constexpr size_t kPerCpu = 64;
  static constexpr size_t kSlotsMin = 128;
  static constexpr size_t kSlotsMax = 2048;
  // Slots that a thread tries before it goes without.
  static constexpr size_t kAttempts = 8;

  // A power of two.
  const size_t slot_count_;
  const std::unique_ptr<Slot[]> slots_;
  // Operations without a slot.
  alignas(kCacheLineBytes) std::atomic<int64_t> unlisted_{0};
};

// Here, to be compiled into the way of every small read and append.
class alignas(kCacheLineBytes) InFlightTable::Slot {
 public:
  bool TryTake(const InFlightOperation& operation, size_t count) {
    uint64_t free = kFree;
    if (!start_.compare_exchange_strong(free, kBeingFilled,
                                        std::memory_order_acquire,
                                        std::memory_order_relaxed)) {
      return false;
    }
    offset_.store(operation.offset, std::memory_order_relaxed);
    fd_.store(operation.fd, std::memory_order_relaxed);
    kind_.store(operation.kind, std::memory_order_relaxed);
    count_.store(count, std::memory_order_relaxed);
    start_.store(operation.start.word(), std::memory_order_release);
    return true;
  }
  void Free() { start_.store(kFree, std::memory_order_release); }

  void AddTo(InFlightReport* report) const;

 private:
  // No start time has these words.
  static constexpr uint64_t kFree = 0;
  static constexpr uint64_t kBeingFilled = 1;

  std::atomic<uint64_t> start_{kFree};
  std::atomic<uint64_t> offset_{0};
  std::atomic<uint64_t> count_{0};
  std::atomic<int> fd_{-1};
  std::atomic<StatKind> kind_{};
};

inline InFlightTable::Slot* InFlightTable::Enter(
    const InFlightOperation& operation, size_t count) {
  NoteSharedWrite(SharedBy::kShard);
  const size_t mine = ThreadNumber();
  for (size_t i = 0; i < kAttempts; ++i) {
    Slot* const slot = &slots_[(mine + i) & (slot_count_ - 1)];
    if (slot->TryTake(operation, count)) {
      return slot;
    }
  }
  unlisted_.fetch_add(static_cast<int64_t>(count), std::memory_order_relaxed);
  return nullptr;
}

inline void InFlightTable::Leave(Slot* slot, size_t count) {
  if (slot != nullptr) {
    slot->Free();
    return;
  }
  unlisted_.fetch_sub(static_cast<int64_t>(count), std::memory_order_relaxed);
}

}  // namespace rocksdb_uring
