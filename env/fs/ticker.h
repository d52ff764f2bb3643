// A thread that calls a function at intervals.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <thread>
#include <utility>

#include "env/base/mutex.h"

namespace rocksdb_uring {

// Calls a function at intervals until it is destroyed, which waits for a call
// that runs. The constructor throws std::system_error if no thread can be
// started. In a forked child there is no thread, and the object must be leaked.
class Ticker {
 public:
  Ticker(std::chrono::seconds interval, std::function<void()> tick)
      : interval_(interval),
        tick_(std::move(tick)),
        thread_([this] { Run(); }) {}
  ~Ticker() {
    {
      MutexLock lock(&mutex_);
      stopping_ = true;
    }
    stop_.NotifyAll();
    thread_.join();
  }

 private:
  void Run() {
    MutexLock lock(&mutex_);
    while (!stopping_) {
      const bool notified = stop_.WaitUntil(
          &mutex_, std::chrono::steady_clock::now() + interval_);
      if (!notified && !stopping_) {
        mutex_.Unlock();
        tick_();
        mutex_.Lock();
      }
    }
  }

  const std::chrono::seconds interval_;
  const std::function<void()> tick_;
  Mutex mutex_;
  CondVar stop_;
  bool stopping_ URING_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace rocksdb_uring
