// Reads with a deadline on a loop: the thread goes on, late ones leave the
// caller's memory alone, and the end of a loop does not wait for the device.
//
// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "env/engine/deadline_reads.h"
#include "env/engine/loop_timers.h"
#include "tests/support/engine/failing_allocations.h"
#include "tests/unit/engine/deadline_fixture.h"
#include "tests/unit/engine/loop_work.h"

namespace rocksdb_uring {
namespace {

constexpr uint64_t kSoonUs = 3000;
constexpr uint64_t kInAMinuteUs = 60 * 1000 * 1000;

TEST(LoopTimersTest, AreCalledInTheOrderOfTheirTimes) {
  struct Noted : LoopTimer {
    std::vector<int>* calls = nullptr;
    int name = 0;
  };
  LoopTimers timers;
  EXPECT_FALSE(timers.Expire());
  EXPECT_EQ(timers.LeftUs(77), 77u);
  std::vector<int> calls;
  std::vector<Noted> all(6);
  const uint64_t at[] = {30, 10, 20, kInAMinuteUs, 40, 10};
  for (int i = 0; i < 6; ++i) {
    all[i].name = i;
    all[i].calls = &calls;
    all[i].at = Deadline::In(at[i]);
    all[i].late = [](LoopTimer* timer) {
      auto* const self = static_cast<Noted*>(timer);
      self->calls->push_back(self->name);
    };
    timers.Add(&all[i]);
  }
  timers.Remove(&all[4]);
  std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_TRUE(timers.Expire());
  EXPECT_EQ(calls, (std::vector<int>{1, 5, 2, 0}));
  EXPECT_GT(timers.LeftUs(UINT64_MAX), kInAMinuteUs / 2);
  timers.Remove(&all[3]);
  EXPECT_EQ(timers.LeftUs(77), 77u);
}

class LoopDeadlineTest : public DeadlineFixture {
 protected:
  void SetUp() override {
    Start();
    Limit(1 << 20, 100);
  }
  void TearDown() override {
    kernel_.StopWithholding();
    EXPECT_TRUE(Settles());
    while (ended_ && !released_) {
      std::this_thread::yield();
    }
    work_.reset();
    reads_.reset();
    AsyncFixture::TearDown();
  }

  void Start() {
    work_ = std::make_unique<LoopWork>();
    ASSERT_TRUE(work_->StartOn(
        [this](RingLoop::Work* work) { return engine_->StartLoop(work); }));
  }
  // Returns when they are on the loop.
  void Submit(ReadBatch* batch, uint64_t timeout_us) {
    completed_ = 0;
    work_->AddAndWait([this, batch, timeout_us] {
      for (size_t i = 0; i < batch->size(); ++i) {
        IoOp* const op = &(*batch)[i];
        op->Reset();
        op->context = this;
        op->callback = [](IoOp* completed) {
          auto* const self = static_cast<LoopDeadlineTest*>(completed->context);
          self->elsewhere_ +=
              RingLoop::Current() == self->work_->loop() ? 0 : 1;
          ++self->completed_;
        };
        reads_->RunOnLoop(op, keeper_, Deadline::In(timeout_us),
                          RingLoop::Current());
      }
    });
  }
  void Run(ReadBatch* batch, uint64_t timeout_us) {
    Submit(batch, timeout_us);
    while (completed_ < batch->size()) {
      std::this_thread::yield();
    }
    // Callbacks have returned.
    work_->AddAndWait([] {});
    EXPECT_EQ(completed_, batch->size());
    EXPECT_EQ(elsewhere_, 0u);
  }

  // Ends the loop; `released_` when nothing of it is left.
  void End() {
    ended_ = true;
    RingLoop::End(work_->Release(),
                  std::shared_ptr<std::atomic<bool>>(
                      &released_, [](std::atomic<bool>* at) { *at = true; }));
  }

