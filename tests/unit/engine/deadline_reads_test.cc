// Reads with a deadline on a kernel that answers when the test says so: in time
// they are reads; late ones leave the caller's memory alone.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/engine/deadline_reads.h"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "tests/unit/engine/deadline_fixture.h"

namespace rocksdb_uring {
namespace {

using Verdict = FakeKernel::Verdict;

constexpr uint64_t kShortUs = 2000;
constexpr uint64_t kLongUs = 60 * 1000 * 1000;

class DeadlineReadsTest : public DeadlineFixture {
 protected:
  DeadlineReadsTest() {
    // Reads take the ring, although the page cache has it all.
    calls_.Fail(FakeSystemCalls::kPreadNoWait, FakeSystemCalls::kAlways,
                -EAGAIN);
    Limit(1 << 20, 100);
  }

  void TearDown() override {
    kernel_.StopWithholding();
    EXPECT_TRUE(Settles());
    reads_.reset();
    AsyncFixture::TearDown();
  }

  void Run(ReadBatch* batch, uint64_t timeout_us) {
    reads_->Run(batch->ops(), batch->size(), keeper_, Deadline::In(timeout_us));
    for (size_t i = 0; i < batch->size(); ++i) {
      EXPECT_TRUE((*batch)[i].completed()) << i;
    }
  }

