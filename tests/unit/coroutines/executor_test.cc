// Where coroutines go on after they have waited.
//
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "tests/unit/coroutines/support.h"

namespace rocksdb_uring {
namespace {

Task<int> ReadOnce(ReadingExecutor* executor, int name) {
  co_await executor->BeginRead(name);
  co_return name;
}

Task<int> ReadNested(ReadingExecutor* executor, int name) {
  co_return co_await ReadOnce(executor, name);
}

TEST(ExecutorTest, OneHopForTheStartAndOneForEachRead) {
  ReadingExecutor executor;
  EXPECT_EQ(coro::blockingWait(ReadNested(&executor, 1).scheduleOn(&executor)),
            1);
  EXPECT_EQ(executor.adds, 2);
}

// RocksDB's Wait() goes through a list of awaiters while it resumes them; they
// must all be there until it is through.
TEST(ExecutorTest, ResumingDoesNotRunTheCoroutineButQueuesIt) {
  ManualExecutor executor;
  Handle resumes;
  bool ran = false;
  auto waits = [](Handle* handle, bool* after) -> Task<void> {
    co_await Suspended{handle};
    *after = true;
  };
  const Started started = Start(waits(&resumes, &ran), &executor);
  executor.Run();
  ASSERT_TRUE(resumes);
  resumes.resume();
  EXPECT_FALSE(ran);
  executor.Run();
  EXPECT_TRUE(ran);
  EXPECT_TRUE(started.done());
}

// What need not wait does not hop.
struct Ready {
  bool await_ready() const noexcept { return true; }
  void await_suspend(Handle) const noexcept {}
  int await_resume() const noexcept { return 4; }
};

struct NotSuspended {
  bool await_ready() const noexcept { return false; }
  bool await_suspend(Handle) const noexcept { return false; }
  int await_resume() const noexcept { return 5; }
};

TEST(ExecutorTest, NoHopWithoutSuspension) {
  ReadingExecutor executor;
  auto awaits = []() -> Task<int> {
    NotSuspended named;
    co_return co_await Ready() + co_await NotSuspended() + co_await named;
  };
  EXPECT_EQ(coro::blockingWait(awaits().scheduleOn(&executor)), 14);
  EXPECT_EQ(executor.adds, 1);
}

// An awaitable, which is not an awaiter.
struct HasOperator {
  Ready operator co_await() const noexcept { return {}; }
};

TEST(ExecutorTest, AwaitablesWithAnOperator) {
  auto awaits = []() -> Task<int> { co_return co_await HasOperator(); };
  EXPECT_EQ(coro::blockingWait(awaits()), 4);
}

TEST(ExecutorTest, ATaskOnAnotherExecutorComesBack) {
  ReadingExecutor outer;
  ReadingExecutor inner;
  auto crosses = [](ReadingExecutor* there) -> Task<int> {
    co_return co_await ReadOnce(there, 8).scheduleOn(there);
  };
  EXPECT_EQ(coro::blockingWait(crosses(&inner).scheduleOn(&outer)), 8);
  EXPECT_EQ(inner.adds, 2);
  EXPECT_EQ(outer.adds, 2);
}

TEST(FuncTest, MovesLargeAndSmall) {
  int living = 0;
  int calls = 0;
  {
    const Counted counted(&living);
    std::vector<folly::Func> functions;
    functions.emplace_back([counted, &calls] { ++calls; });
    std::array<long, 20> large{};
    functions.emplace_back(
        [counted, large, &calls] { calls += 10 + static_cast<int>(large[3]); });
    functions.resize(20);  // moves them
    EXPECT_EQ(living, 3);
    folly::Func moved = std::move(functions[1]);
    EXPECT_FALSE(functions[1]);
    functions[0]();
    moved();
    functions[0] = std::move(moved);
    EXPECT_EQ(living, 2);
    functions[0]();
  }
  EXPECT_EQ(calls, 21);
  EXPECT_EQ(living, 0);
}

}  // namespace
}  // namespace rocksdb_uring
