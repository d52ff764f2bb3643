// The context of a request follows its coroutines, and only those.
//
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <memory>

#include "folly/coro/Baton.h"
#include "folly/coro/CurrentExecutor.h"
#include "folly/executors/IOThreadPoolExecutor.h"
#include "folly/io/async/Request.h"
#include "tests/unit/coroutines/support.h"

namespace rocksdb_uring {
namespace {

using folly::RequestContext;

// A statistic of the thread, as RocksDB's PerfContext is.
thread_local int counted_here = 0;

struct CountTraits {
  static const folly::RequestToken kToken;
};
const folly::RequestToken CountTraits::kToken("count");

// Moves the statistic into the thread and out of it, as RocksDB's data does.
class CountData : public folly::RequestData {
 public:
  bool hasCallback() override { return true; }
  void onSet() override { counted_here = count_; }
  void onUnset() override {
    count_ = counted_here;
    counted_here = -1;
  }

 private:
  int count_ = 0;
};

class CountScope {
 public:
  CountScope() : guard_(CountTraits::kToken, std::make_unique<CountData>()) {}

 private:
  folly::ShallowCopyRequestContextScopeGuard guard_;
};

folly::RequestData* DataHere() {
  RequestContext* const context = RequestContext::try_get();
  return context == nullptr
             ? nullptr
             : context->getThreadCachedContextData<CountTraits>();
}

TEST(RequestContextTest, AScopeSetsAndRestores) {
  EXPECT_EQ(RequestContext::try_get(), nullptr);
  counted_here = 100;
  {
    const CountScope scope;
    EXPECT_NE(DataHere(), nullptr);
    EXPECT_EQ(counted_here, 0);
    counted_here = 5;
    {
      const folly::RequestContextScopeGuard empty;
      EXPECT_EQ(DataHere(), nullptr);
      EXPECT_EQ(counted_here, -1);
    }
    EXPECT_EQ(counted_here, 5);
  }
  EXPECT_EQ(RequestContext::try_get(), nullptr);
}

struct OtherTraits {
  static const folly::RequestToken kToken;
};
const folly::RequestToken OtherTraits::kToken("other");

class QuietData : public folly::RequestData {
 public:
  bool hasCallback() override { return false; }
  void onSet() override { ADD_FAILURE() << "it has no callback"; }
};

TEST(RequestContextTest, DataThatBothContextsHaveIsNotTouched) {
  const CountScope scope;
  counted_here = 3;
  {
    const folly::ShallowCopyRequestContextScopeGuard other(
        OtherTraits::kToken, std::make_unique<QuietData>());
    EXPECT_EQ(counted_here, 3);
    EXPECT_NE(DataHere(), nullptr);
    ++counted_here;
  }
  EXPECT_EQ(counted_here, 4);
}

// Adds up `steps` ones, and lets others run in between.
Task<int> CountSteps(int steps) {
  const CountScope scope;
  for (int i = 0; i < steps; ++i) {
    ++counted_here;
    co_await coro::co_reschedule_on_current_executor;
  }
  co_return counted_here;
}

TEST(RequestContextTest, TasksOfACollectionDoNotSeeEachOther) {
  folly::IOThreadPoolExecutor executor(1);
  auto collects = []() -> Task<std::vector<int>> {
    counted_here = 1000;
    std::vector<Task<int>> tasks;
    for (int steps = 0; steps < 5; ++steps) {
      tasks.push_back(CountSteps(steps));
    }
    std::vector<int> counts = co_await coro::collectAllRange(std::move(tasks));
    EXPECT_EQ(RequestContext::try_get(), nullptr);
    co_return counts;
  };
  EXPECT_EQ(coro::blockingWait(
                coro::co_withExecutor(executor.getEventBase(), collects())),
            (std::vector<int>{0, 1, 2, 3, 4}));
}

TEST(RequestContextTest, StartedTasksTakeTurnsOnOneThread) {
  folly::IOThreadPoolExecutor executor(1);
  std::vector<folly::SemiFuture<int>> futures;
  for (int steps = 0; steps < 20; ++steps) {
    futures.push_back(
        coro::co_withExecutor(executor.getEventBase(), CountSteps(steps))
            .start());
  }
  for (int steps = 0; steps < 20; ++steps) {
    EXPECT_EQ(std::move(futures[static_cast<size_t>(steps)]).get(), steps);
  }
}

// The thread that posts has a context of its own, which stays there.
Task<bool> KeepsItsContext(coro::Baton* baton) {
  const CountScope scope;
  const RequestContext* const before = RequestContext::try_get();
  co_await *baton;
  co_return before == RequestContext::try_get();
}

TEST(RequestContextTest, ABatonDoesNotPassOnTheContextOfItsPost) {
  ManualExecutor executor;
  coro::Baton baton;
  auto future =
      coro::co_withExecutor(&executor, KeepsItsContext(&baton)).start();
  executor.Run();
  EXPECT_EQ(RequestContext::try_get(), nullptr);
  {
    const CountScope posts;
    baton.post();
    executor.Run();
  }
  EXPECT_TRUE(std::move(future).get());
}

// A hop back to the executor of the task, through an awaitable that knows
// nothing of contexts.
Task<bool> KeepsItsContextInHop(Handle* resumes) {
  const CountScope scope;
  const RequestContext* const before = RequestContext::try_get();
  co_await Suspended{resumes};
  co_return before == RequestContext::try_get();
}

TEST(RequestContextTest, AHopRestoresTheContext) {
  ManualExecutor executor;
  Handle resumes;
  auto future =
      coro::co_withExecutor(&executor, KeepsItsContextInHop(&resumes)).start();
  executor.Run();
  resumes.resume();
  executor.Run();
  EXPECT_TRUE(std::move(future).get());
}

// Data without callbacks: both threads have the context at once.
TEST(RequestContextTest, StartPassesTheContextOfItsCaller) {
  folly::IOThreadPoolExecutor executor(1);
  auto has_data = []() -> Task<bool> {
    const RequestContext* const context = RequestContext::try_get();
    co_return context != nullptr &&
        context->getThreadCachedContextData<OtherTraits>() != nullptr;
  };
  EXPECT_FALSE(
      coro::co_withExecutor(executor.getEventBase(), has_data()).start().get());
  const folly::ShallowCopyRequestContextScopeGuard scope(
      OtherTraits::kToken, std::make_unique<QuietData>());
  EXPECT_TRUE(
      coro::co_withExecutor(executor.getEventBase(), has_data()).start().get());
}

TEST(RequestContextTest, BlockingWaitLeavesTheCallersContextAsItWas) {
  auto leaves = []() -> Task<void> {
    co_await coro::co_reschedule_on_current_executor;
  };
  const CountScope scope;
  const RequestContext* const before = RequestContext::try_get();
  coro::blockingWait(leaves());
  EXPECT_EQ(RequestContext::try_get(), before);
}

}  // namespace
}  // namespace rocksdb_uring
