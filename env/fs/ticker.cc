// Sleeps until the next function is due.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/fs/ticker.h"

#include <algorithm>
#include <utility>

namespace rocksdb_uring {

Ticker::Ticker(std::vector<Task> tasks)
    : tasks_(std::move(tasks)), thread_([this] { Run(); }) {}

Ticker::~Ticker() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  stop_.NotifyAll();
  thread_.join();
}

void Ticker::Run() {
  using Clock = std::chrono::steady_clock;
  std::vector<Clock::time_point> due;
  for (const Task& task : tasks_) {
    due.push_back(Clock::now() + task.interval);
  }
  MutexLock lock(&mutex_);
  while (!stopping_) {
    const auto next = std::min_element(due.begin(), due.end());
    if (Clock::now() < *next) {
      stop_.WaitUntil(&mutex_, *next);
      continue;
    }
    const Task& task = tasks_[static_cast<size_t>(next - due.begin())];
    mutex_.Unlock();
    task.tick();
    mutex_.Lock();
    // From now on: calls that take longer than their interval do not pile up.
    *next = Clock::now() + task.interval;
  }
}

}  // namespace rocksdb_uring
