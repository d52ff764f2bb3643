// Where coroutines go on.
#pragma once

#include <type_traits>
#include <utility>

#include "folly/Function.h"

namespace folly {
inline namespace without_folly {

// Runs functions, on which thread and in which order is its own choice. A
// function that it destroys unrun leaves a coroutine suspended for ever.
class Executor {
 public:
  // A pointer to an executor. It keeps nothing alive, as with an executor that
  // does not count its users: whoever schedules a task waits for it before the
  // executor goes.
  template <typename ExecutorT = Executor>
  class KeepAlive {
   public:
    KeepAlive() noexcept = default;
    KeepAlive(ExecutorT* executor) noexcept  // NOLINT: as a pointer converts
        : executor_(executor) {}
    template <typename OtherT, typename = std::enable_if_t<
                                   std::is_convertible_v<OtherT*, ExecutorT*>>>
    KeepAlive(const KeepAlive<OtherT>& other) noexcept  // NOLINT: as a pointer
        : executor_(other.get()) {}

    ExecutorT* get() const noexcept { return executor_; }
    ExecutorT* operator->() const noexcept { return executor_; }
    ExecutorT& operator*() const noexcept { return *executor_; }
    explicit operator bool() const noexcept { return executor_ != nullptr; }
    KeepAlive copy() const noexcept { return *this; }

   private:
    ExecutorT* executor_ = nullptr;
  };

  virtual ~Executor() = default;

  // May run `function` before it returns.
  virtual void add(Func function) = 0;

  template <typename ExecutorT>
  static KeepAlive<ExecutorT> getKeepAliveToken(ExecutorT* executor) noexcept {
    return KeepAlive<ExecutorT>(executor);
  }
};

}  // namespace without_folly
}  // namespace folly