  static bool IsLate(const IoOp& op) {
    return op.result == -ETIMEDOUT &&
           (op.end == IoEnd::kTimedOut || op.end == IoEnd::kAbandoned);
  }
  static bool WasRefused(const IoOp& op) {
    return op.result == -ETIMEDOUT && op.end == IoEnd::kTooMany;
  }
};

TEST_F(DeadlineReadsTest, InTimeTheyAreReads) {
  std::mt19937_64 random(TestSeed());
  for (const size_t count : {1, 2, 63, 64, 65, 200}) {
    ReadBatch batch(file_.fd(), 0, RandomRanges(&random, count, kFileSize, 0));
    Limit(64 << 20, 100);
    Run(&batch, kLongUs);
    EXPECT_TRUE(batch.Matches(file_.model())) << count;
  }
  EXPECT_EQ(statistics_.Snapshot().op(StatKind::kRead, IoPath::kRing).count,
            1u + 2 + 63 + 64 + 65 + 200);
  EXPECT_EQ(Event(StatEvent::kDeadlineMissed), 0u);
}

TEST_F(DeadlineReadsTest, EndAtTheFileEnd) {
  ReadBatch batch(file_.fd(), 0,
                  {{kFileSize - 100, 1000}, {kFileSize + 100, 1000}});
  Run(&batch, kLongUs);
  EXPECT_EQ(batch[0].result, 100);
  EXPECT_EQ(batch[1].result, 0);
}

TEST_F(DeadlineReadsTest, FailAsReadsDo) {
  kernel_.SetRequestScript([](const RingRequest&, uint64_t) {
    Verdict verdict;
    verdict.error = -EIO;
    return verdict;
  });
  calls_.Fail(FakeSystemCalls::kPread, FakeSystemCalls::kAlways, -EIO);
  ReadBatch batch(file_.fd(), 0, Ranges(1));
  Run(&batch, kLongUs);
  EXPECT_EQ(batch[0].result, -EIO);
  EXPECT_EQ(batch[0].end, IoEnd::kFinished);
}

TEST_F(DeadlineReadsTest, ThePageCacheNeedsNoRing) {
  calls_.Fail(FakeSystemCalls::kPreadNoWait, 0, 0);
  kernel_.WithholdAll();
  ReadBatch batch(file_.fd(), 0, Ranges(10));
  Run(&batch, kLongUs);
  EXPECT_TRUE(batch.Matches(file_.model()));
  EXPECT_EQ(kernel_.observations().requests, 0u);
}

// What the device writes after the deadline must not go to memory that the
// caller has again: here it is freed, and the address sanitizer watches.
TEST_F(DeadlineReadsTest, LateOnesLeaveTheCallersMemoryAlone) {
  HangEvery(1);
  {
    ReadBatch batch(file_.fd(), 0, Ranges(30));
    Run(&batch, kShortUs);
    for (size_t i = 0; i < batch.size(); ++i) {
      EXPECT_TRUE(IsLate(batch[i])) << i;
      EXPECT_EQ(batch[i].end, IoEnd::kAbandoned) << i;
    }
  }
  EXPECT_EQ(reads_->abandoned(), 30u);
  EXPECT_EQ(reads_->abandoned_bytes(), 30u * 4096);
  EXPECT_EQ(Event(StatEvent::kDeadlineMissed), 30u);
  EXPECT_EQ(Event(StatEvent::kDeadlineAbandoned), 30u);
  EXPECT_GT(keeper_.use_count(), 1);
  // No other read comes: a thread takes the answers.
  kernel_.StopWithholding();
  EXPECT_TRUE(Settles());
  ReadBatch again(file_.fd(), 0, Ranges(30));
  Run(&again, kLongUs);
  EXPECT_TRUE(again.Matches(file_.model()));
}

// Who sees none any more may take away what the file and the engine are made
// of.
TEST_F(DeadlineReadsTest, TheyCountForAsLongAsTheyKeepTheFile) {
  std::atomic<uint64_t> counted(0);
  std::shared_ptr<const void> keeper(
      &counted,
      [this](std::atomic<uint64_t>* at) { *at = reads_->abandoned(); });
  HangEvery(1);
  ReadBatch batch(file_.fd(), 0, Ranges(1));
  reads_->Run(batch.ops(), 1, keeper, Deadline::In(kShortUs));
  EXPECT_EQ(batch[0].end, IoEnd::kAbandoned);
  keeper.reset();
  EXPECT_EQ(counted, 0u);
  kernel_.StopWithholding();
  EXPECT_TRUE(Settles());
  EXPECT_EQ(counted, 1u);
}

TEST_F(DeadlineReadsTest, WhatIsCompleteKeepsItsData) {
  HangEvery(3);
  ReadBatch batch(file_.fd(), 0, Ranges(30));
  Run(&batch, kShortUs);
  for (size_t i = 0; i < batch.size(); ++i) {
    if (i % 3 == 0) {
      EXPECT_TRUE(IsLate(batch[i])) << i;
    } else {
      EXPECT_TRUE(batch.Matches(file_.model(), i));
    }
  }
  EXPECT_EQ(reads_->abandoned(), 10u);
}

TEST_F(DeadlineReadsTest, WhatCanBeCancelledIsNotAbandoned) {
  kernel_.WithholdAll();
  ReadBatch batch(file_.fd(), 0, Ranges(30));
  Run(&batch, kShortUs);
  for (size_t i = 0; i < batch.size(); ++i) {
    EXPECT_EQ(batch[i].end, IoEnd::kTimedOut) << i;
  }
  EXPECT_EQ(Event(StatEvent::kDeadlineAbandoned), 0u);
  EXPECT_EQ(Event(StatEvent::kPosixRescue), 0u);
  EXPECT_EQ(kernel_.withheld(), 0u);
}

TEST_F(DeadlineReadsTest, AbandonedOnesAreLimitedInNumber) {
  Limit(1 << 20, 4);
  HangEvery(1);
  ReadBatch batch(file_.fd(), 0, Ranges(4));
  Run(&batch, kShortUs);
  EXPECT_EQ(reads_->abandoned(), 4u);
  // At once: a wait for its deadline would take a minute.
  ReadBatch another(file_.fd(), 0, Ranges(2));
  Run(&another, kLongUs);
  EXPECT_TRUE(WasRefused(another[0]));
  EXPECT_TRUE(WasRefused(another[1]));
  EXPECT_EQ(Event(StatEvent::kDeadlineRefused), 2u);
  kernel_.StopWithholding();
  EXPECT_TRUE(Settles());
  Run(&batch, kLongUs);
  EXPECT_TRUE(batch.Matches(file_.model()));
}

TEST_F(DeadlineReadsTest, BuffersAreLimitedInBytes) {
  Limit(10 * 4096, 100);
  HangEvery(1);
  ReadBatch batch(file_.fd(), 0, Ranges(12));
  Run(&batch, kShortUs);
  EXPECT_EQ(reads_->abandoned(), 10u);
  for (size_t i = 0; i < 12; ++i) {
    EXPECT_TRUE(i < 10 ? IsLate(batch[i]) : WasRefused(batch[i])) << i;
  }
}

TEST_F(DeadlineReadsTest, PosixReadsWhereNoRingCanBeHad) {
  kernel_.SetFactoryError(-ENOMEM);
  ReadBatch batch(file_.fd(), 0, Ranges(5));
  Run(&batch, kShortUs);
  EXPECT_TRUE(batch.Matches(file_.model()));
  EXPECT_EQ(statistics_.Snapshot().op(StatKind::kRead, IoPath::kPosix).count,
            5u);
}

// A ring takes this offset for the position of the descriptor.
TEST_F(DeadlineReadsTest, PosixReadsWhatARingDoesNotTake) {
  ReadBatch batch(file_.fd(), 0, {{0, 1000}, {UINT64_MAX, 1000}, {2000, 1000}});
  Run(&batch, kLongUs);
  EXPECT_TRUE(batch.Matches(file_.model(), 0));
  EXPECT_EQ(batch[1].result, -EINVAL);
  EXPECT_TRUE(batch.Matches(file_.model(), 2));
  IoOp* const alone = &batch[1];
  alone->Reset();
  EXPECT_EQ(reads_->Start(alone, keeper_, Deadline::In(kLongUs)), nullptr);
  EXPECT_EQ(alone->state(), IoState::kIdle);
}

// Read by POSIX where no room is in a ring, they would wait for the device.
TEST_F(DeadlineReadsTest, WithoutRoomTheyWaitForIt) {
  engine_.reset();
  MakeEngine(kernel_.factory(), /*queue_depth=*/8);
  Limit(1 << 20, 1000);
  kernel_.WithholdAll();
  ReadBatch others(file_.fd(), 0, Ranges(400));
  const std::vector<IoOp*> ops = others.pointers();
  const size_t taken = engine_->Submit(ops.data(), ops.size());
  ASSERT_LT(taken, ops.size());
  ReadBatch batch(file_.fd(), 0, Ranges(1));
  Run(&batch, kShortUs);
  EXPECT_TRUE(IsLate(batch[0]));
  EXPECT_EQ(Event(StatEvent::kDeadlineAbandoned), 0u) << "it never began";
  kernel_.StopWithholding();
  Run(&batch, kLongUs);
  EXPECT_TRUE(batch.Matches(file_.model()));
  engine_->WaitAll(ops.data(), taken);
}

TEST_F(DeadlineReadsTest, StepsOfOneRead) {
  ReadBatch batch(file_.fd(), 0, Ranges(3));
  const Deadline deadline = Deadline::In(kLongUs);
  std::unique_ptr<DeadlineRead> read =
      reads_->Start(&batch[0], keeper_, deadline);
  ASSERT_NE(read, nullptr);
  EXPECT_TRUE(engine_->Wait(&read->op));
  reads_->Finish(std::move(read), &batch[0]);
  EXPECT_TRUE(batch.Matches(file_.model(), 0));

  HangEvery(1);
  read = reads_->Start(&batch[1], keeper_, deadline);
  ASSERT_NE(read, nullptr);
  reads_->Finish(std::move(read), &batch[1]);
  EXPECT_TRUE(IsLate(batch[1]));

  read = reads_->Start(&batch[2], keeper_, deadline);
  ASSERT_NE(read, nullptr);
  reads_->GiveUp(std::move(read));
  EXPECT_EQ(batch[2].state(), IoState::kIdle);
  EXPECT_EQ(reads_->abandoned(), 2u);
}

// All in flight at one moment; the device keeps every second one.
TEST_F(DeadlineReadsTest, MoreThanAThousandAtOnce) {
  constexpr size_t kReads = 1500;
  engine_.reset();
  MakeEngine(kernel_.factory(), /*queue_depth=*/512);
  Limit(64 << 20, kReads);
  HangEvery(2);
  ReadBatch batch(file_.fd(), 0, Ranges(kReads));
  const Deadline deadline = Deadline::In(kShortUs);
  std::vector<std::unique_ptr<DeadlineRead>> reads;
  for (size_t i = 0; i < kReads; ++i) {
    reads.push_back(reads_->Start(&batch[i], keeper_, Deadline::In(kLongUs)));
    ASSERT_NE(reads.back(), nullptr) << i;
  }
  EXPECT_EQ(kernel_.observations().in_flight_max, kReads);
  size_t late = 0;
  for (size_t i = 0; i < kReads; ++i) {
    engine_->Wait(&reads[i]->op, deadline.LeftUs());
    reads_->Finish(std::move(reads[i]), &batch[i]);
    if (IsLate(batch[i])) {
      ++late;
    } else {
      EXPECT_TRUE(batch.Matches(file_.model(), i));
    }
  }
  EXPECT_EQ(late, kReads / 2);
  EXPECT_EQ(reads_->abandoned(), kReads / 2);
  kernel_.StopWithholding();
  EXPECT_TRUE(Settles());
}

TEST_F(DeadlineReadsTest, FromManyThreadsOnASlowDevice) {
  Limit(64 << 20, 2000);
  kernel_.SetRequestScript([](const RingRequest& request, uint64_t ordinal) {
    Verdict verdict;
    verdict.us_late = static_cast<unsigned>((ordinal * 7919) % 4000);
    verdict.cancelable = request.offset % 2000 == 0;
    return verdict;
  });
  Threads threads;
  std::atomic<size_t> late{0};
  std::atomic<size_t> in_time{0};
  for (int t = 0; t < 16; ++t) {
    threads.Start([&] {
      for (int round = 0; round < 5; ++round) {
        ReadBatch batch(file_.fd(), 0, Ranges(64));
        Run(&batch, kShortUs);
        for (size_t i = 0; i < batch.size(); ++i) {
          if (IsLate(batch[i])) {
            ++late;
          } else {
            ++in_time;
            EXPECT_TRUE(batch.Matches(file_.model(), i));
          }
        }
      }
    });
  }
  threads.Join();
  EXPECT_EQ(late + in_time, 16u * 5 * 64);
  EXPECT_GT(late, 0u);
  EXPECT_EQ(Event(StatEvent::kDeadlineMissed), late);
  EXPECT_TRUE(Settles());
}

TEST(DeadlineTest, CountsDown) {
  EXPECT_FALSE(Deadline().exists());
  EXPECT_FALSE(Deadline().passed());
  EXPECT_EQ(Deadline().LeftUs(), Deadline::kNoLimit);
  EXPECT_TRUE(Deadline::In(0).passed());
  EXPECT_FALSE(Deadline::In(UINT64_MAX).passed());
  const uint64_t left = Deadline::In(kLongUs).LeftUs();
  EXPECT_GT(left, 0u);
  EXPECT_LE(left, kLongUs);
  EXPECT_TRUE(Deadline::In(1) < Deadline::In(kLongUs));
  EXPECT_TRUE(Deadline::In(kLongUs) < Deadline());
}

}  // namespace
}  // namespace rocksdb_uring
