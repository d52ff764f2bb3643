// Tasks side by side: order, results, exceptions.
//
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/unit/coroutines/support.h"

namespace rocksdb_uring {
namespace {

Task<std::string> ReadTwice(ReadingExecutor* executor, int name) {
  co_await executor->BeginRead(name);
  co_await executor->BeginRead(name + 10);
  co_return std::to_string(name);
}

TEST(CollectTest, TasksWaitTogetherAndResultsAreInOrder) {
  ReadingExecutor executor;
  std::vector<Task<std::string>> tasks;
  for (int name = 1; name <= 3; ++name) {
    tasks.push_back(ReadTwice(&executor, name));
  }
  const std::vector<std::string> results = coro::blockingWait(
      coro::collectAllRange(std::move(tasks)).scheduleOn(&executor));
  EXPECT_EQ(results, (std::vector<std::string>{"1", "2", "3"}));
  // All first reads are under way before the first wait.
  EXPECT_EQ(executor.log,
            (std::vector<int>{1, 2, 3, -1, 11, -2, 12, -3, 13, -11, -12, -13}));
  EXPECT_EQ(executor.waits, 2);
}

TEST(CollectTest, NothingToCollect) {
  ReadingExecutor executor;
  EXPECT_TRUE(
      coro::blockingWait(
          coro::collectAllRange(std::vector<Task<int>>()).scheduleOn(&executor))
          .empty());
  coro::blockingWait(coro::collectAllRange(std::vector<Task<void>>()));
}

Task<std::unique_ptr<int>> MoveOnly(int number) {
  co_return std::make_unique<int>(number);
}

TEST(CollectTest, ResultsNeedNotBeCopyable) {
  std::vector<Task<std::unique_ptr<int>>> tasks;
  tasks.push_back(MoveOnly(1));
  tasks.push_back(MoveOnly(2));
  const auto results =
      coro::blockingWait(coro::collectAllRange(std::move(tasks)));
  ASSERT_EQ(results.size(), 2U);
  EXPECT_EQ(*results[0], 1);
  EXPECT_EQ(*results[1], 2);
}

// Reads so often, then throws its name, or gives it.
Task<int> ReadThenThrow(ReadingExecutor* executor, int name, int reads,
                        bool throws) {
  for (int i = 0; i < reads; ++i) {
    co_await executor->BeginRead(name);
  }
  if (throws) {
    throw std::runtime_error(std::to_string(name));
  }
  co_return name;
}

TEST(CollectTest, ThrowsTheFirstInOrderAfterAllHaveFinished) {
  ReadingExecutor executor;
  std::vector<Task<int>> tasks;
  tasks.push_back(ReadThenThrow(&executor, 1, 4, false));
  tasks.push_back(ReadThenThrow(&executor, 2, 3, true));
  tasks.push_back(ReadThenThrow(&executor, 3, 0, true));
  try {
    coro::blockingWait(
        coro::collectAllRange(std::move(tasks)).scheduleOn(&executor));
    FAIL() << "nothing was thrown";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "2");
  }
  EXPECT_EQ(executor.waits, 4);
}

Task<void> VoidThrows() {
  throw std::logic_error("void");
  co_return;
}

TEST(CollectTest, VoidTasksThrowToo) {
  std::vector<Task<void>> tasks;
  tasks.push_back(VoidThrows());
  EXPECT_THROW(coro::blockingWait(coro::collectAllRange(std::move(tasks))),
               std::logic_error);
}

// A collection in a collection: as with the lookups of one file inside a batch.
Task<int> Sum(ReadingExecutor* executor, int name) {
  std::vector<Task<std::string>> tasks;
  tasks.push_back(ReadTwice(executor, name));
  tasks.push_back(ReadTwice(executor, name + 1));
  int sum = 0;
  for (const std::string& text :
       co_await coro::collectAllRange(std::move(tasks))) {
    sum += std::stoi(text);
  }
  co_return sum;
}

TEST(CollectTest, CollectionsNest) {
  ReadingExecutor executor;
  std::vector<Task<int>> tasks;
  tasks.push_back(Sum(&executor, 1));
  tasks.push_back(Sum(&executor, 3));
  EXPECT_EQ(coro::blockingWait(
                coro::collectAllRange(std::move(tasks)).scheduleOn(&executor)),
            (std::vector<int>{3, 7}));
  EXPECT_EQ(executor.waits, 2);
}

}  // namespace
}  // namespace rocksdb_uring
