// The executor of the coroutine that asks.
#pragma once

#include "folly/Executor.h"
#include "folly/coro/Coroutine.h"
#include "folly/coro/ViaIfAsync.h"
#include "folly/io/async/Request.h"

namespace folly {
inline namespace without_folly {
namespace coro {
namespace detail {

struct CurrentExecutor {
  struct Awaiter {
    Executor* executor;

    bool await_ready() const noexcept { return true; }
    void await_suspend(std::coroutine_handle<>) const noexcept {}
    Executor* await_resume() const noexcept { return executor; }
  };

  Awaiter viaIfAsync(Executor::KeepAlive<> executor) const noexcept {
    return {executor.get()};
  }
};

struct Reschedule {
  struct Awaiter {
    Executor* executor;

    bool await_ready() const noexcept { return false; }
    FOLLY_CORO_AWAIT_SUSPEND void await_suspend(
        std::coroutine_handle<> caller) const {
      ResumeOn(executor, caller, RequestContext::saveContext());
    }
    void await_resume() const noexcept {}
  };

  Awaiter viaIfAsync(Executor::KeepAlive<> executor) const noexcept {
    return {executor.get()};
  }
};

}  // namespace detail

// `co_await co_current_executor` is the Executor* that the coroutine runs on.
inline constexpr detail::CurrentExecutor co_current_executor{};

// `co_await co_reschedule_on_current_executor` lets what waits for the executor
// run before the coroutine goes on.
inline constexpr detail::Reschedule co_reschedule_on_current_executor{};

}  // namespace coro
}  // namespace without_folly
}  // namespace folly
