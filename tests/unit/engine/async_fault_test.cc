// Asynchronous operations when they are cancelled, when completions go wrong,
// and when the ring dies.
//
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>
#include <memory>
#include <vector>

#include "tests/unit/engine/async_fixture.h"

namespace rocksdb_uring {
namespace {

// The rest of the completion queue is kept for cancel requests.
constexpr size_t kCapacity = UringEngine::InFlightMax(64) - 16;

class Cancel : public AsyncFixture {};

TEST_F(Cancel, InFlight) {
  kernel_.WithholdAll();
  ReadBatch batch(file_.fd(), 0, Ranges(10));
  SubmitAll(&batch);
  engine_->Cancel(&batch[3]);
  EXPECT_TRUE(engine_->Wait(&batch[3]));
  EXPECT_EQ(batch[3].result, -ECANCELED);
  EXPECT_EQ(calls_.total(), 0u) << "what is cancelled is not read again";
  EXPECT_EQ(kernel_.withheld(), 9u);
  kernel_.StopWithholding();
  WaitAll(&batch);
  EXPECT_TRUE(batch.Matches(file_.model(), 2));
}

TEST_F(Cancel, WhatTheDeviceIsDoingCompletesWithItsResult) {
  kernel_.SetRequestScript([](const RingRequest&, uint64_t) {
    FakeKernel::Verdict verdict;
    verdict.withheld = true;
    verdict.cancelable = false;
    return verdict;
  });
  ReadBatch batch(file_.fd(), 0, Ranges(1));
  SubmitAll(&batch);
  engine_->Cancel(&batch[0]);
  EXPECT_FALSE(engine_->Wait(&batch[0], 1000));
  kernel_.StopWithholding();
  WaitAll(&batch);
  EXPECT_TRUE(batch.Matches(file_.model()));
}

TEST_F(Cancel, CompletedOrNeverSubmittedIsNoHarm) {
  ReadBatch batch(file_.fd(), 0, Ranges(2));
  IoOp* op = &batch[0];
  ASSERT_EQ(engine_->Submit(&op, 1), 1u);
  EXPECT_TRUE(engine_->Wait(op));
  engine_->Cancel(op);
  engine_->Cancel(&batch[1]);
  EXPECT_TRUE(batch.Matches(file_.model(), 0));
  EXPECT_EQ(batch[1].state(), IoState::kIdle);
  EXPECT_EQ(kernel_.observations().cancels, 0u);
}

TEST_F(Cancel, TwiceCompletesOnce) {
  kernel_.WithholdAll();
  ReadBatch batch(file_.fd(), 0, Ranges(1));
  static int calls;
  calls = 0;
  batch[0].callback = [](IoOp*) { ++calls; };
  SubmitAll(&batch);
  engine_->Cancel(&batch[0]);
  engine_->Cancel(&batch[0]);
  EXPECT_EQ(engine_->Poll(), 1u);
  EXPECT_EQ(batch[0].result, -ECANCELED);
  EXPECT_EQ(calls, 1);
}

class CancelQueued : public AsyncFixture {
 protected:
  void SetUp() override {
    kernel_.WithholdAll();
    SubmitAll(&batch_);
    ASSERT_EQ(Last()->state(), IoState::kQueued);
  }
  void TearDown() override {
    kernel_.StopWithholding();
    WaitAll(&batch_);
    AsyncFixture::TearDown();
  }
  IoOp* Last() { return &batch_[kCapacity]; }

