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
      idle_(CountingAllocator<std::unique_ptr<Ring>>(account)) {
  // To give a ring back must not take memory.
  MutexLock lock(&mutex_);
  idle_.reserve(options_.rings_max);
}

RingPool::~RingPool() {
  MutexLock lock(&mutex_);
  for (const std::unique_ptr<Ring>& ring : idle_) {
    account_->Subtract(ring->memory_bytes());
  }
}

std::unique_ptr<Ring> RingPool::Lease() {
  {
    MutexLock lock(&mutex_);
    // Before the breaker is asked: whoever it allows has to report back.
    const bool none = idle_.empty();
    if (none &&
        (rings_ >= options_.rings_max || Breaker::Clock::now() < create_at_)) {
      statistics_->Count(StatEvent::kRingsBusy);
      return nullptr;
    }
    if (!breaker_->Allow()) {
      return nullptr;
    }
    if (!none) {
      std::unique_ptr<Ring> ring = std::move(idle_.back());
      idle_.pop_back();
      return ring;
    }
    ++rings_;
  }
  return Create();
}

std::unique_ptr<Ring> RingPool::Create() {
  RingOrError made = options_.factory(options_.ring);
  if (made.ring == nullptr) {
    DebugLog("ring for batches refused: %s", made.error.text(Errno::Buffer()));
    statistics_->Count(StatEvent::kRingRefused);
    const Breaker::Refusal refusal = breaker_->RecordRefusal(made.error);
    if (refusal == Breaker::Refusal::kOpened) {
      statistics_->Count(StatEvent::kBreakerOpened);
    }
    MutexLock lock(&mutex_);
    --rings_;
    if (rings_ > 0 || refusal == Breaker::Refusal::kNotCounted) {
      create_at_ = Breaker::Clock::now() + Breaker::kCreatePause;
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
  DebugLog("ring for batches retired: %s: %s", call,
           error.text(Errno::Buffer()));
  statistics_->Count(StatEvent::kRingRetired);
  ring.reset();
  breaker_->RingDestroyed();
  {
    // Room for another before the breaker may allow one.
    MutexLock lock(&mutex_);
    --rings_;
  }
  if (breaker_->RecordFailure(call, error)) {
    statistics_->Count(StatEvent::kBreakerOpened);
  }
}

size_t RingPool::size() const {
  MutexLock lock(&mutex_);
  return rings_;
}

}  // namespace rocksdb_uring
