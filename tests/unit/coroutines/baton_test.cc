// Batons: who goes on when, and where.
//
// SPDX-License-Identifier: Apache-2.0
#include "folly/coro/Baton.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>

#include "folly/executors/IOThreadPoolExecutor.h"
#include "tests/unit/coroutines/support.h"

namespace rocksdb_uring {
namespace {

Task<void> Await(coro::Baton* baton, bool* passed) {
  co_await *baton;
  *passed = true;
}

TEST(BatonTest, PostedBeforeItIsAwaitedDoesNotSuspend) {
  coro::Baton baton;
  EXPECT_FALSE(baton.ready());
  baton.post();
  EXPECT_TRUE(baton.ready());
  ReadingExecutor executor;
  bool passed = false;
  coro::blockingWait(Await(&baton, &passed).scheduleOn(&executor));
  EXPECT_TRUE(passed);
  EXPECT_EQ(executor.adds, 1);
}

TEST(BatonTest, TheCoroutineGoesOnOnItsExecutorAndNotInPost) {
  coro::Baton baton;
  ManualExecutor executor;
  bool passed = false;
  const Started started = Start(Await(&baton, &passed), &executor);
  executor.Run();
  EXPECT_FALSE(passed);
  baton.post();
  EXPECT_FALSE(passed);
  executor.Run();
  EXPECT_TRUE(passed);
  EXPECT_TRUE(started.done());
}

TEST(BatonTest, PostingTwiceResumesOnce) {
  coro::Baton baton;
  ManualExecutor executor;
  bool passed = false;
  const Started started = Start(Await(&baton, &passed), &executor);
  executor.Run();
  baton.post();
  baton.post();
  executor.Run();
  EXPECT_TRUE(started.done());
}

// As RocksDB waits for its reads: the baton lives in the coroutine that it
// lets go on, and is gone while post() may not have returned.
Task<int> PostedElsewhere(folly::EventBase* other, int rounds) {
  int passed = 0;
  for (int i = 0; i < rounds; ++i) {
    auto baton = std::make_unique<coro::Baton>();
    other->add([posted = baton.get()] { posted->post(); });
    co_await *baton;
    ++passed;
  }
  co_return passed;
}

TEST(BatonTest, PostsRaceWithAwaitOnManyThreads) {
  folly::IOThreadPoolExecutor posts(2);
  folly::IOThreadPoolExecutor awaits(2);
  std::vector<folly::SemiFuture<int>> futures;
  for (int i = 0; i < 4; ++i) {
    futures.push_back(
        coro::co_withExecutor(
            folly::Executor::getKeepAliveToken(awaits.getEventBase()),
            PostedElsewhere(posts.getEventBase(), 500))
            .start());
  }
  for (folly::SemiFuture<int>& future : futures) {
    EXPECT_EQ(std::move(future).get(), 500);
  }
}

}  // namespace
}  // namespace rocksdb_uring
