// SPDX-License-Identifier: Apache-2.0

#include "env/engine/ring_pool.h"

#include <cerrno>
#include <memory>
#include <vector>

#include "tests/support/engine/fake_ring.h"
#include "tests/support/engine/test_support.h"

namespace rocksdb_uring {
namespace {

class RingPoolTest : public ::testing::Test {
 protected:
  void SetUp() override { Make(4); }

  void Make(size_t rings_max, size_t cpus = 2) {
    RingPool::Options options;
    options.rings_max = rings_max;
    options.cpus = cpus;
    pool_.reset();
    pool_ = std::make_unique<RingPool>(options, &environment_);
  }

  // Ends a ring as a batch that found it dead.
  void Retire(std::unique_ptr<LiveRing> ring) {
    ring->Fail("io_uring_enter", Errno::FromErrno(EBADF));
    pool_->Return(std::move(ring));
  }

  uint64_t Event(StatEvent event) {
    return statistics_.Snapshot().event(event);
  }

  FakeKernel kernel_;
  Breaker breaker_;
  Statistics statistics_;
  MemoryAccount account_;
  const RingEnvironment environment_{kernel_.factory(), &breaker_, &statistics_,
                                     &account_};
  std::unique_ptr<RingPool> pool_;
};

TEST_F(RingPoolTest, MakesARingWhenOneIsNeeded) {
  EXPECT_EQ(pool_->size(), 0u);
  const uint64_t before = account_.bytes();
  std::unique_ptr<LiveRing> ring = pool_->Lease();
  ASSERT_NE(ring, nullptr);
  EXPECT_EQ(pool_->size(), 1u);
  EXPECT_EQ(account_.bytes(), before + ring->ring()->memory_bytes());
  pool_->Return(std::move(ring));
  EXPECT_EQ(pool_->size(), 1u);
}

TEST_F(RingPoolTest, LeasesTheLastOneReturned) {
  std::unique_ptr<LiveRing> first = pool_->Lease();
  std::unique_ptr<LiveRing> second = pool_->Lease();
  LiveRing* const warm = first.get();
  pool_->Return(std::move(second));
  pool_->Return(std::move(first));
  std::unique_ptr<LiveRing> again = pool_->Lease();
  EXPECT_EQ(again.get(), warm);
  EXPECT_EQ(kernel_.observations().rings_made, 2u);
  pool_->Return(std::move(again));
}

TEST_F(RingPoolTest, IsBounded) {
  std::vector<std::unique_ptr<LiveRing>> rings;
  for (int i = 0; i < 4; ++i) {
    rings.push_back(pool_->Lease());
    ASSERT_NE(rings.back(), nullptr);
  }
  EXPECT_EQ(pool_->Lease(), nullptr);
  EXPECT_EQ(Event(StatEvent::kRingsBusy), 1u);
  EXPECT_FALSE(breaker_.open()) << "a busy pool is no failure";
  pool_->Return(std::move(rings.back()));
  EXPECT_NE(rings.back() = pool_->Lease(), nullptr);
}

TEST_F(RingPoolTest, ARetiredRingMakesRoomForAnother) {
  Make(1);
  std::unique_ptr<LiveRing> ring = pool_->Lease();
  Retire(std::move(ring));
  EXPECT_EQ(pool_->size(), 0u);
  EXPECT_EQ(kernel_.observations().rings_alive, 0u);
  EXPECT_EQ(Event(StatEvent::kRingRetired), 1u);
  EXPECT_NE(pool_->Lease(), nullptr);
  EXPECT_EQ(Event(StatEvent::kRingCreated), 2u);
}

TEST_F(RingPoolTest, RetiredMemoryIsGivenBack) {
  const std::unique_ptr<LiveRing> probe = pool_->Lease();
  const uint64_t before = account_.bytes();
  std::unique_ptr<LiveRing> ring = pool_->Lease();
  EXPECT_EQ(account_.bytes(), before + ring->ring()->memory_bytes());
  Retire(std::move(ring));
  EXPECT_EQ(account_.bytes(), before);
}

TEST_F(RingPoolTest, RefusalsOpenTheBreaker) {
  kernel_.SetFactoryError(-EMFILE);
  for (uint32_t i = 0; i < Breaker::kFailuresMax; ++i) {
    EXPECT_EQ(pool_->Lease(), nullptr);
    EXPECT_EQ(pool_->size(), 0u);
  }
  EXPECT_TRUE(breaker_.open());
  EXPECT_EQ(Event(StatEvent::kRingRefused), Breaker::kFailuresMax);
  EXPECT_EQ(Event(StatEvent::kBreakerOpened), 1u);
}

TEST_F(RingPoolTest, RingsThatAreAliveServeWhenNoMoreCanBeHad) {
  std::unique_ptr<LiveRing> ring = pool_->Lease();
  kernel_.SetFactoryError(-EMFILE);
  for (uint32_t i = 0; i < 10 * Breaker::kFailuresMax; ++i) {
    EXPECT_EQ(pool_->Lease(), nullptr);
    pool_->Return(std::move(ring));
    ring = pool_->Lease();
    ASSERT_NE(ring, nullptr);
  }
  EXPECT_EQ(breaker_.last_failure().error.value(), EMFILE);
  EXPECT_FALSE(breaker_.last_failure().current);
  kernel_.SetFactoryError(0);
  std::unique_ptr<LiveRing> second;
  while (second == nullptr) {
    second = pool_->Lease();
  }
  EXPECT_EQ(pool_->size(), 2u);
  pool_->Return(std::move(ring));
  pool_->Return(std::move(second));
}

// A failing system call for every batch would be a price without a chance.
TEST_F(RingPoolTest, DoesNotAskAgainAtOnce) {
  const std::unique_ptr<LiveRing> ring = pool_->Lease();
  kernel_.SetFactoryError(-EMFILE);
  const auto before = Breaker::Clock::now();
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(pool_->Lease(), nullptr);
  }
  if (Breaker::Clock::now() - before < std::chrono::milliseconds(100)) {
    EXPECT_EQ(Event(StatEvent::kRingRefused), 1u);
    EXPECT_EQ(Event(StatEvent::kRingsBusy), 99u);
  }
}

// The rings that are alive are of another kind: the breaker does not count.
TEST_F(RingPoolTest, DoesNotAskAgainAtOnceWhenItHasNone) {
  breaker_.RingCreated();
  kernel_.SetFactoryError(-ENOMEM);
  const auto before = Breaker::Clock::now();
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(pool_->Lease(), nullptr);
  }
  if (Breaker::Clock::now() - before < Breaker::kCreatePause) {
    EXPECT_EQ(Event(StatEvent::kRingRefused), 1u);
  }
  breaker_.RingDestroyed();
}

