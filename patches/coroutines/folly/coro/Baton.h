// An event that a coroutine waits for.
#pragma once

#include <atomic>
#include <cassert>
#include <memory>
#include <utility>

#include "folly/Executor.h"
#include "folly/coro/Coroutine.h"
#include "folly/coro/ViaIfAsync.h"
#include "folly/io/async/Request.h"

namespace folly {
inline namespace without_folly {
namespace coro {

// Happens once. Safe for concurrent use by any number of threads that call
// post() and one coroutine that awaits it.
class Baton {
  class Awaiter;

 public:
  Baton() = default;
  Baton(const Baton&) = delete;
  Baton& operator=(const Baton&) = delete;
  ~Baton() { assert(state_.load() == nullptr || ready()); }

  bool ready() const noexcept {
    return state_.load(std::memory_order_acquire) == this;
  }

  // Lets the coroutine go on, on its own executor. The baton may be destroyed
  // as soon as the coroutine runs, that is, before post() returns.
  inline void post();

  // For `co_await baton`.
  Awaiter viaIfAsync(Executor::KeepAlive<> executor) noexcept;

 private:
  // Null: nothing has happened and nothing waits. This object: it was posted.
  // Else the Awaiter of the coroutine that waits.
  std::atomic<void*> state_{nullptr};
};

class Baton::Awaiter {
 public:
  Awaiter(Baton* baton, Executor* executor) noexcept
      : baton_(baton), executor_(executor) {}

  bool await_ready() const noexcept { return baton_->ready(); }
  // False if it was posted meanwhile.
  FOLLY_CORO_AWAIT_SUSPEND bool await_suspend(
      std::coroutine_handle<> caller) noexcept {
    caller_ = caller;
    context_ = RequestContext::saveContext();
    void* nothing = nullptr;
    const bool waits = baton_->state_.compare_exchange_strong(
        nothing, this, std::memory_order_acq_rel, std::memory_order_acquire);
    assert(waits || nothing == baton_);
    return waits;
  }
  void await_resume() const noexcept {}

 private:
  friend Baton;

  Baton* const baton_;
  Executor* const executor_;
  std::coroutine_handle<> caller_;
  std::shared_ptr<RequestContext> context_;
};

inline void Baton::post() {
  void* const before = state_.exchange(this, std::memory_order_acq_rel);
  if (before != nullptr && before != this) {
    auto* const awaiter = static_cast<Awaiter*>(before);
    detail::ResumeOn(awaiter->executor_, awaiter->caller_,
                     std::move(awaiter->context_));
  }
}

inline Baton::Awaiter Baton::viaIfAsync(
    Executor::KeepAlive<> executor) noexcept {
  return Awaiter(this, executor.get());
}

}  // namespace coro
}  // namespace without_folly
}  // namespace folly
