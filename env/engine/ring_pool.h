// Rings for batches that wait: leased for one batch, by one thread, and given
// back. There are as many as batches ever ran at once, up to a bound.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>

#include "env/base/cpu_count.h"
#include "env/base/memory_account.h"
#include "env/base/mutex.h"
#include "env/base/sharing.h"
#include "env/engine/live_ring.h"

namespace rocksdb_uring {

// Safe for concurrent use. A lease costs one lock, of a shelf that a thread
// shares with few others; creating a ring (the first time so many batches run
// at once) about 30 microseconds.
class RingPool {
 public:
  struct Options {
    RingOptions ring;
    // At most so many rings exist at once.
    size_t rings_max = 64;
    // Processors of the machine: idle rings lie on as many shelves.
    size_t cpus = CpuCount();
  };

  // `environment` is not owned and must outlive the pool.
  RingPool(Options options, const RingEnvironment* environment);
  // REQUIRES: every ring was returned.
  ~RingPool();

  // An idle ring, or a new one; null when the bound is reached, the kernel
  // gives none or has refused one a moment ago, or the breaker is open. The
  // last ring that threads of this shelf have returned is leased first: its
  // memory is warm.
  std::unique_ptr<LiveRing> Lease();

  // Takes a ring with no request in flight back; one that has failed ends
  // here, and a new one may take its place.
  void Return(std::unique_ptr<LiveRing> ring);

  // Whether no more rings can be had for the moment: there are as many as there
  // may be, or as the kernel has memory and descriptors for.
  bool exhausted() const {
    return size() >= options_.rings_max || !environment_->breaker->MayCreate();
  }
  // Rings that exist, leased ones included.
  size_t size() const { return rings_.load(std::memory_order_relaxed); }

 private:
  static constexpr size_t kShelvesMax = 128;

  struct alignas(kCacheLineBytes) Shelf {
    Mutex mutex{SharedBy::kShard};
    std::unique_ptr<LiveRing> idle URING_GUARDED_BY(mutex);
    // Whether there is one, for threads that look without the lock.
    std::atomic<bool> has_idle{false};
  };

  // Whether the shelf had a ring; `*ring` stays null if the breaker forbids to
  // use it.
  static bool Take(Shelf* shelf, std::unique_ptr<LiveRing>* ring);
  size_t MyShelf() const;
  // Counts a ring that is to be created; false if there are enough.
  bool CountOne();
  void ForgetOne();
  std::unique_ptr<LiveRing> Create();

  const Options options_;
  const RingEnvironment* const environment_;
  const size_t shelf_count_;
  const std::unique_ptr<Shelf[]> shelves_;
  // Those that are being created included, so that the bound holds.
  alignas(kCacheLineBytes) std::atomic<size_t> rings_{0};
};

}  // namespace rocksdb_uring
