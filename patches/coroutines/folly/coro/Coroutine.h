// The C++20 coroutine header under the names that RocksDB uses.
#pragma once

// clang before 17 has C++20's coroutines and does not say so by this macro,
// which libstdc++ asks for.
#if defined(__clang__) && !defined(__cpp_impl_coroutine)
#define __cpp_impl_coroutine 201902L
#endif
#include <coroutine>

// clang before 17 may keep a local variable of an inlined await_suspend() in
// the frame of the coroutine, which need not be there any more when another
// thread has resumed it meanwhile (llvm/llvm-project#56301).
#if defined(__clang__) && __clang_major__ < 17
#define FOLLY_CORO_AWAIT_SUSPEND __attribute__((noinline))
#else
#define FOLLY_CORO_AWAIT_SUSPEND
#endif

namespace folly {
inline namespace without_folly {
namespace coro {
namespace impl {

using std::coroutine_handle;
using std::noop_coroutine;
using std::suspend_always;
using std::suspend_never;

}  // namespace impl
}  // namespace coro
}  // namespace without_folly
}  // namespace folly
