// The pool's shelves of idle rings; what a ring is, live_ring.cc knows.
//
// A thread returns a ring to the shelf of its number and finds it there again.
// One list for the process would be two acquisitions of one lock for each batch
// of each thread. Only a thread whose shelf is empty looks at the others', by a
// flag that changes when a shelf becomes empty or ceases to be: rings wander to
// where batches run, and not more of them are made than batches run at once.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/engine/ring_pool.h"

#include <utility>

#include "env/base/thread_number.h"

namespace rocksdb_uring {

RingPool::RingPool(Options options, const RingEnvironment* environment)
    : options_(options),
      environment_(environment),
      shelf_count_(ShardsFor(options.cpus, 1, kShelvesMax)),
      shelves_(new Shelf[shelf_count_]) {
  environment_->account->Add(shelf_count_ * sizeof(Shelf));
}

RingPool::~RingPool() {
  for (size_t i = 0; i < shelf_count_; ++i) {
    Shelf* const shelf = &shelves_[i];
    MutexLock lock(&shelf->mutex);
    // One by one: a list of a thousand would be as deep a recursion.
    while (shelf->idle != nullptr) {
      shelf->idle = std::move(shelf->idle->next_idle_);
    }
  }
  environment_->account->Subtract(shelf_count_ * sizeof(Shelf));
}

size_t RingPool::MyShelf() const { return ThreadNumber() & (shelf_count_ - 1); }

bool RingPool::Take(Shelf* shelf, std::unique_ptr<LiveRing>* ring) {
  if (!shelf->has_idle.load(std::memory_order_relaxed)) {
    return false;
  }
  MutexLock lock(&shelf->mutex);
  if (shelf->idle == nullptr) {
    return false;
  }
  if (shelf->idle->Allow()) {
    *ring = std::move(shelf->idle);
    shelf->idle = std::move((*ring)->next_idle_);
    if (shelf->idle == nullptr) {
      shelf->has_idle.store(false, std::memory_order_relaxed);
    }
  }
  return true;
}

std::unique_ptr<LiveRing> RingPool::Lease() {
  std::unique_ptr<LiveRing> ring;
  const size_t mine = MyShelf();
  for (size_t i = 0; i < shelf_count_; ++i) {
    if (Take(&shelves_[(mine + i) & (shelf_count_ - 1)], &ring)) {
      return ring;
    }
  }
  // Before the breaker is asked: a caller that it makes the trial has to
  // report back, and one that gets no ring has nothing to report.
  if (!environment_->breaker->MayCreate() || !CountOne()) {
    environment_->statistics->Count(StatEvent::kRingsBusy);
    return nullptr;
  }
  if (!environment_->breaker->Allow()) {
    ForgetOne();
    return nullptr;
  }
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
  Shelf* const shelf = &shelves_[MyShelf()];
  MutexLock lock(&shelf->mutex);
  ring->next_idle_ = std::move(shelf->idle);
  shelf->idle = std::move(ring);
  if (!shelf->has_idle.load(std::memory_order_relaxed)) {
    shelf->has_idle.store(true, std::memory_order_relaxed);
  }
}

bool RingPool::CountOne() {
  size_t rings = size();
  do {
    if (rings >= options_.rings_max) {
      return false;
    }
  } while (!rings_.compare_exchange_weak(rings, rings + 1,
                                         std::memory_order_relaxed));
  NoteSharedWrite(SharedBy::kProcess);
  return true;
}

void RingPool::ForgetOne() { rings_.fetch_sub(1, std::memory_order_relaxed); }

}  // namespace rocksdb_uring
