// Threads with a ring of their own: what they run, where reads come back, and
// how they end.
//
// SPDX-License-Identifier: Apache-2.0
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "tests/unit/engine/async_fixture.h"
#include "tests/unit/engine/loop_work.h"

namespace rocksdb_uring {
namespace {

using std::chrono::milliseconds;

class RingLoopTest : public AsyncFixture {
 protected:
  void SetUp() override { Start(); }
  void TearDown() override {
    work_->Stop();
    AsyncFixture::TearDown();
  }

  void Start() {
    work_ = std::make_unique<LoopWork>();
    ASSERT_TRUE(work_->StartOn(
        [this](RingLoop::Work* work) { return engine_->StartLoop(work); }));
  }
  void Restart(RingFactory factory) {
    work_->Stop();
    MakeEngine(std::move(factory));
    Start();
  }

  // Submits the batch on the loop, all at once.
  void SubmitOnLoop(ReadBatch* batch) {
    work_->AddAndWait([this, batch] { SubmitHere(batch); });
  }
  // The same for the loop's thread.
  void SubmitHere(ReadBatch* batch) {
    for (size_t i = 0; i < batch->size(); ++i) {
      IoOp* const op = &(*batch)[i];
      op->context = this;
      op->callback = [](IoOp* completed) {
        static_cast<RingLoopTest*>(completed->context)->Completed();
      };
      RingLoop::Current()->Submit(op);
    }
  }
  void Completed() {
    elsewhere_ += RingLoop::Current() == work_->loop() ? 0 : 1;
    ++completed_;
  }
  void AwaitCompleted(size_t count) const {
    while (completed_ < count) {
      std::this_thread::yield();
    }
  }
  // Reads the batch and checks it.
  void ReadOnLoop(ReadBatch* batch) {
    completed_ = 0;
    SubmitOnLoop(batch);
    AwaitCompleted(batch->size());
    EXPECT_TRUE(batch->Matches(file_.model()));
    EXPECT_EQ(elsewhere_, 0u);
  }

