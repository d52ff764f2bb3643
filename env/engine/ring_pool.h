// Rings for batches that wait: leased for one batch, by one thread, and given
// back. There are as many as batches ever ran at once, up to a bound.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <vector>

#include "env/base/memory_account.h"
#include "env/base/mutex.h"
#include "env/engine/breaker.h"
#include "env/engine/statistics.h"
#include "env/ring/ring.h"

namespace rocksdb_uring {

// Safe for concurrent use. An uncontended lease costs one lock; creating a
// ring (the first time so many batches run at once) about 30 microseconds.
class RingPool {
 public:
  struct Options {
    RingFactory factory;
    RingOptions ring;
    // At most so many rings exist at once.
    size_t rings_max = 64;
  };

  // Nothing is owned but the options; the rest must outlive the pool.
  RingPool(Options options, Breaker* breaker, Statistics* statistics,
           MemoryAccount* account);
  // REQUIRES: every ring was returned or retired.
  ~RingPool();

  // An idle ring, or a new one; null when the bound is reached, the kernel
  // gives none or has refused one a moment ago, or the breaker is open. The
  // last ring returned is leased first: its memory is warm.
  std::unique_ptr<Ring> Lease() URING_EXCLUDES(mutex_);

  // Takes a ring with no request in flight back.
  void Return(std::unique_ptr<Ring> ring) URING_EXCLUDES(mutex_);

  // Destroys a ring that failed, in `call` with `error` (as for the breaker); a
  // new one may take its place.
  void Retire(std::unique_ptr<Ring> ring, const char* call, Errno error)
      URING_EXCLUDES(mutex_);

  // Rings that exist, leased ones included.
  size_t size() const URING_EXCLUDES(mutex_);

 private:
  std::unique_ptr<Ring> Create();

  const Options options_;
  Breaker* const breaker_;
  Statistics* const statistics_;
  MemoryAccount* const account_;

  mutable Mutex mutex_;
  size_t rings_ URING_GUARDED_BY(mutex_) = 0;
  // Not to be asked for another one before: being refused again for every batch
  // would cost more than it could gain.
  Breaker::Clock::time_point create_at_ URING_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<Ring>, CountingAllocator<std::unique_ptr<Ring>>>
      idle_ URING_GUARDED_BY(mutex_);
};

}  // namespace rocksdb_uring
