// Counts the calls that reach the kernel, at the engine's own seams.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "env/engine/system_calls.h"
#include "env/ring/ring.h"

namespace rocksdb_uring {

enum class CallKind {
  kRingSubmit,  // io_uring_enter that hands requests over; it may wait too
  // io_uring_enter that only waits. An upper bound: a wait that finds its
  // completion there already needs no system call.
  kRingWait,
  kPosix,  // pread, preadv2, pwrite, fdatasync, fadvise
};
constexpr size_t kCallKinds = 3;

// Safe for concurrent use. Kept in shards by thread, so that counting does not
// slow down what is measured.
class CallCounter {
 public:
  using Counts = std::array<uint64_t, kCallKinds>;

  void Add(CallKind kind) {
    shards_[ShardIndex()].counts[static_cast<size_t>(kind)].fetch_add(
        1, std::memory_order_relaxed);
  }
  Counts Sum() const;

 private:
  static constexpr size_t kShards = 32;
  struct alignas(64) Shard {
    std::atomic<uint64_t> counts[kCallKinds] = {};
  };
  static size_t ShardIndex();

  std::array<Shard, kShards> shards_;
};

// The kernel's rings with their calls counted. `counter` is not owned and must
// outlive the rings.
RingFactory CountingRingFactory(CallCounter* counter);

// The kernel's calls, counted. `counter` must outlive it.
class CountingSystemCalls final : public SystemCalls {
 public:
  explicit CountingSystemCalls(CallCounter* counter) : counter_(counter) {}

  int64_t Pread(int fd, void* buffer, size_t size, uint64_t offset) override;
  int64_t PreadNoWait(int fd, void* buffer, size_t size,
                      uint64_t offset) override;
  int64_t Pwrite(int fd, const void* buffer, size_t size,
                 uint64_t offset) override;
  int64_t Fdatasync(int fd) override;
  int64_t WillNeed(int fd, uint64_t offset, uint64_t length) override;

 private:
  CallCounter* const counter_;
};

}  // namespace rocksdb_uring
