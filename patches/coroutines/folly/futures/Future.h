// The result of a task that nothing awaits.
#pragma once

#include <atomic>
#include <cassert>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace folly {
inline namespace without_folly {

// What a future of nothing returns.
struct Unit {};

namespace detail {

template <typename T>
using LiftUnit = std::conditional_t<std::is_void_v<T>, Unit, T>;

// What a SemiFuture and the task that fills it share.
template <typename T>
class FutureState {
 public:
  // Either of the next two is called, once.
  void SetValue(T value) noexcept {
    value_.emplace(std::move(value));
    Finish();
  }
  void SetError(std::exception_ptr error) noexcept {
    error_ = std::move(error);
    Finish();
  }

  // Blocks until one of them was. To be called once.
  T Take() {
    finished_.wait(false, std::memory_order_acquire);
    if (error_) {
      std::rethrow_exception(error_);
    }
    return std::move(*value_);
  }

 private:
  void Finish() noexcept {
    finished_.store(true, std::memory_order_release);
    finished_.notify_one();
  }

  std::atomic<bool> finished_{false};
  std::optional<T> value_;
  std::exception_ptr error_;
};

}  // namespace detail

// The result of a task that was started. The task runs to its end whether the
// future is kept or not.
// REQUIRES: external synchronization.
template <typename T>
class SemiFuture {
 public:
  explicit SemiFuture(std::shared_ptr<detail::FutureState<T>> state) noexcept
      : state_(std::move(state)) {}

  // Blocks until the task has finished, and returns its result or throws what
  // it has thrown. To be called once.
  T get() && {
    assert(state_ != nullptr);
    return std::exchange(state_, nullptr)->Take();
  }

 private:
  std::shared_ptr<detail::FutureState<T>> state_;
};

}  // namespace without_folly
}  // namespace folly
