// Coroutines that others resume.
//
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "tests/unit/coroutines/support.h"

namespace rocksdb_uring {
namespace {

// Functions run on threads of its own.
class ThreadExecutor final : public folly::Executor {
 public:
  explicit ThreadExecutor(int threads) {
    for (int i = 0; i < threads; ++i) {
      threads_.emplace_back([this] { Run(); });
    }
  }
  ~ThreadExecutor() override {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      stopped_ = true;
      changed_.notify_all();
    }
    for (std::thread& thread : threads_) {
      thread.join();
    }
  }

  void add(folly::Func function) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    queue_.push(std::move(function));
    changed_.notify_one();
  }

 private:
  void Run() {
    std::unique_lock<std::mutex> lock(mutex_);
    while (!stopped_ || !queue_.empty()) {
      if (queue_.empty()) {
        changed_.wait(lock);
        continue;
      }
      folly::Func function = std::move(queue_.front());
      queue_.pop();
      lock.unlock();
      function();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::queue<folly::Func> queue_;
  bool stopped_ = false;
  std::vector<std::thread> threads_;
};

// Completes on a thread of the executor given, as an interrupt would.
struct CompletesOn {
  folly::Executor* executor;

  bool await_ready() const noexcept { return false; }
  void await_suspend(Handle handle) const {
    executor->add([handle] { handle.resume(); });
  }
  void await_resume() const noexcept {}
};

Task<std::thread::id> WhereAfter(folly::Executor* completes) {
  co_await CompletesOn{completes};
  co_return std::this_thread::get_id();
}

TEST(ThreadTest, WithoutAnExecutorItGoesOnWithTheThreadThatWaits) {
  ThreadExecutor other(1);
  EXPECT_EQ(coro::blockingWait(WhereAfter(&other)), std::this_thread::get_id());
}

TEST(ThreadTest, WithAnExecutorItGoesOnThere) {
  ThreadExecutor other(1);
  ThreadExecutor own(1);
  const std::thread::id where =
      coro::blockingWait(WhereAfter(&other).scheduleOn(&own));
  EXPECT_NE(where, std::this_thread::get_id());
  auto on_own = []() -> Task<std::thread::id> {
    co_return std::this_thread::get_id();
  };
  EXPECT_EQ(coro::blockingWait(on_own().scheduleOn(&own)), where);
}

Task<int> Hops(folly::Executor* completes, int hops) {
  for (int i = 0; i < hops; ++i) {
    co_await CompletesOn{completes};
  }
  co_return hops;
}

// Members of a collection finish on any thread, and the collection is resumed
// and destroyed by the last. Short tasks, so that they meet at the end.
TEST(ThreadTest, MembersFinishOnManyThreads) {
  ThreadExecutor completes(3);
  ThreadExecutor own(3);
  for (int round = 0; round < 500; ++round) {
    std::vector<Task<int>> tasks;
    for (int i = 0; i < 8; ++i) {
      tasks.push_back(Hops(&completes, i % 3));
    }
    const std::vector<int> results = coro::blockingWait(
        coro::collectAllRange(std::move(tasks)).scheduleOn(&own));
    ASSERT_EQ(results, (std::vector<int>{0, 1, 2, 0, 1, 2, 0, 1}));
  }
}

TEST(ThreadTest, ManyWaitAtOnce) {
  ThreadExecutor completes(2);
  ThreadExecutor own(2);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 200; ++round) {
        EXPECT_EQ(coro::blockingWait(Hops(&completes, 2)), 2);
        EXPECT_EQ(coro::blockingWait(Hops(&completes, 2).scheduleOn(&own)), 2);
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

}  // namespace
}  // namespace rocksdb_uring
