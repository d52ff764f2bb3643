// Counts failures of rings, and decides when a ring may be tried again.
//
// While closed, the breaker is asked for every batch and every submission, so
// that this costs one relaxed load; only what changes it takes the lock. An
// answer that is a moment old does no harm: at worst one more batch meets a
// ring that fails, and POSIX finishes it.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/engine/breaker.h"

#include <algorithm>
#include <cerrno>

#include "env/base/debug_log.h"

namespace rocksdb_uring {

namespace {

// What the kernel, the memlock limit or the limit of descriptors has too little
// of for one more ring.
bool IsShortage(Errno error) {
  return error.value() == ENOMEM || error.value() == EMFILE ||
         error.value() == ENFILE;
}

}  // namespace

bool Breaker::Allow() {
  if (!open()) {
    return true;
  }
  MutexLock lock(&mutex_);
  if (!open()) {
    return true;
  }
  const Clock::time_point now = Clock::now();
  if (now < retry_at_) {
    return false;
  }
  // The next pause begins with the trial, not with its report: a trial whose
  // completion no thread reaps would keep the process on POSIX for ever.
  trial_running_ = true;
  retry_at_ = now + pause_;
  return true;
}

bool Breaker::TrialIsDue() {
  MutexLock lock(&mutex_);
  return !open() || Clock::now() >= retry_at_;
}

void Breaker::RecordSuccess() {
  // Nearly always: no lock where nothing has failed since the last success.
  if (failures_.load(std::memory_order_relaxed) == 0) {
    return;
  }
  MutexLock lock(&mutex_);
  if (open()) {
    DebugLog("breaker closed: a ring has worked");
  }
  failures_.store(0, std::memory_order_relaxed);
  trial_running_ = false;
  pause_ = kPauseMin;
  open_.store(false, std::memory_order_relaxed);
}

bool Breaker::RecordFailure(const char* call, Errno error) {
  MutexLock lock(&mutex_);
  last_failure_.call = call;
  last_failure_.error = error;
  if (open()) {
    // Failures of batches that began before it opened do not prolong the
    // pause; that of the trial does.
    if (trial_running_) {
      trial_running_ = false;
      pause_ = std::min(pause_ * 2, kPauseMax);
      retry_at_ = Clock::now() + pause_;
      DebugLog("breaker stays open: the trial failed; next in %lld ms",
               static_cast<long long>(pause_.count()));
    }
    return false;
  }
  // One ring may die of its own; three in a row, with no success between, are
  // the kernel's doing.
  if (failures_.fetch_add(1, std::memory_order_relaxed) + 1 < kFailuresMax) {
    return false;
  }
  retry_at_ = Clock::now() + pause_;
  DebugLog("breaker opened after %u failures of rings: POSIX for %lld ms",
           kFailuresMax, static_cast<long long>(pause_.count()));
  open_.store(true, std::memory_order_relaxed);
  return true;
}

void Breaker::NoteFailure(const char* call, Errno error) {
  MutexLock lock(&mutex_);
  last_failure_.call = call;
  last_failure_.error = error;
}

bool Breaker::RecordRefusal(Errno error) {
  constexpr const char* kCall = "io_uring_setup";
  if (!IsShortage(error) || rings_.load(std::memory_order_relaxed) == 0) {
    return RecordFailure(kCall, error);
  }
  create_at_.store((Clock::now() + kCreatePause).time_since_epoch().count(),
                   std::memory_order_relaxed);
  MutexLock lock(&mutex_);
  last_failure_.call = kCall;
  last_failure_.error = error;
  // A trial that found no ring to try has decided nothing: the next one may
  // follow at once.
  if (trial_running_) {
    trial_running_ = false;
    retry_at_ = Clock::now();
  }
  return false;
}

bool Breaker::MayCreate() const {
  const Clock::rep create_at = create_at_.load(std::memory_order_relaxed);
  // With the last ring gone the pause is too: whether rings can be had at all
  // is then a question for the breaker, which has to hear of each refusal.
  return create_at == 0 || rings_.load(std::memory_order_relaxed) == 0 ||
         Clock::now().time_since_epoch().count() >= create_at;
}

RingFailure Breaker::last_failure() {
  MutexLock lock(&mutex_);
  RingFailure failure = last_failure_;
  failure.current = open() || failures_.load(std::memory_order_relaxed) > 0;
  return failure;
}

}  // namespace rocksdb_uring
