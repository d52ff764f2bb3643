// SPDX-License-Identifier: Apache-2.0

#include "env/engine/buffer_budget.h"

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/engine/test_support.h"

namespace rocksdb_uring {
namespace {

constexpr size_t kPage = 4096;

// Holds buffers, and gives them back when asked if they are idle.
class FakeHolder final : public BufferBudget::Holder {
 public:
  explicit FakeHolder(BufferBudget* budget) : budget_(budget) {}
  ~FakeHolder() override {
    budget_->Remove(this);
    ReleaseAll();
  }

  bool Take(size_t size) {
    AlignedBuffer buffer = budget_->Acquire(size, kPage);
    if (buffer.data() == nullptr) {
      return false;
    }
    buffers_.push_back(std::move(buffer));
    budget_->Add(this);
    return true;
  }
  void set_idle(bool idle) { idle_ = idle; }
  int asked() const { return asked_; }

  bool ReclaimIdle() override {
    ++asked_;
    if (idle_) {
      ReleaseAll();
    }
    return !buffers_.empty();
  }

 private:
  void ReleaseAll() {
    for (AlignedBuffer& buffer : buffers_) {
      budget_->Release(std::move(buffer));
    }
    buffers_.clear();
  }

  BufferBudget* const budget_;
  std::vector<AlignedBuffer> buffers_;
  bool idle_ = false;
  int asked_ = 0;
};

class BufferBudgetTest : public ::testing::Test {
 protected:
  void TearDown() override { EXPECT_EQ(budget_.bytes(), 0u); }

