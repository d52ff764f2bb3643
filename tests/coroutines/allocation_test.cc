// What comes from the heap: frames of tasks, and nothing for a read.
#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <vector>

#include "tests/coroutines/support.h"

namespace {

std::atomic<int> allocations{0};

void* Allocate(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) {
    std::abort();
  }
  return memory;
}

}  // namespace

void* operator new(std::size_t size) { return Allocate(size); }
void* operator new[](std::size_t size) { return Allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}

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

TEST(AllocationTest, ReadsAllocateNothing) {
  EXPECT_EQ(AllocationsFor(1, 100), AllocationsFor(1, 1));
  EXPECT_EQ(AllocationsFor(32, 100), AllocationsFor(32, 1));
}

// The list, the test's own frame, that of the collection, and one for each.
TEST(AllocationTest, ACollectionIsOneFrame) {
  EXPECT_LE(AllocationsFor(32, 1), 32 + 3);
}

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
