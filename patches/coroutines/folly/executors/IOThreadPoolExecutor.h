// An executor without rings, for coroutines that read through others.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "folly/executors/IOExecutor.h"

namespace folly {
inline namespace without_folly {
namespace detail {

// One thread, and the functions that wait for it.
class ThreadEventBase final : public EventBase {
 public:
  ThreadEventBase() : thread_([this] { Run(); }) {}
  // Runs what waits, and what that adds, before it returns.
  ~ThreadEventBase() override {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      stopped_ = true;
      changed_.notify_one();
    }
    thread_.join();
  }

  void add(Func function) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    functions_.push_back(std::move(function));
    changed_.notify_one();
  }
  bool isInEventBaseThread() const noexcept override {
    return std::this_thread::get_id() == thread_.get_id();
  }

 private:
  void Run() {
    std::vector<Func> running;
    std::unique_lock<std::mutex> lock(mutex_);
    while (!stopped_ || !functions_.empty()) {
      if (functions_.empty()) {
        changed_.wait(lock);
        continue;
      }
      running.swap(functions_);
      lock.unlock();
      for (Func& function : running) {
        function();
      }
      running.clear();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Func> functions_;
  bool stopped_ = false;
  // Last: it uses all of the above.
  std::thread thread_;
};

}  // namespace detail

// A fixed number of threads, which sleep while they have nothing to run.
class IOThreadPoolExecutor final : private EventBaseSource, public IOExecutor {
 public:
  explicit IOThreadPoolExecutor(std::size_t threads)
      : IOExecutor(static_cast<EventBaseSource*>(this)) {
    for (std::size_t i = 0; i < threads; ++i) {
      event_bases_.push_back(std::make_unique<detail::ThreadEventBase>());
    }
  }
  IOThreadPoolExecutor(const IOThreadPoolExecutor&) = delete;
  IOThreadPoolExecutor& operator=(const IOThreadPoolExecutor&) = delete;

 private:
  EventBase* PickEventBase() override {
    for (const auto& event_base : event_bases_) {
      if (event_base->isInEventBaseThread()) {
        return event_base.get();
      }
    }
    return event_bases_[next_.fetch_add(1) % event_bases_.size()].get();
  }

  std::vector<std::unique_ptr<detail::ThreadEventBase>> event_bases_;
  std::atomic<std::size_t> next_{0};
};

}  // namespace without_folly
}  // namespace folly