  BufferBudget budget_{BufferBudget::Use::kForWrites, 4 * kPage};
};

TEST_F(BufferBudgetTest, IsALimit) {
  FakeHolder holder(&budget_);
  for (int i = 0; i < 4; ++i) {
    EXPECT_TRUE(holder.Take(kPage));
  }
  EXPECT_EQ(budget_.bytes(), 4 * kPage);
  EXPECT_FALSE(FakeHolder(&budget_).Take(kPage));
  EXPECT_FALSE(FakeHolder(&budget_).Take(5 * kPage));
}

TEST_F(BufferBudgetTest, TakesIdleBuffersBack) {
  FakeHolder idle(&budget_);
  FakeHolder busy(&budget_);
  ASSERT_TRUE(idle.Take(2 * kPage));
  ASSERT_TRUE(busy.Take(2 * kPage));
  idle.set_idle(true);
  FakeHolder next(&budget_);
  EXPECT_TRUE(next.Take(2 * kPage));
  EXPECT_EQ(idle.asked(), 1);
  EXPECT_EQ(busy.asked(), 1);
}

// One that holds nothing any more has left the list, and comes back with its
// next buffer.
TEST_F(BufferBudgetTest, AsksOnlyThoseThatHoldSomething) {
  FakeHolder first(&budget_);
  FakeHolder second(&budget_);
  ASSERT_TRUE(first.Take(4 * kPage));
  first.set_idle(true);
  ASSERT_TRUE(second.Take(4 * kPage));
  ASSERT_EQ(first.asked(), 1);
  second.set_idle(true);
  FakeHolder third(&budget_);
  EXPECT_TRUE(third.Take(4 * kPage));
  EXPECT_EQ(first.asked(), 1);
  EXPECT_EQ(second.asked(), 1);
  third.set_idle(true);
  EXPECT_TRUE(first.Take(kPage));
  first.set_idle(false);
  EXPECT_FALSE(second.Take(4 * kPage));
  EXPECT_EQ(first.asked(), 2);
}

// A thread that needs a buffer does not visit thousands of files for it.
TEST_F(BufferBudgetTest, AsksTheOldestUntilItIsEnough) {
  constexpr size_t kMiB = 1 << 20;
  BufferBudget large(BufferBudget::Use::kForWrites, 4 * kMiB);
  FakeHolder busy(&large);
  FakeHolder first(&large);
  FakeHolder second(&large);
  FakeHolder third(&large);
  for (FakeHolder* holder : {&busy, &first, &second, &third}) {
    ASSERT_TRUE(holder->Take(kMiB));
    holder->set_idle(holder != &busy);
  }
  FakeHolder next(&large);
  EXPECT_TRUE(next.Take(kPage));
  EXPECT_EQ(busy.asked(), 1);
  EXPECT_EQ(first.asked(), 1);
  EXPECT_EQ(second.asked(), 0);
  EXPECT_TRUE(next.Take(kMiB));
  EXPECT_EQ(second.asked(), 1);
  EXPECT_EQ(third.asked(), 0);
  EXPECT_EQ(busy.asked(), 1) << "it has gone to the other end of the list";
}

// Each read of each stream asks for a buffer: if each of them asked all files
// in turn, an exhausted budget would be one lock for the process.
TEST_F(BufferBudgetTest, AsksSeldomWhereNothingIsIdle) {
  FakeHolder busy(&budget_);
  ASSERT_TRUE(busy.Take(4 * kPage));
  FakeHolder other(&budget_);
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < 1000; ++i) {
    EXPECT_FALSE(other.Take(kPage));
  }
  const auto took = std::chrono::steady_clock::now() - began;
  EXPECT_LE(busy.asked(), 1 + took / std::chrono::milliseconds(10));
  // And not never.
  busy.set_idle(true);
  while (!other.Take(kPage)) {
    ASSERT_LT(std::chrono::steady_clock::now() - began,
              std::chrono::seconds(60));
  }
}

TEST_F(BufferBudgetTest, AnExhaustedBudgetIsNotWrittenTo) {
#ifdef NDEBUG
  GTEST_SKIP() << "writes are counted in builds with assertions";
#else
  FakeHolder busy(&budget_);
  ASSERT_TRUE(busy.Take(4 * kPage));
  constexpr auto kProcess = static_cast<size_t>(SharedBy::kProcess);
  EXPECT_EQ(budget_.Acquire(kPage, kPage).data(), nullptr);
  const SharingCounts before = this_threads_sharing;
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(budget_.Acquire(kPage, kPage).data(), nullptr);
  }
  if (std::chrono::steady_clock::now() - began < std::chrono::milliseconds(5)) {
    EXPECT_EQ(this_threads_sharing.writes[kProcess], before.writes[kProcess]);
    EXPECT_EQ(this_threads_sharing.locks[kProcess], before.locks[kProcess]);
  }
#endif
}

// Memory that is given back is kept while somebody uses the budget, within its
// limit, and goes with the last one.
TEST(KeptBuffersTest, AreGivenToTheNextWhoAsks) {
  BufferBudget budget(BufferBudget::Use::kForReads, 64 * kPage);
  budget.AddUser();
  AlignedBuffer first = budget.Acquire(8 * kPage, kPage);
  char* const memory = first.data();
  ASSERT_NE(memory, nullptr);
  budget.Release(std::move(first));
  EXPECT_EQ(budget.bytes(), 0u);
  AlignedBuffer second = budget.Acquire(7 * kPage, kPage);
  EXPECT_EQ(second.data(), memory);
  EXPECT_EQ(budget.bytes(), 8 * kPage) << "all of it counts";
  budget.Release(std::move(second));
  AlignedBuffer other = budget.Acquire(2 * kPage, kPage);
  EXPECT_NE(other.data(), memory) << "much smaller: a buffer of its own";
  budget.Release(std::move(other));
  budget.RemoveUser();
}

TEST(KeptBuffersTest, OtherThreadsFindThem) {
  KeptBuffers kept(64 * kPage, /*cpus=*/8);
  std::thread([&kept] {
    for (int i = 0; i < 3; ++i) {
      kept.Keep(AlignedBuffer::NotInherited(8 * kPage));
    }
  }).join();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(kept.Take(8 * kPage).size(), 8 * kPage);
  }
  EXPECT_EQ(kept.Take(8 * kPage).data(), nullptr);
  EXPECT_EQ(kept.bytes(), 0u);
}