  std::unique_ptr<LoopWork> work_;
  std::atomic<size_t> completed_{0};
  std::atomic<size_t> elsewhere_{0};
  bool ended_ = false;
  std::atomic<bool> released_{false};
};

TEST_F(LoopDeadlineTest, InTimeTheyAreReads) {
  std::mt19937_64 random(TestSeed());
  Limit(64 << 20, 100);
  for (const size_t count : {1, 2, 65, 500}) {
    ReadBatch batch(file_.fd(), 0, RandomRanges(&random, count, kFileSize, 0));
    Run(&batch, kInAMinuteUs);
    EXPECT_TRUE(batch.Matches(file_.model())) << count;
  }
  EXPECT_EQ(statistics_.Snapshot().op(StatKind::kRead, IoPath::kRing).count,
            568u);
  EXPECT_EQ(Event(StatEvent::kDeadlineMissed), 0u);
}

TEST_F(LoopDeadlineTest, LateOnesLeaveTheCallersMemoryAlone) {
  HangEvery(1);
  {
    ReadBatch batch(file_.fd(), 0, Ranges(30));
    Run(&batch, kSoonUs);
    for (size_t i = 0; i < batch.size(); ++i) {
      EXPECT_EQ(batch[i].result, -ETIMEDOUT) << i;
      EXPECT_EQ(batch[i].end, IoEnd::kAbandoned) << i;
    }
  }
  EXPECT_EQ(reads_->abandoned(), 30u);
  EXPECT_EQ(reads_->abandoned_bytes(), 30u * 4096);
  EXPECT_EQ(Event(StatEvent::kDeadlineMissed), 30u);
  EXPECT_EQ(Event(StatEvent::kDeadlineAbandoned), 30u);
  kernel_.StopWithholding();
  EXPECT_TRUE(Settles());
  ReadBatch again(file_.fd(), 0, Ranges(30));
  Run(&again, kInAMinuteUs);
  EXPECT_TRUE(again.Matches(file_.model()));
}

TEST_F(LoopDeadlineTest, TheThreadGoesOnMeanwhile) {
  HangEvery(2);
  ReadBatch batch(file_.fd(), 0, Ranges(100));
  Submit(&batch, kInAMinuteUs);
  while (completed_ < 50) {
    std::this_thread::yield();
  }
  bool ran = false;
  work_->AddAndWait([&ran] { ran = true; });
  EXPECT_TRUE(ran);
  EXPECT_EQ(completed_, 50u);
  kernel_.StopWithholding();
  while (completed_ < 100) {
    std::this_thread::yield();
  }
  EXPECT_TRUE(batch.Matches(file_.model()));
}

TEST_F(LoopDeadlineTest, WhatHasNotBegunIsTakenBack) {
  work_.reset();
  reads_.reset();
  engine_.reset();
  MakeEngine(kernel_.factory(), /*queue_depth=*/8);
  Start();
  Limit(8 << 20, 2000);
  HangEvery(1);
  ReadBatch batch(file_.fd(), 0, Ranges(500));
  Run(&batch, kSoonUs);
  size_t begun = 0;
  for (size_t i = 0; i < batch.size(); ++i) {
    EXPECT_EQ(batch[i].result, -ETIMEDOUT) << i;
    begun += batch[i].end == IoEnd::kAbandoned ? 1 : 0;
  }
  EXPECT_EQ(begun, kernel_.withheld());
  EXPECT_LT(begun, batch.size());
  EXPECT_EQ(reads_->abandoned(), begun);
}

TEST_F(LoopDeadlineTest, LimitsRefuseAtOnce) {
  Limit(1 << 20, 4);
  HangEvery(1);
  ReadBatch batch(file_.fd(), 0, Ranges(4));
  Run(&batch, kSoonUs);
  ReadBatch another(file_.fd(), 0, Ranges(2));
  Run(&another, kInAMinuteUs);
  EXPECT_EQ(another[0].end, IoEnd::kTooMany);
  EXPECT_EQ(another[1].end, IoEnd::kTooMany);
  EXPECT_EQ(Event(StatEvent::kDeadlineRefused), 2u);
}

TEST_F(LoopDeadlineTest, POSIXReadsWhatNoRingTakes) {
  // A ring takes this offset for the position of the descriptor.
  ReadBatch batch(file_.fd(), 0, {{UINT64_MAX, 1000}, {2000, 1000}});
  Run(&batch, kInAMinuteUs);
  EXPECT_EQ(batch[0].result, -EINVAL);
  EXPECT_TRUE(batch.Matches(file_.model(), 1));
  kernel_.SetSubmitError(-EBADF);
  kernel_.SetFactoryError(-ENOMEM);
  ReadBatch others(file_.fd(), 0, Ranges(20));
  Run(&others, kInAMinuteUs);
  EXPECT_TRUE(others.Matches(file_.model()));
}

TEST_F(LoopDeadlineTest, HidesFaultsOfAllKinds) {
  Limit(64 << 20, 10000);
  for (uint64_t round = 0; round < 20; ++round) {
    kernel_.SetRandomFaults(TestSeed() + round);
    ReadBatch batch(file_.fd(), 0, Ranges(200));
    Run(&batch, round % 2 == 0 ? kInAMinuteUs : 200);
    for (size_t i = 0; i < batch.size(); ++i) {
      EXPECT_TRUE(batch[i].result == -ETIMEDOUT ||
                  batch.Matches(file_.model(), i));
    }
  }
}

// As when a database is closed whose device does not answer.
TEST_F(LoopDeadlineTest, ItsEndDoesNotWaitForThem) {
  HangEvery(1);
  ReadBatch batch(file_.fd(), 0, Ranges(10));
  Run(&batch, kSoonUs);
  End();
  EXPECT_EQ(reads_->abandoned(), 10u);
  EXPECT_FALSE(released_);
  InFlightReport report;
  engine_->AddInFlight(&report);
  EXPECT_EQ(report.operations, 10u);
}

TEST_F(LoopDeadlineTest, ItsEndWaitsForThemWhereNoThreadCanBeHad) {
  HangEvery(1);
  ReadBatch batch(file_.fd(), 0, Ranges(10));
  Run(&batch, kSoonUs);
  Threads releases;
  releases.Start([this] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    kernel_.StopWithholding();
  });
  {
    ended_ = true;
    const std::shared_ptr<const void> engine(
        &released_, [this](const void*) { released_ = true; });
    std::unique_ptr<RingLoop> loop = work_->Release();
    // That of the thread's state.
    const FailingAllocation failing(1);
    RingLoop::End(std::move(loop), engine);
    EXPECT_TRUE(failing.failed());
    EXPECT_EQ(reads_->abandoned(), 0u);
    EXPECT_EQ(engine.use_count(), 1);
  }
}

TEST_F(LoopDeadlineTest, ItsEndWaitsForTheOthers) {
  HangEvery(1);
  ReadBatch batch(file_.fd(), 0, Ranges(10));
  Submit(&batch, 20000);
  End();
  EXPECT_EQ(completed_, 10u);
  for (size_t i = 0; i < batch.size(); ++i) {
    EXPECT_EQ(batch[i].end, IoEnd::kAbandoned) << i;
  }
}

TEST_F(LoopDeadlineTest, OnTheRealRing) {
  SkipWithoutRing();
  work_.reset();
  reads_.reset();
  MakeEngine(CreateRing);
  Start();
  Limit(64 << 20, 100);
  for (int round = 0; round < 10; ++round) {
    ReadBatch batch(file_.fd(), 0, Ranges(500));
    Run(&batch, kInAMinuteUs);
    EXPECT_TRUE(batch.Matches(file_.model()));
  }
  // A pipe without data: the read stays in the kernel, and can be cancelled.
  int pipe_fds[2];
  ASSERT_EQ(pipe(pipe_fds), 0);
  ReadBatch batch(pipe_fds[0], 0, {{0, 1}});
  Run(&batch, kSoonUs);
  EXPECT_EQ(batch[0].result, -ETIMEDOUT);
  EXPECT_TRUE(Settles());
  close(pipe_fds[0]);
  close(pipe_fds[1]);
}

}  // namespace
}  // namespace rocksdb_uring
