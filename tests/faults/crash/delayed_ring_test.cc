// The seam that delays completions: engines on it do what they always do.
//
// SPDX-License-Identifier: Apache-2.0
#include "tests/faults/crash/delayed_ring.h"

#include <cerrno>
#include <memory>
#include <random>
#include <vector>

#include "env/engine/deadline_reads.h"
#include "env/engine/uring_engine.h"
#include "tests/support/engine/test_support.h"

namespace rocksdb_uring {
namespace {

class DelayedRingTest : public ::testing::Test {
 protected:
  static constexpr size_t kFileSize = 4 << 20;

  void SetUp() override {
    SkipWithoutRing();
    EngineOptions options;
    options.ring_factory = delay_.factory();
    engine_ = std::make_unique<UringEngine>(options, &statistics_, &account_);
  }

  std::unique_ptr<ReadBatch> MakeReads(size_t count) {
    return std::make_unique<ReadBatch>(
        file_.fd(), 0, RandomRanges(&random_, count, kFileSize, 0));
  }

  CompletionDelay delay_{TestSeed()};
  std::mt19937_64 random_{TestSeed()};
  TestFile file_{kFileSize};
  Statistics statistics_;
  MemoryAccount account_;
  std::unique_ptr<UringEngine> engine_;
};

TEST_F(DelayedRingTest, BatchesWait) {
  RunOptions options;
  options.path = PathChoice::kUring;
  for (const size_t count : {1, 2, 30, 200}) {
    const auto reads = MakeReads(count);
    engine_->Run(reads->ops(), count, options);
    EXPECT_TRUE(reads->Matches(file_.model()));
  }
  EXPECT_GE(delay_.count(), 233u);
}

TEST_F(DelayedRingTest, ReadsEndAtTheirDeadline) {
  DeadlineReads::Options options;
  options.abandoned_max = 100;
  BufferBudget budget(BufferBudget::Use::kForReads, 16 << 20);
  const auto keeper = std::make_shared<int>(0);
  DeadlineReads bounded(engine_.get(), &budget, options);
  const auto reads = MakeReads(40);
  bounded.Run(reads->ops(), 40, keeper, Deadline::In(1));
  for (size_t i = 0; i < 40; ++i) {
    EXPECT_TRUE((*reads)[i].completed());
    EXPECT_TRUE((*reads)[i].result == -ETIMEDOUT ||
                reads->Matches(file_.model(), i));
  }
  while (keeper.use_count() > 1) {
    std::this_thread::yield();
  }
}

TEST_F(DelayedRingTest, OthersWaitForWhatIsSubmitted) {
  std::vector<std::unique_ptr<ReadBatch>> all;
  Threads threads;
  for (int i = 0; i < 4; ++i) {
    all.push_back(MakeReads(100));
    const std::vector<IoOp*> ops = all.back()->pointers();
    ASSERT_EQ(engine_->Submit(ops.data(), ops.size()), ops.size());
  }
  for (int i = 0; i < 4; ++i) {
    threads.Start([&, i] {
      for (IoOp* op : all[i]->pointers()) {
        EXPECT_TRUE(engine_->Wait(op));
      }
    });
  }
  threads.Join();
  for (const auto& reads : all) {
    EXPECT_TRUE(reads->Matches(file_.model()));
  }
  EXPECT_GE(delay_.count(), 400u);
}

TEST_F(DelayedRingTest, CancelledReadsComplete) {
  const auto reads = MakeReads(50);
  const std::vector<IoOp*> ops = reads->pointers();
  ASSERT_EQ(engine_->Submit(ops.data(), ops.size()), ops.size());
  for (IoOp* op : ops) {
    engine_->Cancel(op);
  }
  for (size_t i = 0; i < ops.size(); ++i) {
    EXPECT_TRUE(engine_->Wait(ops[i]));
    EXPECT_TRUE(ops[i]->result == -ECANCELED ||
                reads->Matches(file_.model(), i));
  }
}

}  // namespace
}  // namespace rocksdb_uring
