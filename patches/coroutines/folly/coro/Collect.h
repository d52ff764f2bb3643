// Running tasks side by side.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "folly/coro/Task.h"
#include "folly/io/async/Request.h"

namespace folly {
inline namespace without_folly {
namespace coro {
namespace detail {

// Starts all tasks of a list on the executor of the coroutine that awaits it,
// and resumes that one when all have finished. The tasks are started in order,
// each as far as it gets without waiting; they may finish on any thread.
template <typename T>
class AllFinished final : private Completion {
 public:
  AllFinished(std::vector<Task<T>>& tasks, Executor* executor) noexcept
      : Completion(&OneFinished), tasks_(tasks), executor_(executor) {}

  bool await_ready() const noexcept { return tasks_.empty(); }

  FOLLY_CORO_AWAIT_SUSPEND bool await_suspend(
      std::coroutine_handle<> caller) noexcept {
    caller_ = caller;
    context_ = RequestContext::saveContext();
    // One more than there are tasks, so that this object stays while it starts
    // them.
    remaining_.store(tasks_.size() + 1, std::memory_order_relaxed);
    for (Task<T>& task : tasks_) {
      TaskFrame<T>& frame = TaskAccess::Frame(task);
      frame.promise().executor = executor_;
      frame.promise().completion = this;
      // A task that is suspended may leave a context of its own behind.
      const RequestContextScopeGuard guard(context_);
      frame.handle().resume();
    }
    return !Last();
  }

  void await_resume() { RequestContext::setContext(std::move(context_)); }

 private:
  static std::coroutine_handle<> OneFinished(Completion* completion) noexcept {
    auto* self = static_cast<AllFinished*>(completion);
    // Whoever is not the last must not touch the object any more.
    const std::coroutine_handle<> caller = self->caller_;
    return self->Last() ? caller : std::noop_coroutine();
  }

  // What the others have done is visible to the last.
  bool Last() noexcept {
    return remaining_.fetch_sub(1, std::memory_order_acq_rel) == 1;
  }

  std::vector<Task<T>>& tasks_;
  Executor* const executor_;
  std::coroutine_handle<> caller_;
  std::shared_ptr<RequestContext> context_;
  std::atomic<std::size_t> remaining_{0};
};

// As the awaitable: AllFinished without the executor, which comes with
// co_await. The tasks go on where they belong, so there is no hop.
template <typename T>
struct Finish {
  std::vector<Task<T>>& tasks;

  AllFinished<T> viaIfAsync(Executor::KeepAlive<> executor) const noexcept {
    return AllFinished<T>(tasks, executor.get());
  }
};

}  // namespace detail

// Runs all tasks, and gives their results in the order of the tasks when the
// last has finished. If some have thrown, that of the first of them in that
// order is thrown then. Allocates its own frame and the list of results,
// however many tasks there are.
template <typename T, typename = std::enable_if_t<!std::is_void_v<T>>>
Task<std::vector<T>> collectAllRange(std::vector<Task<T>> tasks) {
  co_await detail::Finish<T>{tasks};
  std::vector<T> results;
  results.reserve(tasks.size());
  for (Task<T>& task : tasks) {
    results.push_back(detail::TaskAccess::Frame(task).promise().Result());
  }
  co_return results;
}

// The same for tasks without results.
inline Task<void> collectAllRange(std::vector<Task<void>> tasks) {
  co_await detail::Finish<void>{tasks};
  for (Task<void>& task : tasks) {
    detail::TaskAccess::Frame(task).promise().Result();
  }
}

}  // namespace coro
}  // namespace without_folly
}  // namespace folly
