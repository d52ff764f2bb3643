// What comes from the heap: frames of tasks, once, and nothing for a read.
//
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <functional>
#include <new>
#include <thread>
#include <vector>

#include "tests/unit/coroutines/support.h"

namespace {

std::atomic<int> allocations{0};
std::atomic<int> blocks{0};

void* Allocate(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) {
    std::abort();
  }
  blocks.fetch_add(1, std::memory_order_relaxed);
  return memory;
}

void Free(void* memory) {
  if (memory != nullptr) {
    blocks.fetch_sub(1, std::memory_order_relaxed);
  }
  std::free(memory);
}

}  // namespace

void* operator new(std::size_t size) { return Allocate(size); }
void* operator new[](std::size_t size) { return Allocate(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return Allocate(size);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return Allocate(size);
}
void operator delete(void* memory) noexcept { Free(memory); }
void operator delete[](void* memory) noexcept { Free(memory); }
void operator delete(void* memory, std::size_t) noexcept { Free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { Free(memory); }

namespace rocksdb_uring {
namespace {

// Completes what it is given at once, without allocating.
class InlineExecutor final : public folly::Executor {
 public:
  void add(folly::Func function) override { function(); }
};

// Completes when the test says so.
struct Read {
  std::vector<Handle>* pending;

  bool await_ready() const noexcept { return false; }
  bool await_suspend(Handle handle) const noexcept {
    pending->push_back(handle);
    return true;
  }
  void await_resume() const noexcept {}
};

Task<void> ReadOften(std::vector<Handle>* pending, int reads) {
  for (int i = 0; i < reads; ++i) {
    co_await Read{pending};
  }
}

// Runs so many tasks with so many reads each, and returns the allocations.
int AllocationsFor(int tasks, int reads) {
  InlineExecutor executor;
  std::vector<Handle> pending;
  std::vector<Handle> resumed;
  pending.reserve(1000);
  resumed.reserve(1000);
  const int before = allocations;
  {
    std::vector<Task<void>> list;
    list.reserve(tasks);
    for (int i = 0; i < tasks; ++i) {
      list.push_back(ReadOften(&pending, reads));
    }
    const Started started =
        Start(coro::collectAllRange(std::move(list)), &executor);
    while (!pending.empty()) {
      resumed.swap(pending);
      for (const Handle handle : resumed) {
        handle.resume();
      }
      resumed.clear();
    }
    EXPECT_TRUE(started.done());
  }
  return allocations - before;
}

// Which has kept no frames.
void OnAThreadOfItsOwn(const std::function<void()>& function) {
  std::thread(function).join();
}

TEST(AllocationTest, ReadsAllocateNothing) {
  AllocationsFor(32, 1);
  EXPECT_EQ(AllocationsFor(1, 100), AllocationsFor(1, 1));
  EXPECT_EQ(AllocationsFor(32, 100), AllocationsFor(32, 1));
}

// The list, the test's own frame, that of the collection, and one for each.
TEST(AllocationTest, ACollectionIsOneFrame) {
  OnAThreadOfItsOwn([] { EXPECT_LE(AllocationsFor(32, 1), 32 + 3); });
}

#if FOLLY_CORO_CACHES_FRAMES
TEST(AllocationTest, FramesAreKeptForTheNext) {
  OnAThreadOfItsOwn([] {
    EXPECT_GE(AllocationsFor(32, 1), 32);
    // The list, and the test's own frame.
    EXPECT_EQ(AllocationsFor(32, 1), 2);
  });
}

// As those of RocksDB that hold a buffer for a block.
Task<void> ReadIntoBuffer(std::vector<Handle>* pending) {
  volatile char buffer[8192];
  buffer[0] = 1;
  co_await Read{pending};
  buffer[1] = buffer[0];
}

TEST(AllocationTest, FramesWithBuffersAreKeptToo) {
  OnAThreadOfItsOwn([] {
    std::vector<Handle> pending;
    (void)ReadIntoBuffer(&pending);
    const int before = allocations;
    (void)ReadIntoBuffer(&pending);
    EXPECT_EQ(allocations - before, 0);
  });
}

// More than are kept, some of them made by a thread that is gone.
TEST(AllocationTest, AThreadThatEndsFreesWhatItHasKept) {
  constexpr int kTasks =
      coro::detail::FrameCache::kBytesMax / coro::detail::FrameCache::kStep +
      100;
  // A thread allocates for itself, too, once.
  OnAThreadOfItsOwn([] { AllocationsFor(1, 1); });
  const int before = blocks;
  {
    std::vector<Handle> pending;
    std::vector<Task<void>> made;
    OnAThreadOfItsOwn([&] {
      AllocationsFor(kTasks, 1);
      for (int i = 0; i < kTasks; ++i) {
        made.push_back(ReadOften(&pending, 1));
      }
    });
    OnAThreadOfItsOwn([&] { made.clear(); });
  }
  EXPECT_EQ(blocks, before);
}

// Destroyed when the thread's cache is gone already.
TEST(AllocationTest, ATaskMayOutliveTheCacheOfItsThread) {
  const int before = blocks;
  OnAThreadOfItsOwn([] {
    static thread_local std::vector<Handle> pending;
    static thread_local std::vector<Task<void>> kept;
    kept.push_back(ReadOften(&pending, 1));
    kept.push_back(ReadOften(&pending, 1));
    kept.pop_back();
  });
  EXPECT_EQ(blocks, before);
}
#endif

TEST(AllocationTest, WaitingAllocatesNothing) {
  InlineExecutor executor;
  auto nothing = []() -> Task<void> { co_return; };
  Task<void> task = nothing();
  const int before = allocations;
  coro::blockingWait(std::move(task).scheduleOn(&executor));
  EXPECT_EQ(allocations - before, 0);
}

}  // namespace
}  // namespace rocksdb_uring
