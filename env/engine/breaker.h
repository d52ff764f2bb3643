// Circuit breaker: after repeated failures of rings everything goes to POSIX
// for a while, then one trial decides.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "env/base/mutex.h"

namespace rocksdb_uring {

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
  // one caller (the trial) and false to the others until it reports back.
  bool Allow();
  bool open() const { return open_.load(std::memory_order_relaxed); }
  // Whether Allow could answer true now; takes no trial.
  bool MayAllow();

  void RecordSuccess();
  // Returns true if this failure opened the breaker.
  bool RecordFailure();

 private:
  std::atomic<bool> open_{false};
  std::atomic<uint32_t> failures_{0};
  Mutex mutex_;
  bool trial_running_ URING_GUARDED_BY(mutex_) = false;
  std::chrono::milliseconds pause_ URING_GUARDED_BY(mutex_) = kPauseMin;
  Clock::time_point retry_at_ URING_GUARDED_BY(mutex_);
};

}  // namespace rocksdb_uring