TEST(KeptBuffersTest, MakeRoomForOthers) {
  BufferBudget budget(BufferBudget::Use::kForReads, 64 * kPage);
  budget.AddUser();
  budget.Release(budget.Acquire(16 * kPage, kPage));
  AlignedBuffer all = budget.Acquire(64 * kPage, kPage);
  EXPECT_NE(all.data(), nullptr);
  EXPECT_EQ(budget.Acquire(kPage, kPage).data(), nullptr);
  budget.Release(std::move(all));
  budget.RemoveUser();
}

TEST(KeptBuffersTest, KeepALimitedNumberOfBytes) {
  KeptBuffers kept(4 * kPage);
  kept.Keep(AlignedBuffer::NotInherited(8 * kPage));
  EXPECT_EQ(kept.bytes(), 0u);
  for (int i = 0; i < 10; ++i) {
    kept.Keep(AlignedBuffer::NotInherited(kPage));
  }
  EXPECT_EQ(kept.bytes(), 4 * kPage);
  kept.Free(2 * kPage);
  EXPECT_EQ(kept.bytes(), 2 * kPage);
  kept.Clear();
  EXPECT_EQ(kept.bytes(), 0u);
  kept.Free(kPage);
}

// Of those that do not fit no more go than it takes: the others are found by
// the next who asks.
TEST(KeptBuffersTest, MakeNoMoreRoomThanNeeded) {
  BufferBudget budget(BufferBudget::Use::kForReads, 64 * kPage);
  budget.AddUser();
  std::vector<AlignedBuffer> small;
  for (int i = 0; i < 8; ++i) {
    small.push_back(budget.Acquire(2 * kPage, kPage));
  }
  const void* const last = small.back().data();
  for (AlignedBuffer& buffer : small) {
    budget.Release(std::move(buffer));
  }
  // 16 pages are kept, and 48 are left.
  AlignedBuffer large = budget.Acquire(52 * kPage, kPage);
  ASSERT_NE(large.data(), nullptr);
  std::set<const void*> found;
  for (int i = 0; i < 6; ++i) {
    small[i] = budget.Acquire(2 * kPage, kPage);
    ASSERT_NE(small[i].data(), nullptr) << i;
    found.insert(small[i].data());
  }
  EXPECT_EQ(found.count(last), 1u) << "it was not kept";
  EXPECT_EQ(budget.Acquire(2 * kPage, kPage).data(), nullptr);
  budget.Release(std::move(large));
  for (int i = 0; i < 6; ++i) {
    budget.Release(std::move(small[i]));
  }
  budget.RemoveUser();
}

TEST(KeptBuffersTest, ManyThreads) {
  BufferBudget budget(BufferBudget::Use::kForReads, 64 * kPage);
  Threads threads;
  for (int t = 0; t < 8; ++t) {
    threads.Start([&budget, t] {
      for (int i = 0; i < 500; ++i) {
        budget.AddUser();
        AlignedBuffer buffer = budget.Acquire(
            kPage * static_cast<size_t>(1 + (t + i) % 16), kPage);
        if (buffer.data() != nullptr) {
          // A buffer that two had would be noticed.
          buffer.data()[0] = static_cast<char>(t);
          std::this_thread::yield();
          EXPECT_EQ(buffer.data()[0], static_cast<char>(t));
          budget.Release(std::move(buffer));
        }
        budget.RemoveUser();
      }
    });
  }
  threads.Join();
  EXPECT_EQ(budget.bytes(), 0u);
}

TEST_F(BufferBudgetTest, ManyThreadsTakeAndGiveBack) {
  Threads threads;
  for (int t = 0; t < 8; ++t) {
    threads.Start([this, t] {
      for (int i = 0; i < 300; ++i) {
        FakeHolder holder(&budget_);
        // Idle before it is listed: other threads' reclaims are its owners'.
        (void)holder.Take(kPage * (1 + (t + i) % 3));
        EXPECT_LE(budget_.bytes(), 8 * 3 * kPage);
      }
    });
  }
  threads.Join();
}

