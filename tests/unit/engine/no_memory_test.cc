// The engine while memory is short: each of its allocations fails once, and
// every operation ends with the right bytes all the same.
//
// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <memory>
#include <vector>

#include "env/engine/shared_engine.h"
#include "env/engine/uring_engine.h"
#include "env/ring/forwarding_ring.h"
#include "tests/support/engine/failing_allocations.h"
#include "tests/support/engine/test_support.h"

namespace rocksdb_uring {
namespace {

// Rings that die at their `nth` submission; real ones, since the fake kernel
// allocates by itself.
class MortalRing final : public ForwardingRing {
 public:
  MortalRing(std::unique_ptr<Ring> ring, int submissions)
      : ForwardingRing(std::move(ring)), submissions_(submissions) {}
  int Submit() override {
    return submissions_-- > 0 ? ForwardingRing::Submit() : -EBADF;
  }

 private:
  int submissions_;
};

RingFactory MortalRings(int submissions) {
  return [submissions](const RingOptions& options) {
    RingOrError made = CreateRing(options);
    std::unique_ptr<Ring> mortal(
        made.ring == nullptr
            ? nullptr
            : new (std::nothrow) MortalRing(std::move(made.ring), submissions));
    if (made.error.ok() && mortal == nullptr) {
      made.error = Errno::FromErrno(ENOMEM);
    }
    made.ring = std::move(mortal);
    return made;
  };
}

class NoMemoryTest : public ::testing::Test {
 protected:
  // More than any array on the stack holds.
  static constexpr size_t kReads = 200;
  static constexpr size_t kPieces = 150;
  static constexpr size_t kFileSize = 1 << 20;

  void SetUp() override { SkipWithoutRing(); }

  static std::vector<ReadBatch::Range> Ranges(uint64_t seed) {
    std::mt19937_64 random(seed);
    return RandomRanges(&random, kReads, kFileSize, 0);
  }

  void Waited(PathChoice path) {
    RunOptions options;
    options.path = path;
    engine_->Run(waited_->ops(), kReads, options);
  }

  void Submitted() {
    size_t taken = 0;
    while (taken < kReads) {
      const size_t now =
          engine_->Submit(&submitted_ops_[taken], kReads - taken);
      taken += now;
      if (now == 0) {
        break;
      }
    }
    if (taken > 10) {
      engine_->Cancel(submitted_ops_[10]);
    }
    engine_->Poll();
    engine_->WaitAll(submitted_ops_.data(), taken);
    // What no ring has taken, as a caller does.
    for (; taken < kReads; ++taken) {
      engine_->Run(submitted_ops_[taken], 1, RunOptions());
    }
  }

  void Vectored() {
    RunOptions options;
    for (const PathChoice path : {PathChoice::kPosix, PathChoice::kUring}) {
      options.path = path;
      vectored_.Reset();
      engine_->Run(&vectored_, 1, options);
      EXPECT_EQ(vectored_.result, static_cast<int64_t>(pieces_.size()));
    }
  }

  // Everything, with the `nth` allocation failing; whether there was one.
  bool RunWith(const RingFactory& rings, uint64_t nth) {
    EngineOptions options;
    options.ring_factory = rings;
    // Nothing of this counts.
    engine_ = std::make_unique<UringEngine>(options, &statistics_, &account_);
    waited_ = std::make_unique<ReadBatch>(file_.fd(), 0, Ranges(nth));
    submitted_ = std::make_unique<ReadBatch>(file_.fd(), 0, Ranges(nth + 1));
    submitted_ops_ = submitted_->pointers();
    vectored_.kind = IoKind::kReadv;
    vectored_.fd = file_.fd();
    vectored_.iov = iov_.data();
    vectored_.iov_count = static_cast<int>(iov_.size());
    bool failed = false;
    {
      const FailingAllocation allocation(nth);
      EXPECT_NO_THROW(Waited(PathChoice::kUring));
      EXPECT_NO_THROW(Submitted());
      EXPECT_NO_THROW(Vectored());
      failed = allocation.failed();
    }
    EXPECT_TRUE(waited_->Matches(file_.model()));
    for (size_t i = 0; i < kReads; ++i) {
      EXPECT_TRUE((*submitted_)[i].end == IoEnd::kCancelled ||
                  submitted_->Matches(file_.model(), i));
    }
    EXPECT_EQ(pieces_, file_.model().substr(0, pieces_.size()));
    engine_.reset();
    EXPECT_EQ(account_.bytes(), 0u);
    return failed;
  }

