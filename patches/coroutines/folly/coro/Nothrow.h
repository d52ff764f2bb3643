// Awaiting what is not expected to throw.
#pragma once

#include <type_traits>
#include <utility>

namespace folly {
inline namespace without_folly {
namespace coro {

// For `co_await co_nothrow(awaitable)`. A hint: what is thrown all the same is
// thrown at the co_await, as without it.
template <typename Awaitable>
std::decay_t<Awaitable> co_nothrow(Awaitable&& awaitable) {
  return std::forward<Awaitable>(awaitable);
}

}  // namespace coro
}  // namespace without_folly
}  // namespace folly
