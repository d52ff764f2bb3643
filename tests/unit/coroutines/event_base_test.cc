// Event bases, the executor of several, and tasks that are started on them.
//
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>

#include "folly/coro/CurrentExecutor.h"
#include "folly/coro/Nothrow.h"
#include "folly/executors/IOThreadPoolExecutor.h"
#include "folly/futures/Future.h"
#include "folly/io/async/EventBase.h"
#include "tests/unit/coroutines/support.h"

namespace rocksdb_uring {
namespace {

using folly::Executor;
using folly::IOThreadPoolExecutor;

TEST(EventBaseTest, RunsInOrderOnItsOwnThread) {
  std::vector<int> order;
  std::atomic<int> wrong_thread{0};
  {
    IOThreadPoolExecutor executor(1);
    folly::EventBase* const event_base = executor.getEventBase();
    EXPECT_FALSE(event_base->isInEventBaseThread());
    for (int i = 0; i < 100; ++i) {
      event_base->add([&, event_base, i] {
        wrong_thread += event_base->isInEventBaseThread() ? 0 : 1;
        order.push_back(i);
      });
    }
  }
  EXPECT_EQ(wrong_thread, 0);
  ASSERT_EQ(order.size(), 100u);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST(EventBaseTest, TheDestructorRunsWhatFunctionsAdd) {
  int ran = 0;
  {
    IOThreadPoolExecutor executor(1);
    folly::EventBase* const event_base = executor.getEventBase();
    event_base->add([&ran, event_base] { event_base->add([&ran] { ++ran; }); });
  }
  EXPECT_EQ(ran, 1);
}

TEST(EventBaseTest, AnExecutorSpreadsTasksAndKeepsThemOnTheirThreads) {
  IOThreadPoolExecutor executor(3);
  std::set<folly::EventBase*> all;
  for (int i = 0; i < 3; ++i) {
    all.insert(executor.getEventBase());
  }
  EXPECT_EQ(all.size(), 3u);
  auto same = [](folly::IOExecutor* from) -> Task<bool> {
    folly::EventBase* const before = from->getEventBase();
    co_await coro::co_reschedule_on_current_executor;
    co_return before == from->getEventBase() && before->isInEventBaseThread() &&
        co_await coro::co_current_executor == before;
  };
  for (folly::EventBase* event_base : all) {
    EXPECT_TRUE(coro::blockingWait(coro::co_withExecutor(
        Executor::getKeepAliveToken(event_base), same(&executor))));
  }
}

Task<int> Answer(int answer) { co_return answer; }
Task<int> Throws() {
  throw std::runtime_error("thrown inside");
  co_return 0;
}

TEST(StartTest, AFutureHasTheResult) {
  IOThreadPoolExecutor executor(1);
  EXPECT_EQ(
      coro::co_withExecutor(executor.getEventBase(), Answer(7)).start().get(),
      7);
}

TEST(StartTest, AFutureHasTheException) {
  IOThreadPoolExecutor executor(1);
  EXPECT_THROW(
      coro::co_withExecutor(executor.getEventBase(), Throws()).start().get(),
      std::runtime_error);
}

Task<void> Hold(Counted /*argument*/, std::atomic<bool>* ran) {
  co_await coro::co_reschedule_on_current_executor;
  *ran = true;
}

TEST(StartTest, ATaskWithoutItsFutureRunsToTheEndAndIsFreed) {
  int living = 0;
  std::atomic<bool> ran{false};
  {
    IOThreadPoolExecutor executor(1);
    (void)coro::co_withExecutor(executor.getEventBase(),
                                Hold(Counted(&living), &ran))
        .start();
  }
  EXPECT_TRUE(ran);
  EXPECT_EQ(living, 0);
}

TEST(StartTest, TheTaskIsFreedBeforeItsFutureIsReady) {
  int living = 0;
  std::atomic<bool> ran{false};
  IOThreadPoolExecutor executor(1);
  for (int i = 0; i < 100; ++i) {
    coro::co_withExecutor(executor.getEventBase(), Hold(Counted(&living), &ran))
        .start()
        .get();
    ASSERT_EQ(living, 0);
  }
}

Task<std::string> Nested(ReadingExecutor* executor) {
  // As RocksDB's DBImpl::GetCoroutine does.
  co_return co_await coro::co_nothrow(coro::co_withExecutor(
      Executor::getKeepAliveToken(executor),
      [](int number) -> Task<std::string> {
        co_return std::to_string(co_await coro::co_nothrow(Answer(number)));
      }(5)));
}

TEST(StartTest, ATaskForTheSameExecutorDoesNotQueue) {
  ReadingExecutor executor;
  EXPECT_EQ(coro::blockingWait(Nested(&executor).scheduleOn(&executor)), "5");
  EXPECT_EQ(executor.adds, 1);
}

TEST(StartTest, ATaskForAnotherExecutorComesBack) {
  ReadingExecutor outer;
  ReadingExecutor inner;
  EXPECT_EQ(coro::blockingWait(Nested(&inner).scheduleOn(&outer)), "5");
  EXPECT_EQ(inner.adds, 1);
  EXPECT_EQ(outer.adds, 2);
}

TEST(StartTest, NothrowPassesExceptionsOn) {
  auto awaits = []() -> Task<int> {
    co_return co_await coro::co_nothrow(Throws());
  };
  EXPECT_THROW(coro::blockingWait(awaits()), std::runtime_error);
}

}  // namespace
}  // namespace rocksdb_uring