// Whoever is the breaker's trial has to report back.
TEST_F(RingPoolTest, WithoutARingToGiveThereIsNoTrial) {
  Make(1);
  std::unique_ptr<LiveRing> ring = pool_->Lease();
  for (uint32_t i = 0; i < Breaker::kFailuresMax; ++i) {
    breaker_.RecordFailure("io_uring_enter", Errno::FromErrno(EBADF));
  }
  while (!breaker_.MayAllow()) {
    std::this_thread::yield();
  }
  EXPECT_EQ(pool_->Lease(), nullptr);
  EXPECT_TRUE(breaker_.Allow()) << "for somebody else";
  pool_->Return(std::move(ring));
}

TEST_F(RingPoolTest, RecoversWhenTheKernelDoes) {
  kernel_.SetFactoryError(-ENOMEM);
  while (!breaker_.open()) {
    EXPECT_EQ(pool_->Lease(), nullptr);
  }
  kernel_.SetFactoryError(0);
  std::unique_ptr<LiveRing> ring;
  while (ring == nullptr) {
    ring = pool_->Lease();
  }
  EXPECT_EQ(pool_->Lease(), nullptr) << "one trial at a time";
  RingEvidence seen;
  seen.worked = 1;
  ring->Judge(seen);
  EXPECT_FALSE(breaker_.open());
  pool_->Return(std::move(ring));
}

// Each thread has a shelf, and still no more rings are made than are leased at
// once.
TEST_F(RingPoolTest, RingsAreFoundOnTheShelvesOfOthers) {
  Make(64, /*cpus=*/16);
  const uint64_t before = account_.bytes();
  for (int round = 0; round < 40; ++round) {
    Threads threads;
    threads.Start([this] {
      std::unique_ptr<LiveRing> first = pool_->Lease();
      std::unique_ptr<LiveRing> second = pool_->Lease();
      ASSERT_NE(first, nullptr);
      ASSERT_NE(second, nullptr);
      pool_->Return(std::move(first));
      pool_->Return(std::move(second));
    });
    threads.Join();
  }
  EXPECT_EQ(pool_->size(), 2u);
  EXPECT_EQ(kernel_.observations().rings_made, 2u);
  pool_.reset();
  EXPECT_EQ(kernel_.observations().rings_alive, 0u);
  EXPECT_LT(account_.bytes(), before);
}

TEST_F(RingPoolTest, ThreadsNeverGetTheSameRing) {
  Make(3);
  Threads threads;
  std::atomic<int> leased{0};
  for (int t = 0; t < 8; ++t) {
    threads.Start([&] {
      for (int i = 0; i < 2000; ++i) {
        std::unique_ptr<LiveRing> ring = pool_->Lease();
        if (ring == nullptr) {
          continue;
        }
        EXPECT_LE(++leased, 3);
        RingCompletion completion;
        EXPECT_EQ(ring->ring()->Reap(&completion, 1), 0u);
        --leased;
        pool_->Return(std::move(ring));
      }
    });
  }
  threads.Join();
  EXPECT_LE(pool_->size(), 3u);
  EXPECT_LE(kernel_.observations().rings_alive_max, 3u);
}

}  // namespace
}  // namespace rocksdb_uring