  ReadBatch batch_{file_.fd(), 0, Ranges(kCapacity + 1)};
};

TEST_F(CancelQueued, CompletesAtOnce) {
  engine_->Cancel(Last());
  EXPECT_TRUE(Last()->completed());
  EXPECT_EQ(Last()->result, -ECANCELED);
  EXPECT_TRUE(engine_->Wait(Last()));
}

TEST_F(CancelQueued, WakesAFollowerThatWaitsForIt) {
  Threads leader;
  leader.Start([&] { engine_->Wait(&batch_[0]); });
  ASSERT_TRUE(kernel_.AwaitWaiting(1));
  Threads follower;
  follower.Start([&] { EXPECT_TRUE(engine_->Wait(Last())); });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  engine_->Cancel(Last());
  follower.Join();
  kernel_.StopWithholding();
}

TEST_F(CancelQueued, WakesALeaderThatWaitsForIt) {
  Threads leader;
  leader.Start([&] { EXPECT_TRUE(engine_->Wait(Last())); });
  ASSERT_TRUE(kernel_.AwaitWaiting(1));
  engine_->Cancel(Last());
  leader.Join();
}

TEST_F(CancelQueued, InFlightIsCancelledAlsoWhenNothingFits) {
  engine_->Cancel(&batch_[7]);
  EXPECT_TRUE(engine_->Wait(&batch_[7]));
  EXPECT_EQ(batch_[7].result, -ECANCELED);
}

TEST_F(CancelQueued, AllAtOnceAllEnd) {
  for (size_t i = 0; i < batch_.size(); ++i) {
    engine_->Cancel(&batch_[i]);
  }
  for (size_t i = 0; i < batch_.size(); ++i) {
    EXPECT_TRUE(engine_->Wait(&batch_[i]));
    EXPECT_EQ(batch_[i].result, -ECANCELED);
  }
  EXPECT_EQ(kernel_.withheld(), 0u);
}

// The submission queue is full of what the kernel does not take at the moment:
// a cancel request has to wait.
TEST_F(Cancel, WaitsForRoomOnTheQueue) {
  MakeEngine(kernel_.factory(), 8);
  kernel_.WithholdAll();
  ReadBatch first(file_.fd(), 0, Ranges(1));
  SubmitAll(&first);
  kernel_.SetSubmitError(-EAGAIN);
  ReadBatch more(file_.fd(), 0, Ranges(20));
  SubmitAll(&more);
  engine_->Cancel(&first[0]);
  EXPECT_EQ(kernel_.observations().cancels, 0u);
  EXPECT_FALSE(first[0].completed());
  kernel_.SetSubmitError(0);
  EXPECT_TRUE(engine_->Wait(&first[0]));
  EXPECT_EQ(first[0].result, -ECANCELED);
  kernel_.StopWithholding();
  WaitAll(&more);
  EXPECT_TRUE(more.Matches(file_.model()));
}

class Completions : public AsyncFixture {};

TEST_F(Completions, ThatFailAreRescued) {
  kernel_.SetRequestScript([](const RingRequest&, uint64_t ordinal) {
    constexpr int kErrors[] = {-EIO,       -EAGAIN, -EINTR, -EFAULT,
                               -ECANCELED, -EINVAL, 0};
    FakeKernel::Verdict verdict;
    verdict.error = kErrors[ordinal % 7];
    return verdict;
  });
  ReadBatch batch(file_.fd(), 0, Ranges(70));
  SubmitAll(&batch);
  WaitAll(&batch);
  EXPECT_TRUE(batch.Matches(file_.model()));
  EXPECT_EQ(Event(StatEvent::kPosixRescue), 60u);
  EXPECT_EQ(calls_.count(FakeSystemCalls::kPread), 60u);
}

TEST_F(Completions, ThatAreShortAreFinished) {
  kernel_.SetRequestScript([](const RingRequest&, uint64_t ordinal) {
    FakeKernel::Verdict verdict;
    verdict.bytes_max = static_cast<int64_t>(ordinal);
    return verdict;
  });
  ReadBatch batch(file_.fd(), 0, Ranges(1010));
  SubmitAll(&batch);
  WaitAll(&batch);
  EXPECT_TRUE(batch.Matches(file_.model()));
}

TEST_F(Completions, OfFailedSyncsAreFinal) {
  kernel_.SetRequestScript([](const RingRequest&, uint64_t) {
    FakeKernel::Verdict verdict;
    verdict.error = -EIO;
    return verdict;
  });
  IoOp op;
  op.kind = IoKind::kFsync;
  op.fd = file_.fd();
  ASSERT_TRUE(engine_->IoEngine::Submit(&op));
  EXPECT_TRUE(engine_->Wait(&op));
  EXPECT_EQ(op.result, -EIO);
  EXPECT_EQ(calls_.total(), 0u);
}

TEST_F(Completions, ThatNameNobodyAreCountedAndIgnored) {
  kernel_.WithholdAll();
  ReadBatch batch(file_.fd(), 0, Ranges(10));
  SubmitAll(&batch);
  for (const uint64_t tag : {uint64_t{11}, uint64_t{0xdeadbeef00000001},
                             uint64_t{7} << 32, UINT64_MAX - 1}) {
    kernel_.CompleteUnknown(tag);
  }
  EXPECT_EQ(engine_->Poll(), 0u);
  EXPECT_EQ(Event(StatEvent::kUnknownCompletion), 4u);
  kernel_.StopWithholding();
  WaitAll(&batch);
  EXPECT_TRUE(batch.Matches(file_.model()));
}

class Submissions : public AsyncFixture {};

TEST_F(Submissions, RefusedForAMomentAreRepeated) {
  for (const int error : {-EAGAIN, -EBUSY, -ENOMEM, -EINTR, 0, 1, 3}) {
    kernel_.SetSubmitScript([=](unsigned, uint64_t ordinal) {
      return ordinal % 3 != 0 ? error : 5;
    });
    ReadBatch batch(file_.fd(), 0, Ranges(300));
    SubmitAll(&batch);
    WaitAll(&batch);
    EXPECT_TRUE(batch.Matches(file_.model())) << error;
  }
  EXPECT_EQ(Event(StatEvent::kRingRetired), 0u);
}

TEST_F(Submissions, RefusedForEverGoToPosix) {
  kernel_.SetSubmitError(-EAGAIN);
  ReadBatch batch(file_.fd(), 0, Ranges(300));
  const std::vector<IoOp*> ops = batch.pointers();
  const size_t taken = engine_->Submit(ops.data(), ops.size());
  for (size_t i = 0; i < taken; ++i) {
    EXPECT_TRUE(engine_->Wait(ops[i]));
    EXPECT_TRUE(batch.Matches(file_.model(), i));
  }
  EXPECT_EQ(kernel_.observations().requests, 0u);
}

TEST_F(Submissions, OnASmallQueue) {
  MakeEngine(kernel_.factory(), 8);
  ReadBatch batch(file_.fd(), 0, Ranges(1000));
  SubmitAll(&batch);
  WaitAll(&batch);
  EXPECT_TRUE(batch.Matches(file_.model()));
}

class DyingRing : public AsyncFixture {};

// Some in the kernel, some on the queue, some waiting for room.
TEST_F(DyingRing, AtASubmission) {
  for (const int error : {-EPERM, -EBADF, -ENXIO}) {
    MakeEngine(kernel_.factory());
    kernel_.WithholdAll();
    ReadBatch first(file_.fd(), 0, Ranges(kCapacity - 10));
    SubmitAll(&first);
    kernel_.SetSubmitError(error);
    ReadBatch second(file_.fd(), 0, Ranges(50));
    const std::vector<IoOp*> ops = second.pointers();
    const size_t taken = engine_->Submit(ops.data(), ops.size());
    for (size_t i = 0; i < taken; ++i) {
      EXPECT_TRUE(engine_->Wait(ops[i]));
      EXPECT_TRUE(second.Matches(file_.model(), i));
      EXPECT_EQ(ops[i]->path, IoPath::kPosix);
    }
    EXPECT_FALSE(first[0].completed());
    kernel_.StopWithholding();
    WaitAll(&first);
    EXPECT_TRUE(first.Matches(file_.model()));
    kernel_.SetSubmitError(0);
  }
}

TEST_F(DyingRing, AtASubmissionWhileAThreadWaits) {
  kernel_.WithholdAll();
  ReadBatch first(file_.fd(), 0, Ranges(10));
  SubmitAll(&first);
  Threads waiter;
  waiter.Start([&] { EXPECT_TRUE(engine_->Wait(&first[0])); });
  ASSERT_TRUE(kernel_.AwaitWaiting(1));
  kernel_.SetSubmitError(-EPERM);
  ReadBatch second(file_.fd(), 0, Ranges(10));
  const std::vector<IoOp*> ops = second.pointers();
  const size_t taken = engine_->Submit(ops.data(), ops.size());
  for (size_t i = 0; i < taken; ++i) {
    EXPECT_TRUE(engine_->Wait(ops[i]));
  }
  kernel_.StopWithholding();
  waiter.Join();
  WaitAll(&first);
  EXPECT_TRUE(first.Matches(file_.model()));
}

// Random histories came upon it: requests that a busy kernel had left on the
// queue, a ring that then refused them for good, and a waiter that slept
// because it took them for being completed by somebody else.
TEST_F(DyingRing, WhenWhatWasLeftOnItsQueueIsHandedOver) {
  for (const bool waits : {false, true}) {
    kernel_.SetSubmitError(-EAGAIN);
    ReadBatch batch(file_.fd(), 0, Ranges(3));
    SubmitAll(&batch);
    kernel_.SetSubmitError(-EBADF);
    if (waits) {
      WaitAll(&batch);
    } else {
      EXPECT_EQ(engine_->Poll(), batch.size());
    }
    EXPECT_TRUE(batch.Matches(file_.model()));
    kernel_.SetSubmitError(0);
  }
}

// The request to be cancelled is on that queue, too. Once the ring is given up,
// its place in the table is free, and there is nothing to cancel.
TEST_F(DyingRing, WhenACancelRequestFindsNoRoomOnItsQueue) {
  MakeEngine(kernel_.factory(), 8);
  kernel_.SetSubmitError(-EAGAIN);
  ReadBatch batch(file_.fd(), 0, Ranges(20));
  SubmitAll(&batch);
  engine_->Cancel(&batch[0]);
  kernel_.SetSubmitError(-EBADF);
  engine_->Cancel(&batch[0]);
  EXPECT_TRUE(engine_->Wait(&batch[0]));
  EXPECT_EQ(batch[0].end, IoEnd::kCancelled);
  for (size_t i = 1; i < batch.size(); ++i) {
    EXPECT_TRUE(engine_->Wait(&batch[i]));
    EXPECT_TRUE(batch.Matches(file_.model(), i));
  }
  kernel_.SetSubmitError(0);
  ReadBatch next(file_.fd(), 0, Ranges(100));
  SubmitAll(&next);
  WaitAll(&next);
  EXPECT_TRUE(next.Matches(file_.model()));
}

TEST_F(DyingRing, AtAWait) {
  kernel_.WithholdAll();
  ReadBatch batch(file_.fd(), 0, Ranges(kCapacity + 100));
  SubmitAll(&batch);
  Threads waiters;
  for (const size_t i : {size_t{0}, kCapacity / 2, kCapacity + 99}) {
    waiters.Start([&, i] { EXPECT_TRUE(engine_->Wait(&batch[i])); });
  }
  ASSERT_TRUE(kernel_.AwaitWaiting(1));
  kernel_.SetWaitError(-EPERM);
  // What never reached the kernel is done without it.
  EXPECT_TRUE(engine_->Wait(&batch[kCapacity]));
  EXPECT_EQ(batch[kCapacity].path, IoPath::kPosix);
  EXPECT_FALSE(batch[0].completed());
  kernel_.StopWithholding();
  waiters.Join();
  WaitAll(&batch);
  EXPECT_TRUE(batch.Matches(file_.model()));
}

TEST_F(DyingRing, IsReplaced) {
  kernel_.SetSubmitError(-EPERM);
  ReadBatch first(file_.fd(), 0, Ranges(5));
  const std::vector<IoOp*> ops = first.pointers();
  const size_t taken = engine_->Submit(ops.data(), ops.size());
  for (size_t i = 0; i < taken; ++i) {
    EXPECT_TRUE(engine_->Wait(ops[i]));
  }
  kernel_.SetSubmitError(0);
  ReadBatch second(file_.fd(), 0, Ranges(5));
  SubmitAll(&second);
  WaitAll(&second);
  EXPECT_EQ(second[0].path, IoPath::kRing);
  EXPECT_EQ(kernel_.observations().rings_made, 2u);
  EXPECT_EQ(Event(StatEvent::kRingRetired), 1u);
}

// Rings that can be made but never used must open the breaker, too.
TEST_F(DyingRing, AgainAndAgainOpensTheBreaker) {
  kernel_.SetSubmitError(-EPERM);
  for (uint32_t i = 0; i < Breaker::kFailuresMax; ++i) {
    ReadBatch batch(file_.fd(), 0, Ranges(5));
    const std::vector<IoOp*> ops = batch.pointers();
    const size_t taken = engine_->Submit(ops.data(), ops.size());
    for (size_t k = 0; k < taken; ++k) {
      EXPECT_TRUE(engine_->Wait(ops[k]));
    }
  }
  EXPECT_EQ(Event(StatEvent::kBreakerOpened), 1u);
}

TEST_F(DyingRing, ThatCannotBeMadeIsARefusal) {
  kernel_.SetFactoryError(-ENOMEM);
  ReadBatch batch(file_.fd(), 0, Ranges(5));
  const std::vector<IoOp*> ops = batch.pointers();
  for (uint32_t i = 0; i < Breaker::kFailuresMax; ++i) {
    EXPECT_TRUE(engine_->asynchronous());
    EXPECT_EQ(engine_->Submit(ops.data(), ops.size()), 0u);
  }
  EXPECT_EQ(batch[0].state(), IoState::kIdle);
  EXPECT_EQ(Event(StatEvent::kBreakerOpened), 1u);
}

}  // namespace
}  // namespace rocksdb_uring
