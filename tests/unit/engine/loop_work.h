// Functions for a loop of the engine, and a loop that runs them.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "env/engine/ring_loop.h"

namespace rocksdb_uring {

// Safe for concurrent use. Destroys the loop, and waits for it, first.
class LoopWork final : public RingLoop::Work {
 public:
  using Function = std::function<void()>;

  // False if there is no loop.
  bool StartOn(const std::function<std::unique_ptr<RingLoop>(Work*)>& start) {
    loop_ = start(this);
    return loop_ != nullptr;
  }
  void Stop() { loop_.reset(); }
  // To end it in another way.
  std::unique_ptr<RingLoop> Release() { return std::move(loop_); }
  RingLoop* loop() const { return loop_.get(); }

  void Add(Function function) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      functions_.push_back(std::move(function));
    }
    if (RingLoop::Current() != loop_.get()) {
      loop_->Wake();
    }
  }
  // Returns when it has run.
  void AddAndWait(const Function& function) {
    std::mutex mutex;
    std::condition_variable changed;
    bool done = false;
    Add([&] {
      function();
      const std::lock_guard<std::mutex> lock(mutex);
      done = true;
      changed.notify_one();
    });
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait(lock, [&done] { return done; });
  }

  bool RunWaiting() override {
    std::vector<Function> running;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      running.swap(functions_);
    }
    for (const Function& function : running) {
      function();
      if (RingLoop::Current() == nullptr) {
        break;
      }
    }
    return !running.empty();
  }
  bool HasWaiting() override {
    const std::lock_guard<std::mutex> lock(mutex_);
    return !functions_.empty();
  }

 private:
  std::mutex mutex_;
  std::vector<Function> functions_;
  std::unique_ptr<RingLoop> loop_;
};

}  // namespace rocksdb_uring