  void RunWithEachFailing(const RingFactory& rings) {
    uint64_t nth = 1;
    while (RunWith(rings, nth) && !HasFailure()) {
      ASSERT_LT(++nth, 10000u);
    }
    // A ring, its table and its queue, for a batch and for a shard.
    EXPECT_GE(nth, 4u);
    printf("%llu allocations failed\n",
           static_cast<unsigned long long>(nth - 1));
  }

  TestFile file_{kFileSize};
  Statistics statistics_;
  MemoryAccount account_;
  std::unique_ptr<UringEngine> engine_;
  std::unique_ptr<ReadBatch> waited_;
  std::unique_ptr<ReadBatch> submitted_;
  std::vector<IoOp*> submitted_ops_;
  std::string pieces_ = std::string(kPieces * 100, '#');
  std::vector<iovec> iov_ = [this] {
    std::vector<iovec> iov;
    for (size_t i = 0; i < kPieces; ++i) {
      iov.push_back({&pieces_[i * 100], 100});
    }
    return iov;
  }();
  IoOp vectored_;
};

TEST_F(NoMemoryTest, EachAllocationOfTheEngineFailsOnce) {
  RunWithEachFailing(CreateRing);
}

TEST_F(NoMemoryTest, EachAllocationFailsOnceWhileRingsDie) {
  for (const int submissions : {0, 1, 3, 10}) {
    RunWithEachFailing(MortalRings(submissions));
  }
}

// But for the counters of their latency, which they do without.
TEST_F(NoMemoryTest, BufferedBatchesAllocateNothing) {
  EngineOptions options;
  engine_ = std::make_unique<UringEngine>(options, &statistics_, &account_);
  waited_ = std::make_unique<ReadBatch>(file_.fd(), 0, Ranges(1));
  bool counters = false;
  for (bool failed = true; failed; counters = true) {
    {
      const FailingAllocation allocation(1);
      Waited(PathChoice::kAuto);
      Waited(PathChoice::kPosix);
      failed = allocation.failed();
    }
    EXPECT_TRUE(waited_->Matches(file_.model()));
    ASSERT_TRUE(!failed || !counters) << "allocates each time";
  }
}

// The first open of a process asks for the engine.
TEST_F(NoMemoryTest, AnEngineThatCannotBeMadeIsAnError) {
  uint64_t nth = 0;
  for (bool failed = true; failed;) {
    std::string conflict;
    std::shared_ptr<SharedEngine> engine;
    {
      const FailingAllocation allocation(++nth);
      EXPECT_NO_THROW(engine =
                          SharedEngine::Acquire(EngineRequest(), &conflict));
      failed = allocation.failed();
    }
    EXPECT_TRUE(engine != nullptr || failed);
    EXPECT_EQ(engine == nullptr, !conflict.empty()) << conflict;
    ASSERT_LT(nth, 10000u);
  }
  EXPECT_GT(nth, 5u);
}

// A read must not fail because its counters find no memory.
TEST_F(NoMemoryTest, WithoutMemoryForThePlainEngineTheOtherServes) {
  SharedEngine engine(EngineOptions{}, RingFeatures{});
  uint64_t nth = 0;
  for (bool failed = true; failed;) {
    IoEngine* serving = nullptr;
    {
      const FailingAllocation allocation(++nth);
      EXPECT_NO_THROW(serving = engine.plain_engine());
      failed = allocation.failed();
    }
    EXPECT_EQ(serving == engine.engine(), failed);
    ASSERT_LT(nth, 10u);
  }
  EXPECT_GT(nth, 1u);
}

}  // namespace
}  // namespace rocksdb_uring
