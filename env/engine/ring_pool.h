// Rings for batches that wait: leased for one batch, by one thread, and given
// back. There are as many as batches ever ran at once, up to a bound.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "env/base/memory_account.h"
#include "env/base/mutex.h"
#include "env/engine/live_ring.h"

namespace rocksdb_uring {

// Safe for concurrent use. An uncontended lease costs one lock; creating a
// ring (the first time so many batches run at once) about 30 microseconds.
class RingPool {
 public:
  struct Options {
    RingOptions ring;
    // At most so many rings exist at once.
    size_t rings_max = 64;
  };

  // `environment` is not owned and must outlive the pool.
  RingPool(Options options, const RingEnvironment* environment);
  // REQUIRES: every ring was returned.
  ~RingPool();

  // An idle ring, or a new one; null when the bound is reached, the kernel
  // gives none or has refused one a moment ago, or the breaker is open. The
  // last ring returned is leased first: its memory is warm.
  std::unique_ptr<LiveRing> Lease() URING_EXCLUDES(mutex_);

  // Takes a ring with no request in flight back; one that has failed ends
  // here, and a new one may take its place.
  void Return(std::unique_ptr<LiveRing> ring) URING_EXCLUDES(mutex_);

  // Rings that exist, leased ones included.
  size_t size() const URING_EXCLUDES(mutex_);

 private:
  std::unique_ptr<LiveRing> Create();
  void ForgetOne() URING_EXCLUDES(mutex_);

  const Options options_;
  const RingEnvironment* const environment_;

  mutable Mutex mutex_;
  // Those that are being created included, so that the bound holds.
  size_t rings_ URING_GUARDED_BY(mutex_) = 0;
  std::vector<std::unique_ptr<LiveRing>,
              CountingAllocator<std::unique_ptr<LiveRing>>>
      idle_ URING_GUARDED_BY(mutex_);
};

}  // namespace rocksdb_uring