// Three budgets of ten pages each, twelve pages together.
class BufferLimitTest : public ::testing::Test {
 protected:
  static constexpr uint64_t kEach = 10 * kPage;

  AlignedBuffer Take(BufferBudget* budget, size_t pages) {
    return budget->Acquire(pages * kPage, kPage);
  }

  BufferLimit limit_{12 * kPage};
  BufferBudget reads_{BufferBudget::Use::kForReads, kEach, 2, &limit_};
  BufferBudget writes_{BufferBudget::Use::kForWrites, kEach, 2, &limit_};
  BufferBudget deadlines_{BufferBudget::Use::kForReads, 20 * kPage, 2, &limit_};
};

TEST_F(BufferLimitTest, HoldsForAllTogether) {
  EXPECT_EQ(reads_.bytes_max(), kEach);
  EXPECT_EQ(deadlines_.bytes_max(), 12 * kPage);
  AlignedBuffer a = Take(&reads_, 10);
  ASSERT_NE(a.data(), nullptr);
  EXPECT_EQ(Take(&reads_, 1).data(), nullptr) << "its own limit";
  EXPECT_EQ(Take(&writes_, 3).data(), nullptr) << "that of all";
  AlignedBuffer b = Take(&writes_, 2);
  ASSERT_NE(b.data(), nullptr);
  EXPECT_EQ(limit_.held(), 12 * kPage);
  EXPECT_EQ(Take(&deadlines_, 1).data(), nullptr);
  reads_.Release(std::move(a));
  EXPECT_NE(Take(&deadlines_, 10).data(), nullptr);
  writes_.Release(std::move(b));
}

TEST_F(BufferLimitTest, KeptBuffersOfOthersGiveWay) {
  reads_.AddUser();
  reads_.Release(Take(&reads_, 2));
  ASSERT_EQ(reads_.held(), 2 * kPage) << "kept";
  AlignedBuffer all = Take(&deadlines_, 12);
  ASSERT_NE(all.data(), nullptr);
  EXPECT_EQ(reads_.held(), 0u);
  deadlines_.Release(std::move(all));
  reads_.RemoveUser();
  EXPECT_EQ(limit_.held(), deadlines_.held());
}

// Each would take eight pages.
TEST_F(BufferLimitTest, HoldsForThreads) {
  std::atomic<uint64_t> out{0};
  std::atomic<uint64_t> out_max{0};
  std::atomic<uint64_t> refused{0};
  Threads threads;
  for (BufferBudget* const budget : {&reads_, &writes_, &deadlines_}) {
    threads.Start([&, budget] {
      std::array<AlignedBuffer, 8> buffers;
      for (size_t i = 0; i < 4000; ++i) {
        AlignedBuffer& buffer = buffers[i % buffers.size()];
        if (buffer.data() != nullptr) {
          out -= kPage;
          budget->Release(std::move(buffer));
        }
        buffer = Take(budget, 1);
        refused += buffer.data() == nullptr ? 1 : 0;
        const uint64_t now = buffer.data() == nullptr ? 0 : (out += kPage);
        uint64_t max = out_max;
        while (now > max && !out_max.compare_exchange_weak(max, now)) {
        }
      }
      for (AlignedBuffer& buffer : buffers) {
        if (buffer.data() != nullptr) {
          out -= kPage;
          budget->Release(std::move(buffer));
        }
      }
    });
  }
  threads.Join();
  // A page for each thread that asks at the same moment.
  EXPECT_LE(out_max, limit_.bytes_max() + 2 * kPage);
  EXPECT_GT(refused, 0u);
  EXPECT_EQ(reads_.bytes() + writes_.bytes() + deadlines_.bytes(), 0u);
}

}  // namespace
}  // namespace rocksdb_uring
