// Awaiting something that completes anywhere, and going on where one belongs.
#pragma once

#include <cstddef>
#include <exception>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "folly/Executor.h"
#include "folly/coro/Coroutine.h"
#include "folly/io/async/Request.h"

namespace folly {
inline namespace without_folly {
namespace coro {
namespace detail {

// Lets a coroutine go on on `executor` with its context; the thread has its own
// again afterwards. What the coroutine's frame holds may be gone when this
// returns.
inline void ResumeOn(Executor* executor, std::coroutine_handle<> coroutine,
                     std::shared_ptr<RequestContext> context) {
  executor->add([coroutine, context = std::move(context)]() mutable {
    const RequestContextScopeGuard guard(std::move(context));
    coroutine.resume();
  });
}

// Room for the frame of a hop (below), of any compiler, sanitizers included.
struct HopMemory {
  alignas(std::max_align_t) unsigned char bytes[384];
};

// Hands `target` to `executor`, in a coroutine's frame of its own that is
// destroyed by whoever has made it.
struct HopCoroutine {
  struct promise_type {
    static void* operator new(std::size_t size, HopMemory& memory, Executor*,
                              std::coroutine_handle<>,
                              const std::shared_ptr<RequestContext>&) {
      return size <= sizeof(memory.bytes) ? memory.bytes : ::operator new(size);
    }
    static void operator delete(void* frame, std::size_t size) noexcept {
      if (size > sizeof(HopMemory::bytes)) {
        ::operator delete(frame);
      }
    }

    HopCoroutine get_return_object() noexcept {
      return {std::coroutine_handle<promise_type>::from_promise(*this)};
    }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    std::suspend_always final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    // An executor that cannot take a function would leave a coroutine suspended
    // for ever, and whoever waits for it.
    [[noreturn]] void unhandled_exception() noexcept { std::terminate(); }
  };

  // Suspends the hop before the target runs, and so it may be destroyed by the
  // target while add() has not returned.
  struct Awaiter {
    Executor* executor;
    std::coroutine_handle<> target;
    std::shared_ptr<RequestContext>& context;

    bool await_ready() const noexcept { return false; }
    FOLLY_CORO_AWAIT_SUSPEND void await_suspend(std::coroutine_handle<>) const {
      ResumeOn(executor, target, std::move(context));
    }
    void await_resume() const noexcept {}
  };

  static HopCoroutine Run(HopMemory& /*memory*/, Executor* executor,
                          std::coroutine_handle<> target,
                          std::shared_ptr<RequestContext> context) {
    co_await Awaiter{executor, target, context};
  }

  std::coroutine_handle<> handle;
};

// What an awaiter is given instead of the handle of the coroutine that awaits
// it: a handle whose resume() means "go on, on your executor". It lies where
// the awaiter does, so that a read allocates nothing for it.
class Hop {
 public:
  Hop() noexcept = default;
  Hop(const Hop&) = delete;
  Hop& operator=(const Hop&) = delete;
  ~Hop() {
    if (handle_) {
      handle_.destroy();
    }
  }

  // A handle that may be resumed once. To be called once.
  std::coroutine_handle<> Make(Executor* executor,
                               std::coroutine_handle<> target) {
    handle_ = HopCoroutine::Run(memory_, executor, target,
                                RequestContext::saveContext())
                  .handle;
    return handle_;
  }

 private:
  std::coroutine_handle<> handle_;
  HopMemory memory_;
};

// What `co_await awaitable` asks, by C++'s rules.
template <typename Awaitable>
decltype(auto) GetAwaiter(Awaitable&& awaitable) {
  if constexpr (requires {
                  std::forward<Awaitable>(awaitable).operator co_await();
                }) {
    return std::forward<Awaitable>(awaitable).operator co_await();
  } else if constexpr (requires {
                         operator co_await(std::forward<Awaitable>(awaitable));
                       }) {
    return operator co_await(std::forward<Awaitable>(awaitable));
  } else {
    return static_cast<Awaitable&&>(awaitable);
  }
}

// An awaiter around any other: the coroutine that awaits it goes on on
// `executor`, unless it need not be suspended at all. Neither copied nor moved:
// it lies in the frame of the coroutine that awaits.
template <typename Awaitable>
class ViaIfAsyncAwaiter {
 public:
  ViaIfAsyncAwaiter(Executor* executor, Awaitable&& awaitable)
      : executor_(executor),
        awaitable_(std::forward<Awaitable>(awaitable)),
        awaiter_(GetAwaiter(static_cast<Awaitable&&>(awaitable_))) {}
  ViaIfAsyncAwaiter(const ViaIfAsyncAwaiter&) = delete;
  ViaIfAsyncAwaiter& operator=(const ViaIfAsyncAwaiter&) = delete;

  decltype(auto) await_ready() { return awaiter_.await_ready(); }

  // Returns what the awaiter's own returns: nothing, whether to stay suspended,
  // or which coroutine to go on with. `this` may be gone by then.
  FOLLY_CORO_AWAIT_SUSPEND decltype(auto) await_suspend(
      std::coroutine_handle<> caller) {
    return awaiter_.await_suspend(hop_.Make(executor_, caller));
  }

  decltype(auto) await_resume() {
    return static_cast<Awaiter&&>(awaiter_).await_resume();
  }

 private:
  // A reference to `awaitable_` where that is the awaiter.
  using Awaiter = decltype(GetAwaiter(std::declval<Awaitable>()));

  Executor* executor_;
  Awaitable awaitable_;
  Awaiter awaiter_;
  Hop hop_;
};

}  // namespace detail

// An awaiter for a coroutine that belongs to `executor`: what the awaitable
// itself makes of it by viaIfAsync(), or else a hop back when it completes.
template <typename Awaitable>
auto co_viaIfAsync(Executor::KeepAlive<> executor, Awaitable&& awaitable) {
  if constexpr (requires {
                  std::forward<Awaitable>(awaitable).viaIfAsync(executor);
                }) {
    return std::forward<Awaitable>(awaitable).viaIfAsync(executor);
  } else {
    return detail::ViaIfAsyncAwaiter<Awaitable>(
        executor.get(), std::forward<Awaitable>(awaitable));
  }
}

}  // namespace coro
}  // namespace without_folly
}  // namespace folly
