// The pool's list of idle rings; what a ring is, live_ring.cc knows.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/engine/ring_pool.h"

#include <utility>

namespace rocksdb_uring {

RingPool::RingPool(Options options, const RingEnvironment* environment)
    : options_(options),
      environment_(environment),
      idle_(
          CountingAllocator<std::unique_ptr<LiveRing>>(environment->account)) {
  // To give a ring back must not take memory.
  MutexLock lock(&mutex_);
  idle_.reserve(options_.rings_max);
}

RingPool::~RingPool() = default;

std::unique_ptr<LiveRing> RingPool::Lease() {
  {
    MutexLock lock(&mutex_);
    // Before the breaker is asked: a caller that it makes the trial has to
    // report back, and one that gets no ring has nothing to report.
    if (idle_.empty() &&
        (rings_ >= options_.rings_max || !environment_->breaker->MayCreate())) {
      environment_->statistics->Count(StatEvent::kRingsBusy);
      return nullptr;
    }
    if (!idle_.empty()) {
      std::unique_ptr<LiveRing> ring;
      if (idle_.back()->Allow()) {
        ring = std::move(idle_.back());
        idle_.pop_back();
      }
      return ring;
    }
    if (!environment_->breaker->Allow()) {
      return nullptr;
    }
    ++rings_;
  }
  // With the lock released: it takes microseconds, and idle rings come back
  // meanwhile.
  return Create();
}

std::unique_ptr<LiveRing> RingPool::Create() {
  LiveRing::Request request;
  request.ring = options_.ring;
  request.user = "batches";
  std::unique_ptr<LiveRing> ring = LiveRing::Make(*environment_, request);
  if (ring == nullptr) {
    ForgetOne();
  }
  return ring;
}

// A failed ring is destroyed before it is forgotten: never more than rings_max
// exist, whatever memory the kernel still holds for them.
void RingPool::Return(std::unique_ptr<LiveRing> ring) {
  if (ring->failed()) {
    ring.reset();
    ForgetOne();
    return;
  }
  MutexLock lock(&mutex_);
  idle_.push_back(std::move(ring));
}

void RingPool::ForgetOne() {
  MutexLock lock(&mutex_);
  --rings_;
}

size_t RingPool::size() const {
  MutexLock lock(&mutex_);
  return rings_;
}

}  // namespace rocksdb_uring
