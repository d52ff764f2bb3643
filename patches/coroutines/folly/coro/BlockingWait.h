// Waiting for a task from a function that is no coroutine.
#pragma once

#include <condition_variable>
#include <mutex>
#include <utility>
#include <vector>

#include "folly/Executor.h"
#include "folly/coro/Task.h"
#include "folly/io/async/Request.h"

namespace folly {
inline namespace without_folly {
namespace coro {
namespace detail {

// The end of a task, and an executor for tasks that have none: it runs what it
// is given on the thread that waits. It may be destroyed as soon as Wait() has
// returned, so others touch it under its lock only.
class BlockingWaiter final : public Executor, private Completion {
 public:
  BlockingWaiter() noexcept : Completion(&Finished) {}

  Completion* completion() noexcept { return this; }

  // Safe for concurrent use.
  void add(Func function) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    functions_.push_back(std::move(function));
    changed_.notify_one();
  }

  // Runs functions until the task has finished.
  void Wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    std::vector<Func> running;
    while (!finished_) {
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

 private:
  static std::coroutine_handle<> Finished(Completion* completion) noexcept {
    auto* self = static_cast<BlockingWaiter*>(completion);
    const std::lock_guard<std::mutex> lock(self->mutex_);
    self->finished_ = true;
    self->changed_.notify_one();
    return std::noop_coroutine();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool finished_ = false;
  std::vector<Func> functions_;
};

}  // namespace detail

// Runs the task on its executor, and returns its result, or throws what it has
// thrown, when it has finished. If the executor runs it on this thread inside
// add(), as RocksDB's does, that is all; else the thread sleeps.
template <typename T>
T blockingWait(TaskWithExecutor<T> task) {
  detail::BlockingWaiter waiter;
  const detail::TaskFrame<T>& frame = detail::TaskAccess::Frame(task);
  frame.promise().completion = waiter.completion();
  detail::ResumeOn(frame.promise().executor, frame.handle(),
                   RequestContext::saveContext());
  waiter.Wait();
  return frame.promise().Result();
}

// The same on an executor that runs on this thread.
template <typename T>
T blockingWait(Task<T> task) {
  detail::BlockingWaiter waiter;
  TaskWithExecutor<T> scheduled = std::move(task).scheduleOn(&waiter);
  const detail::TaskFrame<T>& frame = detail::TaskAccess::Frame(scheduled);
  frame.promise().completion = waiter.completion();
  {
    const RequestContextScopeGuard guard(RequestContext::saveContext());
    frame.handle().resume();
  }
  waiter.Wait();
  return frame.promise().Result();
}

}  // namespace coro
}  // namespace without_folly
}  // namespace folly
