// A coroutine that runs when somebody awaits it.
#pragma once

#include <cassert>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "folly/Executor.h"
#include "folly/coro/Coroutine.h"
#include "folly/coro/CurrentExecutor.h"  // IWYU pragma: export
#include "folly/coro/FrameCache.h"
#include "folly/coro/ViaIfAsync.h"
#include "folly/futures/Future.h"
#include "folly/io/async/Request.h"

namespace folly {
inline namespace without_folly {
namespace coro {

template <typename T>
class Task;
template <typename T>
class TaskWithExecutor;

namespace detail {

// Who is told that a task has finished, other than a coroutine that awaits it.
class Completion {
 public:
  // Returns which coroutine to go on with. The task, which is suspended, and
  // this object may be gone when it returns.
  using Done = std::coroutine_handle<> (*)(Completion*) noexcept;

  explicit Completion(Done done) noexcept : done_(done) {}
  Completion(const Completion&) = delete;
  Completion& operator=(const Completion&) = delete;

  std::coroutine_handle<> operator()() noexcept { return done_(this); }

 private:
  const Done done_;
};

// What does not depend on a task's result. The executor and one of
// continuation and completion are set before the task is started.
struct TaskPromiseBase {
  // Hands over to the coroutine that awaits, without a stack frame in between
  // where the compiler makes tail calls.
  struct FinalAwaiter {
    bool await_ready() const noexcept { return false; }
    template <typename Promise>
    FOLLY_CORO_AWAIT_SUSPEND std::coroutine_handle<> await_suspend(
        std::coroutine_handle<Promise> finished) const noexcept {
      TaskPromiseBase& promise = finished.promise();
      return promise.completion != nullptr ? (*promise.completion)()
                                           : promise.continuation;
    }
    void await_resume() const noexcept {}
  };

  static void* operator new(std::size_t size) {
    return FrameCache::Allocate(size);
  }
  static void operator delete(void* frame, std::size_t size) noexcept {
    FrameCache::Free(frame, size);
  }

  std::suspend_always initial_suspend() const noexcept { return {}; }
  FinalAwaiter final_suspend() const noexcept { return {}; }
  void unhandled_exception() noexcept { error = std::current_exception(); }

  template <typename Awaitable>
  auto await_transform(Awaitable&& awaitable) {
    return co_viaIfAsync(Executor::KeepAlive<>(executor),
                         std::forward<Awaitable>(awaitable));
  }

  void ThrowError() const {
    if (error) {
      std::rethrow_exception(error);
    }
  }

  Executor* executor = nullptr;
  std::coroutine_handle<> continuation;
  Completion* completion = nullptr;
  std::exception_ptr error;
};

template <typename T>
struct TaskPromise final : TaskPromiseBase {
  Task<T> get_return_object() noexcept;

  template <typename U = T>
  void return_value(U&& result) {
    value.emplace(std::forward<U>(result));
  }

  // Moves the result out, or throws what the task has thrown.
  T Result() {
    ThrowError();
    return std::move(*value);
  }

  std::optional<T> value;
};

template <>
struct TaskPromise<void> final : TaskPromiseBase {
  inline Task<void> get_return_object() noexcept;
  void return_void() const noexcept {}
  void Result() const { ThrowError(); }
};

// The owner of a task's frame.
template <typename T>
class TaskFrame {
 public:
  using Handle = std::coroutine_handle<TaskPromise<T>>;

  explicit TaskFrame(Handle handle) noexcept : handle_(handle) {}
  TaskFrame(TaskFrame&& other) noexcept
      : handle_(std::exchange(other.handle_, nullptr)) {}
  TaskFrame& operator=(TaskFrame other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~TaskFrame() {
    if (handle_) {
      handle_.destroy();
    }
  }

  explicit operator bool() const noexcept { return handle_ != nullptr; }
  Handle handle() const noexcept { return handle_; }
  TaskPromise<T>& promise() const noexcept {
    assert(handle_);
    return handle_.promise();
  }

 private:
  Handle handle_;
};

// Runs a task in place of the coroutine that awaits it, on the same executor.
template <typename T>
class TaskAwaiter {
 public:
  TaskAwaiter(TaskFrame<T> frame, Executor* executor) noexcept
      : frame_(std::move(frame)) {
    frame_.promise().executor = executor;
  }

  bool await_ready() const noexcept { return false; }
  FOLLY_CORO_AWAIT_SUSPEND std::coroutine_handle<> await_suspend(
      std::coroutine_handle<> caller) noexcept {
    frame_.promise().continuation = caller;
    return frame_.handle();
  }
  T await_resume() { return frame_.promise().Result(); }

 private:
  TaskFrame<T> frame_;
};

// Runs a task on its executor. The coroutine that awaits it goes on wherever
// the task has finished, unless co_viaIfAsync() sees to it.
template <typename T>
class ScheduledTaskAwaiter {
 public:
  explicit ScheduledTaskAwaiter(TaskFrame<T> frame) noexcept
      : frame_(std::move(frame)) {}

  bool await_ready() const noexcept { return false; }
  FOLLY_CORO_AWAIT_SUSPEND void await_suspend(std::coroutine_handle<> caller) {
    frame_.promise().continuation = caller;
    ResumeOn(frame_.promise().executor, frame_.handle(),
             RequestContext::saveContext());
  }
  T await_resume() { return frame_.promise().Result(); }

 private:
  TaskFrame<T> frame_;
};

// The owner of a task that nothing awaits: destroys it, and itself, when it has
// finished, and then passes its result on. In this order, because the thread
// that waits for the result may free what arguments of the task point to.
template <typename T>
class StartedTask final : private Completion {
 public:
  using Result = folly::detail::LiftUnit<T>;

  static SemiFuture<Result> Start(TaskFrame<T> frame) {
    auto* const self = new StartedTask(std::move(frame));
    SemiFuture<Result> future(self->state_);
    TaskPromise<T>& promise = self->frame_.promise();
    promise.completion = self;
    // `self` may be gone when this returns.
    ResumeOn(promise.executor, self->frame_.handle(),
             RequestContext::saveContext());
    return future;
  }

 private:
  explicit StartedTask(TaskFrame<T> frame)
      : Completion(&Finished),
        frame_(std::move(frame)),
        state_(std::make_shared<folly::detail::FutureState<Result>>()) {}

  static std::coroutine_handle<> Finished(Completion* completion) noexcept {
    auto* const self = static_cast<StartedTask*>(completion);
    const auto state = std::move(self->state_);
    try {
      if constexpr (std::is_void_v<T>) {
        self->frame_.promise().Result();
        delete self;
        state->SetValue(Unit());
      } else {
        Result result = self->frame_.promise().Result();
        delete self;
        state->SetValue(std::move(result));
      }
    } catch (...) {
      delete self;
      state->SetError(std::current_exception());
    }
    return std::noop_coroutine();
  }

  TaskFrame<T> frame_;
  std::shared_ptr<folly::detail::FutureState<Result>> state_;
};

// Runs a task on its executor, for a task on `home`, which goes on there. If
// that is the same executor there is nothing to add to its queue.
template <typename T>
class TaskElsewhereAwaiter {
 public:
  TaskElsewhereAwaiter(TaskFrame<T> frame, Executor* home) noexcept
      : frame_(std::move(frame)), home_(home) {}
  TaskElsewhereAwaiter(const TaskElsewhereAwaiter&) = delete;
  TaskElsewhereAwaiter& operator=(const TaskElsewhereAwaiter&) = delete;

  bool await_ready() const noexcept { return false; }
  FOLLY_CORO_AWAIT_SUSPEND std::coroutine_handle<> await_suspend(
      std::coroutine_handle<> caller) {
    TaskPromise<T>& promise = frame_.promise();
    if (promise.executor == home_) {
      promise.continuation = caller;
      return frame_.handle();
    }
    promise.continuation = hop_.Make(home_, caller);
    // `this` may be gone when this returns.
    ResumeOn(promise.executor, frame_.handle(), RequestContext::saveContext());
    return std::noop_coroutine();
  }
  T await_resume() { return frame_.promise().Result(); }

 private:
  TaskFrame<T> frame_;
  Executor* const home_;
  Hop hop_;
};

// Lets the functions of this folder at what a task is made of.
struct TaskAccess {
  template <typename AnyTask>
  static auto& Frame(AnyTask& task) noexcept {
    return task.frame_;
  }
};

}  // namespace detail

// The result, or the exception, of a coroutine that has not been started. It
// runs when it is awaited, once, on the executor of the coroutine that awaits
// it or on the one that scheduleOn() names, and goes on there after each thing
// that it has awaited. The frame, with all that it holds, is freed with the
// object that owns it: this one, or the awaiter or list that it has moved to;
// that may happen before it has started, while it is suspended and nobody is
// about to resume it, or when it has finished.
// REQUIRES: external synchronization.
template <typename T = void>
class [[nodiscard]] Task {
  static_assert(!std::is_reference_v<T>);

 public:
  using promise_type = detail::TaskPromise<T>;

  Task(Task&&) noexcept = default;
  Task& operator=(Task&&) noexcept = default;

  // The executor must live until the task has finished.
  TaskWithExecutor<T> scheduleOn(Executor::KeepAlive<> executor) && noexcept {
    assert(executor);
    frame_.promise().executor = executor.get();
    return TaskWithExecutor<T>(std::move(frame_));
  }

  // For `co_await task` in another task.
  detail::TaskAwaiter<T> viaIfAsync(
      Executor::KeepAlive<> executor) && noexcept {
    return detail::TaskAwaiter<T>(std::move(frame_), executor.get());
  }

 private:
  friend promise_type;
  friend detail::TaskAccess;

  explicit Task(std::coroutine_handle<promise_type> handle) noexcept
      : frame_(handle) {}

  detail::TaskFrame<T> frame_;
};

// A task that knows where to run. It is awaited, started or passed to
// blockingWait().
// REQUIRES: external synchronization.
template <typename T>
class [[nodiscard]] TaskWithExecutor {
 public:
  TaskWithExecutor(TaskWithExecutor&&) noexcept = default;
  TaskWithExecutor& operator=(TaskWithExecutor&&) noexcept = default;

  detail::ScheduledTaskAwaiter<T> operator co_await() && noexcept {
    return detail::ScheduledTaskAwaiter<T>(std::move(frame_));
  }

  // For `co_await` in a task on `home`.
  detail::TaskElsewhereAwaiter<T> viaIfAsync(
      Executor::KeepAlive<> home) && noexcept {
    return detail::TaskElsewhereAwaiter<T>(std::move(frame_), home.get());
  }

  // Runs it on its executor. It goes on to its end whatever becomes of the
  // future.
  SemiFuture<folly::detail::LiftUnit<T>> start() && {
    return detail::StartedTask<T>::Start(std::move(frame_));
  }

 private:
  friend Task<T>;
  friend detail::TaskAccess;

  explicit TaskWithExecutor(detail::TaskFrame<T> frame) noexcept
      : frame_(std::move(frame)) {}

  detail::TaskFrame<T> frame_;
};

// The name that newer versions have for scheduleOn().
template <typename T>
TaskWithExecutor<T> co_withExecutor(Executor::KeepAlive<> executor,
                                    Task<T> task) noexcept {
  return std::move(task).scheduleOn(executor);
}

template <typename T>
Task<T> detail::TaskPromise<T>::get_return_object() noexcept {
  return Task<T>(std::coroutine_handle<TaskPromise>::from_promise(*this));
}

inline Task<void> detail::TaskPromise<void>::get_return_object() noexcept {
  return Task<void>(std::coroutine_handle<TaskPromise>::from_promise(*this));
}

}  // namespace coro
}  // namespace without_folly
}  // namespace folly
