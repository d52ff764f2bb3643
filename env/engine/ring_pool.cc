#include "env/engine/ring_pool.h"

#include <utility>

#include "env/base/debug_log.h"

namespace rocksdb_uring {

RingPool::RingPool(Options options, Breaker* breaker, Statistics* statistics,
                   MemoryAccount* account)
    : options_(std::move(options)),
      breaker_(breaker),
      statistics_(statistics),
      account_(account),
      idle_(CountingAllocator<std::unique_ptr<Ring>>(account)) {}

RingPool::~RingPool() {
  MutexLock lock(&mutex_);
  for (const std::unique_ptr<Ring>& ring : idle_) {
    account_->Subtract(ring->memory_bytes());
  }
}

std::unique_ptr<Ring> RingPool::Lease() {
  if (!breaker_->Allow()) {
    return nullptr;
  }
  {
    MutexLock lock(&mutex_);
    if (!idle_.empty()) {
      std::unique_ptr<Ring> ring = std::move(idle_.back());
      idle_.pop_back();
      return ring;
    }
    // All that exist are leased, and report back to the breaker.
    if (rings_ >= options_.rings_max ||
        (rings_ > 0 && Breaker::Clock::now() < create_at_)) {
      statistics_->Count(StatEvent::kRingsBusy);
      return nullptr;
    }
    ++rings_;
  }
  return Create();
}

std::unique_ptr<Ring> RingPool::Create() {
  RingOrError made = options_.factory(options_.ring);
  if (made.ring == nullptr) {
    DebugLog("ring for batches refused: %s", made.error.message().c_str());
    {
      MutexLock lock(&mutex_);
      --rings_;
      create_at_ = Breaker::Clock::now() + kCreatePause;
    }
    statistics_->Count(StatEvent::kRingRefused);
    if (breaker_->RecordRefusal(made.error)) {
      statistics_->Count(StatEvent::kBreakerOpened);
    }
    return nullptr;
  }
  DebugLog("ring for batches created: %u entries, %zu bytes",
           made.ring->submission_entries(), made.ring->memory_bytes());
  statistics_->Count(StatEvent::kRingCreated);
  breaker_->RingCreated();
  account_->Add(made.ring->memory_bytes());
  return std::move(made.ring);
}

void RingPool::Return(std::unique_ptr<Ring> ring) {
  breaker_->RecordSuccess();
  MutexLock lock(&mutex_);
  idle_.push_back(std::move(ring));
}

void RingPool::Retire(std::unique_ptr<Ring> ring, const char* call,
                      Errno error) {
  account_->Subtract(ring->memory_bytes());
  DebugLog("ring for batches retired: %s: %s", call, error.message().c_str());
  statistics_->Count(StatEvent::kRingRetired);
  ring.reset();
  breaker_->RingDestroyed();
  if (breaker_->RecordFailure(call, error)) {
    statistics_->Count(StatEvent::kBreakerOpened);
  }
  MutexLock lock(&mutex_);
  --rings_;
}

size_t RingPool::size() const {
  MutexLock lock(&mutex_);
  return rings_;
}

}  // namespace rocksdb_uring
