// A thread that calls functions at intervals.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <thread>
#include <vector>

#include "env/base/mutex.h"

namespace rocksdb_uring {

// Calls functions, each at an interval of its own, until it is destroyed, which
// waits for a call that runs. The constructor throws std::system_error if no
// thread can be started. In a forked child there is no thread, and the object
// must be leaked.
class Ticker {
 public:
  struct Task {
    std::chrono::seconds interval;
    std::function<void()> tick;
  };

  // REQUIRES: there is a task.
  explicit Ticker(std::vector<Task> tasks);
  ~Ticker();
  Ticker(const Ticker&) = delete;
  Ticker& operator=(const Ticker&) = delete;

 private:
  void Run();

  const std::vector<Task> tasks_;
  Mutex mutex_;
  CondVar stop_;
  bool stopping_ URING_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace rocksdb_uring
