// Tasks: when they run, what they give, and what becomes of those that do not
// run to the end.
//
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>

#include "tests/unit/coroutines/support.h"

namespace rocksdb_uring {
namespace {

Task<int> Number(int number) { co_return number; }

Task<std::unique_ptr<std::string>> MoveOnly() {
  co_return std::make_unique<std::string>("moved");
}

Task<void> Set(bool* ran) {
  *ran = true;
  co_return;
}

Task<int> Throws() {
  throw std::runtime_error("thrown inside");
  co_return 0;
}

TEST(TaskTest, RunsWhenAwaitedOnly) {
  bool ran = false;
  Task<void> task = Set(&ran);
  EXPECT_FALSE(ran);
  coro::blockingWait(std::move(task));
  EXPECT_TRUE(ran);
}

TEST(TaskTest, ResultsNeedNotBeCopyable) {
  auto awaits = []() -> Task<std::string> {
    std::unique_ptr<std::string> text = co_await MoveOnly();
    co_return *text + std::to_string(co_await Number(7));
  };
  EXPECT_EQ(coro::blockingWait(awaits()), "moved7");
}

TEST(TaskTest, ExceptionsPassThroughAwaitAndWait) {
  auto passes = []() -> Task<int> { co_return co_await Throws() + 1; };
  try {
    coro::blockingWait(passes());
    FAIL() << "nothing was thrown";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "thrown inside");
  }
}

TEST(TaskTest, ExceptionsCanBeCaughtAtAwait) {
  auto catches = []() -> Task<int> {
    try {
      co_return co_await Throws();
    } catch (const std::runtime_error&) {
    }
    co_return co_await Number(3);
  };
  EXPECT_EQ(coro::blockingWait(catches()), 3);
}

TEST(TaskTest, ExceptionsPassThroughScheduleOn) {
  ReadingExecutor executor;
  EXPECT_THROW(coro::blockingWait(Throws().scheduleOn(&executor)),
               std::runtime_error);
}

Task<void> HoldArgument(Counted /*argument*/) { co_return; }

TEST(TaskTest, OneThatNeverRanFreesItsArguments) {
  int living = 0;
  {
    Task<void> task = HoldArgument(Counted(&living));
    EXPECT_EQ(living, 1);
    ReadingExecutor executor;
    auto scheduled = std::move(task).scheduleOn(&executor);
    EXPECT_EQ(living, 1);
  }
  EXPECT_EQ(living, 0);
}

TEST(TaskTest, AssignmentFreesTheFormerTask) {
  int living = 0;
  Task<void> task = HoldArgument(Counted(&living));
  task = HoldArgument(Counted(&living));
  EXPECT_EQ(living, 1);
}

Task<void> SuspendHolding(int* living) {
  const Counted local(living);
  co_await Suspended{};
}

Task<void> AwaitHolding(int* living) {
  const Counted local(living);
  co_await SuspendHolding(living);
}

TEST(TaskTest, OneThatIsSuspendedFreesAllThatItAwaits) {
  int living = 0;
  ManualExecutor executor;
  {
    const Started started = Start(AwaitHolding(&living), &executor);
    executor.Run();
    EXPECT_EQ(living, 2);
    EXPECT_FALSE(started.done());
  }
  EXPECT_EQ(living, 0);
}

TEST(TaskTest, SuspendedMembersOfACollectionAreFreed) {
  int living = 0;
  ManualExecutor executor;
  {
    std::vector<Task<void>> tasks;
    for (int i = 0; i < 3; ++i) {
      tasks.push_back(AwaitHolding(&living));
    }
    const Started started =
        Start(coro::collectAllRange(std::move(tasks)), &executor);
    executor.Run();
    EXPECT_EQ(living, 6);
  }
  EXPECT_EQ(living, 0);
}

// Sanitizers, gcc's at least, keep a stack frame for each: there the chain is
// as long as any stack holds.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kChain = 1000;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr int kChain = 1000;
#else
constexpr int kChain = 1000000;
#endif
#else
constexpr int kChain = 1000000;
#endif

Task<int> Nested(int depth) {
  if (depth == 0) {
    co_return 0;
  }
  co_return 1 + co_await Nested(depth - 1);
}

TEST(TaskTest, NestingDoesNotGrowTheStack) {
  EXPECT_EQ(coro::blockingWait(Nested(kChain)), kChain);
}

TEST(TaskTest, AwaitingInALoopDoesNotGrowTheStack) {
  auto loop = []() -> Task<int> {
    int sum = 0;
    for (int i = 0; i < kChain; ++i) {
      sum += co_await Number(1);
    }
    co_return sum;
  };
  EXPECT_EQ(coro::blockingWait(loop()), kChain);
}

}  // namespace
}  // namespace rocksdb_uring
