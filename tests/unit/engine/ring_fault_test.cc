// Every fault of a ring at every place: each of its calls at every position,
// rings that die with operations of every kind in flight, threads that are
// gone, and a breaker that opens and closes under load.
//
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "tests/unit/engine/async_fixture.h"

namespace rocksdb_uring {
namespace {

// EINTR and EAGAIN from every call of a ring at every position.
class RingCalls : public AsyncFixture {
 protected:
  void ExpectAllWell() {
    RunOptions options;
    options.path = PathChoice::kUring;
    ReadBatch waited(file_.fd(), 0, Ranges(40));
    engine_->Run(waited.ops(), waited.size(), options);
    EXPECT_TRUE(waited.Matches(file_.model()));
    ReadBatch submitted(file_.fd(), 0, Ranges(40));
    SubmitAll(&submitted);
    WaitAll(&submitted);
    EXPECT_TRUE(submitted.Matches(file_.model()));
    IoOp sync;
    sync.kind = IoKind::kFsync;
    sync.fd = file_.fd();
    engine_->Run(&sync, 1, options);
    EXPECT_EQ(sync.result, 0);
  }
  void CompleteLate() {
    kernel_.SetRequestScript([](const RingRequest&, uint64_t ordinal) {
      FakeKernel::Verdict verdict;
      verdict.calls_late = ordinal % 3;
      return verdict;
    });
  }
};

TEST_F(RingCalls, InterruptedOrRefusedOnceAtEveryPosition) {
  MakeEngine(kernel_.factory(), 8);
  CompleteLate();
  for (const int error : {-EINTR, -EAGAIN, -EBUSY, -ENOMEM}) {
    for (const bool at_submission : {true, false}) {
      auto hit = std::make_shared<std::atomic<bool>>(true);
      for (uint64_t nth = 0; *hit; ++nth) {
        *hit = false;
        const FakeKernel::Observations seen = kernel_.observations();
        const uint64_t position =
            (at_submission ? seen.submits : seen.waits) + nth;
        if (at_submission) {
          kernel_.SetSubmitScript([=](unsigned, uint64_t ordinal) {
            *hit = *hit || ordinal == position;
            return ordinal == position ? error : FakeKernel::kAll;
          });
        } else {
          kernel_.SetWaitScript([=](uint64_t ordinal) {
            *hit = *hit || ordinal == position;
            return ordinal == position ? error : 0;
          });
        }
        ExpectAllWell();
        ASSERT_FALSE(HasFailure()) << error << " at " << nth;
      }
      kernel_.SetSubmitScript(nullptr);
      kernel_.SetWaitScript(nullptr);
    }
  }
  EXPECT_EQ(calls_.count(FakeSystemCalls::kFsync), 0u)
      << "the ring was not given up";
}

TEST_F(RingCalls, MakingOneFailsForAMoment) {
  for (const int error : {-EINTR, -EAGAIN, -ENOMEM, -EMFILE, -ENFILE}) {
    MakeEngine(kernel_.factory());
    kernel_.SetFactoryError(error);
    RunOptions options;
    options.path = PathChoice::kUring;
    ReadBatch first(file_.fd(), 0, Ranges(10));
    engine_->Run(first.ops(), first.size(), options);
    EXPECT_TRUE(first.Matches(file_.model()));
    EXPECT_NE(first[0].path, IoPath::kRing);
    kernel_.SetFactoryError(0);
    ReadBatch second(file_.fd(), 0, Ranges(10));
    engine_->Run(second.ops(), second.size(), options);
    EXPECT_TRUE(second.Matches(file_.model()));
    EXPECT_EQ(second[0].path, IoPath::kRing);
  }
}

// As the kernel fails requests of threads that are gone.
TEST_F(RingCalls, RequestsOfAThreadThatIsGoneFail) {
  for (const int error : {-ECANCELED, -EFAULT}) {
    kernel_.SetRequestScript([=](const RingRequest&, uint64_t) {
      FakeKernel::Verdict verdict;
      verdict.withheld = true;
      verdict.error = error;
      return verdict;
    });
    const uint64_t rescues = Event(StatEvent::kPosixRescue);
    ReadBatch batch(file_.fd(), 0, Ranges(50));
    Threads submitter;
    submitter.Start([&] { SubmitAll(&batch); });
    submitter.Join();
    EXPECT_EQ(kernel_.ReleaseAll(/*newest_first=*/true), 50u);
    WaitAll(&batch);
    EXPECT_TRUE(batch.Matches(file_.model()));
    EXPECT_EQ(Event(StatEvent::kPosixRescue), rescues + 50);
    EXPECT_EQ(batch[49].path, IoPath::kPosix);
  }
}

// Completions that nobody asked for among thousands on the smallest queues.
TEST_F(RingCalls, ThousandsOnTheSmallestQueues) {
  for (const uint32_t depth : {2, 3, 8}) {
    MakeEngine(kernel_.factory(), depth);
    std::atomic<bool> stop{false};
    Threads stranger;
    stranger.Start([&] {
      for (uint64_t tag = 0; !stop; ++tag) {
        kernel_.CompleteUnknown(0xdeadbeef00000000 | tag % 64);
        std::this_thread::yield();
      }
    });
    Threads threads;
    for (size_t t = 0; t < 4; ++t) {
      threads.Start([&] {
        for (int round = 0; round < 3; ++round) {
          ReadBatch batch(file_.fd(), 0, Ranges(1000));
          SubmitAll(&batch);
          WaitAll(&batch);
          EXPECT_TRUE(batch.Matches(file_.model()));
        }
      });
    }
    threads.Join();
    stop = true;
    stranger.Join();
    EXPECT_LE(kernel_.observations().in_flight_max,
              UringEngine::InFlightMax(8));
  }
  EXPECT_GT(Event(StatEvent::kUnknownCompletion), 0u);
}

TEST_F(RingCalls, ThousandsOnTheSmallestRealQueue) {
  SkipWithoutRing();
  MakeEngine(CreateRing, EngineOptions::kQueueDepthMin);
  Threads threads;
  for (size_t t = 0; t < 4; ++t) {
    threads.Start([&] {
      file_.DropCache();
      ReadBatch batch(file_.fd(), 0, Ranges(2000));
      SubmitAll(&batch);
      WaitAll(&batch);
      EXPECT_TRUE(batch.Matches(file_.model()));
    });
  }
  threads.Join();
  EXPECT_GT(statistics_.Snapshot().op(StatKind::kRead, IoPath::kRing).count,
            4000u);
}

// Reads, writes and a sync in flight when the kernel says for good that the
// ring cannot be submitted to, or cannot be waited for.
class DeadRing : public AsyncFixture,
                 public ::testing::WithParamInterface<int> {
 protected:
  static constexpr size_t kEach = 30;

  void StartAll(ReadBatch* reads, std::vector<std::unique_ptr<IoOp>>* writes) {
    SubmitAll(reads);
    for (size_t i = 0; i <= kEach; ++i) {
      writes->push_back(std::make_unique<IoOp>());
      IoOp* const op = writes->back().get();
      op->fd = file_.fd();
      op->kind = i < kEach ? IoKind::kWrite : IoKind::kFdatasync;
      op->buffer = bytes_.data() + i * 100;
      op->length = i < kEach ? 100 : 0;
      op->offset = (1 << 20) + i * 100;
      ASSERT_EQ(engine_->Submit(&op, 1), 1u);
    }
  }
  void ExpectAllDone(ReadBatch* reads,
                     const std::vector<std::unique_ptr<IoOp>>& writes) {
    WaitAll(reads);
    EXPECT_TRUE(reads->Matches(file_.model()));
    for (const auto& op : writes) {
      EXPECT_TRUE(engine_->Wait(op.get()));
      EXPECT_EQ(op->result, static_cast<int64_t>(op->length));
    }
    file_.model().replace(1 << 20, kEach * 100, bytes_);
    EXPECT_TRUE(file_.Contents() == file_.model());
    EXPECT_EQ(engine_->Poll(), 0u);
  }

  std::string bytes_ = RandomBytes(kEach * 100, 5);
};

TEST_P(DeadRing, CannotBeWaitedFor) {
  kernel_.WithholdAll();
  ReadBatch reads(file_.fd(), 0, Ranges(kEach));
  std::vector<std::unique_ptr<IoOp>> writes;
  StartAll(&reads, &writes);
  Threads waiter;
  waiter.Start([&] { EXPECT_TRUE(engine_->Wait(&reads[0])); });
  ASSERT_TRUE(kernel_.AwaitWaiting(1));
  kernel_.SetWaitError(GetParam());
  while (kernel_.waiting() > 0) {
    std::this_thread::yield();
  }
  kernel_.StopWithholding();
  ExpectAllDone(&reads, writes);
  waiter.Join();
  // The next one finds the ring gone.
  kernel_.SetWaitError(0);
  ReadBatch next(file_.fd(), 0, Ranges(5));
  SubmitAll(&next);
  WaitAll(&next);
  EXPECT_TRUE(next.Matches(file_.model()));
  EXPECT_EQ(Event(StatEvent::kRingRetired), 1u);
  // One of them for the trial of syncs.
  EXPECT_EQ(kernel_.observations().rings_made, 3u);
}

TEST_P(DeadRing, CannotBeSubmittedTo) {
  for (int consumed = 0; consumed < 70; consumed += 3) {
    MakeEngine(kernel_.factory());
    kernel_.WithholdAll();
    kernel_.SetSubmitScript(
        [=, left = consumed](unsigned prepared, uint64_t) mutable {
          const int now = std::min(left, static_cast<int>(prepared));
          left -= now;
          return now > 0 ? now : GetParam();
        });
    const uint64_t retired = Event(StatEvent::kRingRetired);
    ReadBatch reads(file_.fd(), 0, Ranges(kEach));
    const std::vector<IoOp*> ops = reads.pointers();
    const size_t taken = engine_->Submit(ops.data(), ops.size());
    kernel_.StopWithholding();
    for (size_t i = 0; i < taken; ++i) {
      EXPECT_TRUE(engine_->Wait(ops[i]));
      EXPECT_TRUE(reads.Matches(file_.model(), i));
    }
    kernel_.SetSubmitScript(nullptr);
    std::vector<std::unique_ptr<IoOp>> writes;
    ReadBatch more(file_.fd(), 0, Ranges(kEach));
    StartAll(&more, &writes);
    ExpectAllDone(&more, writes);
    // Those of the kernel's that it took are the ring's last.
    EXPECT_EQ(Event(StatEvent::kRingRetired),
              retired + (consumed < static_cast<int>(kEach) ? 1 : 0));
  }
}

INSTANTIATE_TEST_SUITE_P(Errors, DeadRing,
                         ::testing::Values(-EBADF, -ENXIO, -EFAULT, -EINVAL));

// Rings refuse everything for a while, with threads at work all the time.
class BreakerUnderLoad : public AsyncFixture {
 protected:
  void Work() {
    RunOptions options;
    options.path = PathChoice::kUring;
    while (!stop_) {
      ReadBatch waited(file_.fd(), 0, Ranges(20));
      engine_->Run(waited.ops(), waited.size(), options);
      EXPECT_TRUE(waited.Matches(file_.model()));
      ReadBatch submitted(file_.fd(), 0, Ranges(20));
      const std::vector<IoOp*> ops = submitted.pointers();
      const size_t taken = engine_->Submit(ops.data(), ops.size());
      for (size_t i = 0; i < taken; ++i) {
        EXPECT_TRUE(engine_->Wait(ops[i]));
        EXPECT_TRUE(submitted.Matches(file_.model(), i));
      }
      ++rounds_;
    }
  }
  uint64_t RingReads() {
    return statistics_.Snapshot().op(StatKind::kRead, IoPath::kRing).count;
  }
  void AwaitRounds(uint64_t more) {
    for (const uint64_t wanted = rounds_ + more; rounds_ < wanted;) {
      std::this_thread::yield();
    }
  }

  std::atomic<bool> stop_{false};
  std::atomic<uint64_t> rounds_{0};
};

TEST_F(BreakerUnderLoad, OpensAndClosesAgain) {
  Threads threads;
  for (int t = 0; t < 4; ++t) {
    threads.Start([this] { Work(); });
  }
  for (uint64_t opened = 0; opened < 3; ++opened) {
    AwaitRounds(20);
    kernel_.SetSubmitError(-EPERM);
    kernel_.SetFactoryError(-EPERM);
    while (Event(StatEvent::kBreakerOpened) <= opened) {
      std::this_thread::yield();
    }
    // Everything goes through POSIX now; what was under way ends.
    AwaitRounds(20);
    const uint64_t submits = kernel_.observations().submits;
    AwaitRounds(100);
    // One trial at a time, with pauses between.
    EXPECT_LT(kernel_.observations().submits, submits + 50);
    kernel_.SetSubmitError(0);
    kernel_.SetFactoryError(0);
    const uint64_t before = RingReads();
    while (RingReads() < before + 100) {
      std::this_thread::yield();
    }
  }
  stop_ = true;
  threads.Join();
  EXPECT_EQ(engine_->asynchronous(), true);
}

}  // namespace
}  // namespace rocksdb_uring
