// Threads that sleep for each other are counted and timed; others are not.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/base/lock_waits.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "env/base/mutex.h"

namespace rocksdb_uring {
namespace {

LockWaits::Sum Since(const LockWaits& before, WaitsFor what) {
  const LockWaits now = LockWait::SoFar();
  return {now[what].count - before[what].count, now[what].ns - before[what].ns};
}

TEST(LockWaitsTest, ALockThatIsFreeIsNoWait) {
  const LockWaits before = LockWait::SoFar();
  Mutex mutex;
  for (int i = 0; i < 100; ++i) {
    MutexLock lock(&mutex);
  }
  EXPECT_EQ(Since(before, WaitsFor::kLock).count, 0u);
}

TEST(LockWaitsTest, ALockThatAnotherHoldsIsOne) {
  const LockWaits before = LockWait::SoFar();
  Mutex mutex;
  std::atomic<bool> waits{false};
  std::thread thread;
  {
    MutexLock lock(&mutex);
    thread = std::thread([&] {
      waits = true;
      MutexLock own(&mutex);
    });
    while (!waits) {
      std::this_thread::yield();
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  thread.join();
  EXPECT_EQ(Since(before, WaitsFor::kLock).count, 1u);
  EXPECT_GT(Since(before, WaitsFor::kLock).ns, 0u);
}

TEST(LockWaitsTest, SoIsAConditionVariable) {
  const LockWaits before = LockWait::SoFar();
  Mutex mutex;
  CondVar never;
  MutexLock lock(&mutex);
  const auto end =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(5);
  while (never.WaitUntil(&mutex, end)) {
  }
  EXPECT_GE(Since(before, WaitsFor::kOtherThread).count, 1u);
  EXPECT_GE(Since(before, WaitsFor::kOtherThread).ns, 5000000u);
}

}  // namespace
}  // namespace rocksdb_uring
