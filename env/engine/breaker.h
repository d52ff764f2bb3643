// Circuit breaker: after repeated failures of rings everything goes to POSIX
// for a while, then one trial decides.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "env/base/errno_code.h"
#include "env/base/mutex.h"

namespace rocksdb_uring {

// Why a ring could not be used.
struct RingFailure {
  // The system call that failed, or what else did; null if nothing has. Never
  // freed.
  const char* call = nullptr;
  Errno error = Errno::FromErrno(0);
  // No ring has worked since.
  bool current = false;
};

// Safe for concurrent use. While closed, Allow costs one load.
class Breaker {
 public:
  using Clock = std::chrono::steady_clock;

  // Consecutive failures that open it.
  static constexpr uint32_t kFailuresMax = 3;
  // First pause; doubles with every failed trial up to kPauseMax.
  static constexpr std::chrono::milliseconds kPauseMin{100};
  static constexpr std::chrono::milliseconds kPauseMax{60000};

  // Whether a ring may be used now. When the pause is over, answers true to
  // one caller (the trial) and false to the others until it reports back, or
  // until another pause is over: a trial whose completion is never reaped must
  // not keep all others on POSIX.
  bool Allow();
  bool open() const { return open_.load(std::memory_order_relaxed); }
  // Whether Allow could answer true now; takes no trial.
  bool MayAllow() { return !open() || TrialIsDue(); }

  void RecordSuccess();
  // `call` must live for ever: a literal. Returns true if this failure opened
  // the breaker.
  bool RecordFailure(const char* call, Errno error);

  // Rings cannot do something of which nothing else depends: it is remembered,
  // and counts for nothing. `call` as for RecordFailure.
  void NoteFailure(const char* call, Errno error);

  // A ring could not be made. As RecordFailure, unless memory or descriptors
  // are short while other rings are alive: they go on serving, nothing is
  // counted, and no ring is to be made for kCreatePause.
  bool RecordRefusal(Errno error);
  // Whether that pause is over. To be asked before Allow: the caller that
  // Allow makes the trial has to report back. Costs one load where no ring
  // was refused.
  bool MayCreate() const;
  static constexpr std::chrono::milliseconds kCreatePause{100};
  // Rings that are alive, of whatever kind.
  void RingCreated() { rings_.fetch_add(1, std::memory_order_relaxed); }
  void RingDestroyed() { rings_.fetch_sub(1, std::memory_order_relaxed); }

  // The last one, also when rings work again.
  RingFailure last_failure();

 private:
  bool TrialIsDue() URING_EXCLUDES(mutex_);

  std::atomic<bool> open_{false};
  std::atomic<uint32_t> failures_{0};
  std::atomic<uint32_t> rings_{0};
  // No ring is made before; of Clock, 0 if none was refused.
  std::atomic<Clock::rep> create_at_{0};
  Mutex mutex_;
  RingFailure last_failure_ URING_GUARDED_BY(mutex_);
  bool trial_running_ URING_GUARDED_BY(mutex_) = false;
  std::chrono::milliseconds pause_ URING_GUARDED_BY(mutex_) = kPauseMin;
  Clock::time_point retry_at_ URING_GUARDED_BY(mutex_);
};

}  // namespace rocksdb_uring