  std::unique_ptr<LoopWork> work_;
  std::atomic<size_t> completed_{0};
  std::atomic<size_t> elsewhere_{0};
};

TEST_F(RingLoopTest, RunsWorkOnItsThread) {
  EXPECT_EQ(RingLoop::Current(), nullptr);
  for (int i = 0; i < 100; ++i) {
    RingLoop* current = nullptr;
    work_->AddAndWait([&current] { current = RingLoop::Current(); });
    ASSERT_EQ(current, work_->loop());
  }
  EXPECT_EQ(kernel_.observations().rings_made, 0u) << "nothing was read";
}

TEST_F(RingLoopTest, ReadsComeBackOnItsThread) {
  ReadBatch batch(file_.fd(), 0, Ranges(100));
  ReadOnLoop(&batch);
  EXPECT_EQ(calls_.total(), 0u);
  EXPECT_EQ(kernel_.observations().rings_made, 1u);
  EXPECT_EQ(statistics_.Snapshot().op(StatKind::kRead, IoPath::kRing).count,
            100u);
}

TEST_F(RingLoopTest, ReadsOfOneRoundGoToTheKernelTogether) {
  ReadBatch batch(file_.fd(), 0, Ranges(64));
  ReadOnLoop(&batch);
  EXPECT_LE(Event(StatEvent::kSubmitCall), 8u);
}

TEST_F(RingLoopTest, MoreReadsThanTheRingHoldsWait) {
  ReadBatch batch(file_.fd(), 0, Ranges(3000));
  ReadOnLoop(&batch);
  EXPECT_LE(kernel_.observations().in_flight_max, UringEngine::InFlightMax(64));
}

TEST_F(RingLoopTest, WorkRunsWhileReadsAreInFlight) {
  kernel_.WithholdAll();
  ReadBatch batch(file_.fd(), 0, Ranges(10));
  SubmitOnLoop(&batch);
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(kernel_.AwaitWaiting(1));
    bool ran = false;
    work_->AddAndWait([&ran] { ran = true; });
    ASSERT_TRUE(ran);
  }
  EXPECT_EQ(completed_, 0u);
  kernel_.StopWithholding();
  AwaitCompleted(10);
  EXPECT_TRUE(batch.Matches(file_.model()));
}

TEST_F(RingLoopTest, WorkRunsThoughTheWakingRequestIsRefused) {
  kernel_.WithholdAll();
  ReadBatch batch(file_.fd(), 0, Ranges(10));
  SubmitOnLoop(&batch);
  ASSERT_TRUE(kernel_.AwaitWaiting(1));
  kernel_.SetSubmitError(-EBUSY);
  bool ran = false;
  work_->AddAndWait([&ran] { ran = true; });
  EXPECT_TRUE(ran);
  kernel_.SetSubmitError(0);
  kernel_.StopWithholding();
  AwaitCompleted(10);
}

TEST_F(RingLoopTest, AnIdleLoopDoesNothing) {
  ReadBatch batch(file_.fd(), 0, Ranges(10));
  ReadOnLoop(&batch);
  work_->AddAndWait([] {});
  std::this_thread::sleep_for(milliseconds(20));
  const uint64_t waits = kernel_.observations().waits;
  std::this_thread::sleep_for(milliseconds(50));
  EXPECT_EQ(kernel_.observations().waits, waits);
  EXPECT_EQ(kernel_.waiting(), 0u);
}

TEST_F(RingLoopTest, POSIXReadsWhatTheRingFails) {
  kernel_.SetRequestScript([](const RingRequest&, uint64_t n) {
    FakeKernel::Verdict verdict;
    verdict.error = n % 2 == 0 ? -EIO : 0;
    return verdict;
  });
  ReadBatch batch(file_.fd(), 0, Ranges(20));
  ReadOnLoop(&batch);
  EXPECT_EQ(Event(StatEvent::kPosixRescue), 10u);
}

TEST_F(RingLoopTest, POSIXFinishesShortReads) {
  kernel_.SetRequestScript([](const RingRequest&, uint64_t) {
    FakeKernel::Verdict verdict;
    verdict.bytes_max = 10;
    return verdict;
  });
  ReadBatch batch(file_.fd(), 0, Ranges(20));
  ReadOnLoop(&batch);
}

TEST_F(RingLoopTest, POSIXReadsWithoutARing) {
  kernel_.SetFactoryError(-EPERM);
  ReadBatch batch(file_.fd(), 0, Ranges(20));
  ReadOnLoop(&batch);
  EXPECT_EQ(statistics_.Snapshot().op(StatKind::kRead, IoPath::kPosix).count,
            20u);
}

TEST_F(RingLoopTest, POSIXReadsWhatADeadRingNeverTook) {
  ReadBatch first(file_.fd(), 0, Ranges(10));
  ReadOnLoop(&first);
  kernel_.SetSubmitError(-EBADF);
  ReadBatch second(file_.fd(), 0, Ranges(50));
  ReadOnLoop(&second);
  EXPECT_GT(Event(StatEvent::kRingRetired), 0u);
}

TEST_F(RingLoopTest, ARingThatCannotBeWaitedOnIsGivenUp) {
  kernel_.WithholdAll();
  ReadBatch batch(file_.fd(), 0, Ranges(10));
  SubmitOnLoop(&batch);
  ASSERT_TRUE(kernel_.AwaitWaiting(1));
  kernel_.SetWaitError(-EBADF);
  std::this_thread::sleep_for(milliseconds(20));
  kernel_.StopWithholding();
  AwaitCompleted(10);
  EXPECT_TRUE(batch.Matches(file_.model()));
  kernel_.SetWaitError(0);
}

TEST_F(RingLoopTest, AKernelThatTakesNothingForLongLosesTheReadsToPOSIX) {
  kernel_.SetSubmitError(-EBUSY);
  ReadBatch batch(file_.fd(), 0, Ranges(30));
  ReadOnLoop(&batch);
  EXPECT_EQ(Event(StatEvent::kPosixRescue), 30u);
  kernel_.SetSubmitError(0);
}

TEST_F(RingLoopTest, HidesFaultsOfAllKinds) {
  for (uint64_t round = 0; round < 20; ++round) {
    kernel_.SetRandomFaults(TestSeed() + round);
    ReadBatch batch(file_.fd(), 0, Ranges(200));
    ReadOnLoop(&batch);
  }
}

TEST_F(RingLoopTest, OnTheRealRing) {
  SkipWithoutRing();
  Restart(CreateRing);
  for (int round = 0; round < 20; ++round) {
    ReadBatch batch(file_.fd(), 0, Ranges(500));
    ReadOnLoop(&batch);
  }
  EXPECT_EQ(statistics_.Snapshot().op(StatKind::kRead, IoPath::kRing).count,
            10000u);
}

TEST_F(RingLoopTest, WorkWakesTheRealRing) {
  SkipWithoutRing();
  Restart(CreateRing);
  // A pipe without data: the read stays in the kernel.
  int pipe_fds[2];
  ASSERT_EQ(pipe(pipe_fds), 0);
  ReadBatch batch(pipe_fds[0], 0, {{0, 1}});
  SubmitOnLoop(&batch);
  std::this_thread::sleep_for(milliseconds(2));
  const auto submit_calls = [this] {
    return statistics_.Snapshot().event(StatEvent::kSubmitCall);
  };
  const uint64_t before = submit_calls();
  for (int i = 0; i < 100; ++i) {
    work_->AddAndWait([] {});
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  // By a request that does nothing, not only by its looks every 5 ms.
  EXPECT_GT(submit_calls(), before);
  ASSERT_EQ(write(pipe_fds[1], "x", 1), 1);
  AwaitCompleted(1);
  EXPECT_EQ(batch[0].result, 1);
  close(pipe_fds[0]);
  close(pipe_fds[1]);
}

TEST_F(RingLoopTest, ReportsWhatIsInFlight) {
  kernel_.WithholdAll();
  ReadBatch batch(file_.fd(), 0, Ranges(7));
  SubmitOnLoop(&batch);
  ASSERT_TRUE(kernel_.AwaitWithheld(7));
  InFlightReport report;
  engine_->AddInFlight(&report);
  EXPECT_EQ(report.operations, 7u);
  kernel_.StopWithholding();
  AwaitCompleted(7);
}

TEST_F(RingLoopTest, ItsEndWaitsForReadsInFlight) {
  kernel_.WithholdAll();
  ReadBatch batch(file_.fd(), 0, Ranges(10));
  SubmitOnLoop(&batch);
  Threads releases;
  releases.Start([this] {
    std::this_thread::sleep_for(milliseconds(20));
    EXPECT_EQ(completed_, 0u);
    kernel_.StopWithholding();
  });
  work_->Stop();
  EXPECT_EQ(completed_, 10u);
}

TEST_F(RingLoopTest, ItsOwnThreadMayEndIt) {
  ReadBatch batch(file_.fd(), 0, Ranges(10));
  std::atomic<bool> added{false};
  std::atomic<bool> ended{false};
  work_->Add([this, &batch, &added, &ended] {
    // Nothing is added any more when the loop ends.
    while (!added) {
      std::this_thread::yield();
    }
    SubmitHere(&batch);
    work_->Stop();
    EXPECT_EQ(RingLoop::Current(), nullptr);
    EXPECT_EQ(completed_, 10u);
    ended = true;
  });
  added = true;
  while (!ended) {
    std::this_thread::yield();
  }
  EXPECT_TRUE(batch.Matches(file_.model()));
  // The thread leaves LoopWork, which this thread is about to destroy.
  std::this_thread::sleep_for(milliseconds(20));
}

TEST_F(RingLoopTest, AForkedChildHasNoLoop) {
  int status = 0;
  work_->AddAndWait([&status] {
    const pid_t child = fork();
    if (child == 0) {
      _exit(RingLoop::Current() == nullptr ? 0 : 1);
    }
    waitpid(child, &status, 0);
  });
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

}  // namespace
}  // namespace rocksdb_uring
