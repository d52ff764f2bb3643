// Rings that can be had and are no use: refused when they are wanted, or every
// operation failed that is possible without them. What the breaker makes of
// it.
//
// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <functional>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "env/engine/shared_engine.h"
#include "tests/unit/engine/async_fixture.h"

namespace rocksdb_uring {
namespace {

// How a ring answers what a restriction, a security module or an old kernel
// does not let it do.
constexpr int kRefusals[] = {-EACCES,     -EPERM, -EINVAL,
                             -EOPNOTSUPP, -EBADF, -ENOSYS};

FakeKernel::RequestScript FailAll(int error) {
  return [error](const RingRequest&, uint64_t) {
    FakeKernel::Verdict verdict;
    verdict.error = error;
    return verdict;
  };
}

class Refusals : public AsyncFixture {
 protected:
  // A batch through a ring, or through POSIX if there is none.
  void RunReads(size_t count) {
    ReadBatch batch(file_.fd(), 0, Ranges(count));
    RunOptions options;
    options.path = PathChoice::kUring;
    engine_->Run(batch.ops(), batch.size(), options);
    EXPECT_TRUE(batch.Matches(file_.model()));
    last_path_ = batch[0].path;
  }

  // Asynchronous reads; returns how many were taken.
  size_t SubmitReads(size_t count) {
    ReadBatch batch(file_.fd(), 0, Ranges(count));
    const std::vector<IoOp*> ops = batch.pointers();
    const size_t taken = engine_->Submit(ops.data(), ops.size());
    for (size_t i = 0; i < taken; ++i) {
      EXPECT_TRUE(engine_->Wait(ops[i]));
      EXPECT_TRUE(batch.Matches(file_.model(), i));
      last_path_ = ops[i]->path;
    }
    return taken;
  }

  void AwaitTrial() {
    while (!engine_->asynchronous()) {
      std::this_thread::yield();
    }
  }

  IoPath last_path_ = IoPath::kPageCache;
};

TEST_F(Refusals, OfAllOperationsOfBatchesOpenTheBreaker) {
  for (const int error : kRefusals) {
    MakeEngine(kernel_.factory());
    const uint64_t opened = Event(StatEvent::kBreakerOpened);
    kernel_.SetRequestScript(FailAll(error));
    for (uint32_t i = 0; i < Breaker::kFailuresMax; ++i) {
      RunReads(8);
      EXPECT_EQ(last_path_, IoPath::kPosix);
    }
    EXPECT_EQ(Event(StatEvent::kBreakerOpened), opened + 1) << error;
    EXPECT_EQ(engine_->rings(), 0u);
    const RingFailure failure = engine_->last_failure();
    EXPECT_STREQ(failure.call, "an operation on a ring");
    EXPECT_EQ(failure.error.value(), -error);
    EXPECT_TRUE(failure.current);
  }
}

TEST_F(Refusals, OfSomeOperationsAreNoFailureOfTheRing) {
  kernel_.SetRequestScript([](const RingRequest&, uint64_t ordinal) {
    FakeKernel::Verdict verdict;
    verdict.error = ordinal % 8 != 0 ? -EINVAL : 0;
    return verdict;
  });
  for (uint32_t i = 0; i < 2 * Breaker::kFailuresMax; ++i) {
    RunReads(8);
    EXPECT_EQ(SubmitReads(8), 8u);
  }
  EXPECT_EQ(Event(StatEvent::kRingRetired), 0u);
  EXPECT_EQ(engine_->last_failure().call, nullptr);
}

// What POSIX fails, too, is the file's fault.
TEST_F(Refusals, ThatPosixConfirmsAreNoFailureOfTheRing) {
  kernel_.SetRequestScript(FailAll(-EINVAL));
  calls_.Fail(FakeSystemCalls::kPread, FakeSystemCalls::kAlways, -EINVAL);
  for (uint32_t i = 0; i < 2 * Breaker::kFailuresMax; ++i) {
    ReadBatch batch(file_.fd(), 0, Ranges(4));
    RunOptions options;
    options.path = PathChoice::kUring;
    engine_->Run(batch.ops(), batch.size(), options);
    EXPECT_EQ(batch[0].result, -EINVAL);
  }
  EXPECT_EQ(Event(StatEvent::kRingRetired), 0u);
  EXPECT_EQ(engine_->last_failure().call, nullptr);
}

TEST_F(Refusals, OfWritesAreDoneByPosix) {
  std::string bytes = RandomBytes(5000, 3);
  for (const int error : kRefusals) {
    for (const IoKind kind :
         {IoKind::kWrite, IoKind::kSyncFileRange, IoKind::kFallocate}) {
      for (const bool asynchronous : {false, true}) {
        MakeEngine(kernel_.factory());
        kernel_.SetRequestScript(FailAll(error));
        IoOp op;
        op.kind = kind;
        op.fd = file_.fd();
        op.buffer = bytes.data();
        op.length = bytes.size();
        RunOptions options;
        options.path = PathChoice::kUring;
        if (asynchronous) {
          ASSERT_TRUE(engine_->IoEngine::Submit(&op));
          EXPECT_TRUE(engine_->Wait(&op));
        } else {
          engine_->Run(&op, 1, options);
        }
        EXPECT_EQ(op.result, kind == IoKind::kWrite ? 5000 : 0) << error;
        EXPECT_EQ(op.path, IoPath::kPosix);
      }
    }
  }
  EXPECT_EQ(file_.Contents().substr(0, 5000), bytes);
}

// Found out by a sync of no descriptor, which has no error to report: a real
// one that fails is never repeated.
TEST_F(Refusals, OfSyncsAreFoundOutByATrial) {
  for (const int error : {-EACCES, -EPERM, -EINVAL, -EOPNOTSUPP, -ENOSYS}) {
    for (const bool asynchronous : {false, true}) {
      MakeEngine(kernel_.factory());
      kernel_.RefuseSyncs(error);
      const uint64_t requests = kernel_.observations().requests;
      const uint64_t calls = calls_.count(FakeSystemCalls::kFsync);
      for (int i = 0; i < 3; ++i) {
        IoOp op;
        op.kind = IoKind::kFsync;
        op.fd = file_.fd();
        RunOptions options;
        options.path = PathChoice::kUring;
        if (asynchronous) {
          EXPECT_FALSE(engine_->IoEngine::Submit(&op));
        }
        engine_->Run(&op, 1, options);
        EXPECT_EQ(op.result, 0);
        EXPECT_EQ(op.path, IoPath::kPosix);
      }
      EXPECT_EQ(calls_.count(FakeSystemCalls::kFsync), calls + 3);
      EXPECT_EQ(kernel_.observations().requests, requests);
      EXPECT_STREQ(engine_->last_failure().call, "a sync on a ring");
      EXPECT_EQ(engine_->last_failure().error.value(), -error);
      EXPECT_FALSE(engine_->last_failure().current);
      RunReads(8);
      EXPECT_EQ(last_path_, IoPath::kRing);
    }
  }
}

// Such a trial decides nothing: the next sync is preceded by another.
TEST_F(Refusals, OfTheTrialForTheMomentSendOneSyncToPosix) {
  kernel_.RefuseSyncs(-EAGAIN);
  RunOptions options;
  options.path = PathChoice::kUring;
  for (const IoPath expected : {IoPath::kPosix, IoPath::kRing}) {
    IoOp op;
    op.kind = IoKind::kFdatasync;
    op.fd = file_.fd();
    engine_->Run(&op, 1, options);
    EXPECT_EQ(op.result, 0);
    EXPECT_EQ(op.path, expected);
    kernel_.RefuseSyncs(0);
  }
  EXPECT_EQ(engine_->last_failure().call, nullptr);
}

TEST_F(Refusals, OfAllAsynchronousOperationsOpenTheBreaker) {
  kernel_.SetRequestScript(FailAll(-EACCES));
  for (uint32_t i = 0; i < Breaker::kFailuresMax; ++i) {
    EXPECT_EQ(SubmitReads(1), 1u);
    EXPECT_EQ(last_path_, IoPath::kPosix);
  }
  EXPECT_EQ(Event(StatEvent::kBreakerOpened), 1u);
  EXPECT_EQ(engine_->last_failure().error.value(), EACCES);
}

TEST_F(Refusals, BeginningLaterAreNoticedToo) {
  EXPECT_EQ(SubmitReads(100), 100u);
  EXPECT_EQ(last_path_, IoPath::kRing);
  kernel_.SetRequestScript(FailAll(-EACCES));
  // A ring that has worked is given a few more chances than a new one.
  for (int i = 0; i < 7; ++i) {
    EXPECT_EQ(SubmitReads(1), 1u);
  }
  EXPECT_EQ(engine_->last_failure().call, nullptr);
  EXPECT_EQ(SubmitReads(1), 1u);
  EXPECT_NE(engine_->last_failure().call, nullptr);
  EXPECT_EQ(Event(StatEvent::kBreakerOpened), 0u);
}

// Left by threads that have exited: no reason to give a ring up.
TEST_F(Refusals, FaultsOfThreadsThatExitedAreNone) {
  for (const int error : {-EFAULT, -ECANCELED}) {
    kernel_.SetRequestScript(FailAll(error));
    EXPECT_EQ(SubmitReads(200), 200u);
    EXPECT_EQ(last_path_, IoPath::kPosix);
  }
  EXPECT_EQ(Event(StatEvent::kRingRetired), 0u);
  EXPECT_EQ(engine_->last_failure().call, nullptr);
}

// A shard whose ring works must stop, too, while the breaker is open.
TEST_F(Refusals, AnOpenBreakerStopsRingsThatAreAlive) {
  ASSERT_EQ(SubmitReads(1), 1u);
  kernel_.SetFactoryError(-EPERM);
  const auto before = Breaker::Clock::now();
  for (uint32_t i = 0; i < Breaker::kFailuresMax; ++i) {
    RunReads(2);
  }
  ASSERT_EQ(Event(StatEvent::kBreakerOpened), 1u);
  const size_t taken = SubmitReads(1);
  if (Breaker::Clock::now() - before < Breaker::kPauseMin) {
    EXPECT_EQ(taken, 0u);
  }
  // Its own next operation is the trial, and closes it.
  AwaitTrial();
  EXPECT_EQ(SubmitReads(1), 1u);
  EXPECT_EQ(last_path_, IoPath::kRing);
  EXPECT_FALSE(engine_->last_failure().current);
  EXPECT_EQ(SubmitReads(10), 10u);
}

TEST_F(Refusals, ATrialOnALiveRingThatFailsKeepsTheBreakerOpen) {
  ASSERT_EQ(SubmitReads(1), 1u);
  kernel_.SetFactoryError(-EPERM);
  for (uint32_t i = 0; i < Breaker::kFailuresMax; ++i) {
    RunReads(2);
  }
  kernel_.SetRequestScript(FailAll(-EACCES));
  AwaitTrial();
  const auto failed_at = Breaker::Clock::now();
  EXPECT_EQ(SubmitReads(1), 1u);
  EXPECT_EQ(last_path_, IoPath::kPosix);
  const size_t taken = SubmitReads(1);
  if (Breaker::Clock::now() - failed_at < 2 * Breaker::kPauseMin) {
    EXPECT_EQ(taken, 0u);
  }
  EXPECT_TRUE(engine_->last_failure().current);
}

// Too little memory for one more ring: no reason to do without those that
// there are.
TEST_F(Refusals, OfOneMoreRingLeaveTheOthersTheirWork) {
  for (const int error : {-ENOMEM, -EMFILE, -ENFILE}) {
    MakeEngine(kernel_.factory());
    kernel_.SetFactoryError(0);
    ASSERT_EQ(SubmitReads(1), 1u);
    kernel_.SetFactoryError(error);
    const uint64_t refused = Event(StatEvent::kRingRefused);
    const uint64_t submits = Event(StatEvent::kSubmitCall);
    // Consecutive threads have different shards.
    for (int thread = 0; thread < 16; ++thread) {
      std::thread([this] {
        ReadBatch batch(file_.fd(), 0, Ranges(3));
        const std::vector<IoOp*> ops = batch.pointers();
        ASSERT_EQ(engine_->Submit(ops.data(), ops.size()), 3u);
        engine_->WaitAll(ops.data(), ops.size());
        EXPECT_TRUE(batch.Matches(file_.model()));
        EXPECT_EQ(batch[0].path, IoPath::kRing);
        EXPECT_EQ(SubmitReads(3), 3u);
        EXPECT_EQ(last_path_, IoPath::kRing);
      }).join();
    }
    // One shard asked for all, and each batch was one call. On a slow machine
    // the pause ends meanwhile.
    EXPECT_GE(Event(StatEvent::kRingRefused), refused + 1);
    EXPECT_LE(Event(StatEvent::kRingRefused), refused + 7);
    EXPECT_EQ(Event(StatEvent::kSubmitCall), submits + 32);
    EXPECT_EQ(Event(StatEvent::kBreakerOpened), 0u);
    EXPECT_EQ(engine_->last_failure().error.value(), -error);
    EXPECT_FALSE(engine_->last_failure().current);
  }
}

// Rings for batches are alive, and no shard has one that could stand in.
TEST_F(Refusals, OfAllShardsAreNotRepeatedForEveryOperation) {
  RunReads(2);
  ASSERT_EQ(last_path_, IoPath::kRing);
  kernel_.SetFactoryError(-ENOMEM);
  const uint64_t refused = Event(StatEvent::kRingRefused);
  const auto before = Breaker::Clock::now();
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(SubmitReads(1), 0u);
  }
  if (Breaker::Clock::now() - before < Breaker::kCreatePause) {
    EXPECT_EQ(Event(StatEvent::kRingRefused), refused + 1);
  }
  kernel_.SetFactoryError(0);
  while (SubmitReads(1) == 0) {
    std::this_thread::yield();
  }
  EXPECT_EQ(last_path_, IoPath::kRing);
}

// The trial was consumed, and its ring died before it completed.
TEST_F(Refusals, ACompletionOfADeadRingDoesNotCloseTheBreaker) {
  ASSERT_EQ(SubmitReads(1), 1u);
  kernel_.SetFactoryError(-EPERM);
  for (uint32_t i = 0; i < Breaker::kFailuresMax; ++i) {
    RunReads(2);
  }
  AwaitTrial();
  kernel_.WithholdAll();
  ReadBatch trial(file_.fd(), 0, Ranges(1));
  SubmitAll(&trial);
  kernel_.SetSubmitError(-EBADF);
  engine_->Cancel(&trial[0]);
  kernel_.StopWithholding();
  WaitAll(&trial);
  EXPECT_TRUE(trial.Matches(file_.model()));
  EXPECT_TRUE(engine_->last_failure().current);
  EXPECT_EQ(engine_->last_failure().error.value(), EBADF);
}

// One thread completes what a dead ring has given back, and another waits for
// some of it meanwhile, when there is no ring at all.
TEST_F(Refusals, OfTheNextRingWhileTheLastOnesQueueIsCompleted) {
  kernel_.SetSubmitError(-EAGAIN);
  // Fills the submission queue; six wait for room.
  ReadBatch batch(file_.fd(), 0, Ranges(70));
  SubmitAll(&batch);
  ASSERT_EQ(batch[64].state(), IoState::kQueued);
  Threads threads;
  std::function<void()> meanwhile = [&] {
    kernel_.SetFactoryError(-ENOMEM);
    kernel_.SetSubmitError(0);
    EXPECT_EQ(SubmitReads(1), 0u) << "the dead ring is gone";
    threads.Start([&] { WaitAll(&batch, 65); });
    // Long enough for the other to have looked.
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  };
  batch[64].context = &meanwhile;
  batch[64].callback = [](IoOp* op) {
    (*static_cast<std::function<void()>*>(op->context))();
  };
  kernel_.SetSubmitError(-EBADF);
  engine_->Poll();
  threads.Join();
  EXPECT_TRUE(batch.Matches(file_.model()));
}

// A shortage passes: the threads of a refused shard come back to it.
TEST_F(Refusals, OfAShardEndWithTheShortage) {
  ASSERT_EQ(SubmitReads(1), 1u);
  kernel_.SetFactoryError(-EMFILE);
  const auto submit_and_return = [this] {
    EXPECT_EQ(SubmitReads(1), 1u) << "no stand-in";
    if (Event(StatEvent::kRingRefused) == 0) {
      // A thread of the shard that has a ring.
      return;
    }
    EXPECT_EQ(kernel_.observations().rings_alive, 1u);
    kernel_.SetFactoryError(0);
    const auto deadline = Breaker::Clock::now() + std::chrono::seconds(30);
    while (kernel_.observations().rings_alive < 2) {
      ASSERT_LT(Breaker::Clock::now(), deadline) << "the stand-in is for ever";
      EXPECT_EQ(SubmitReads(1), 1u);
    }
  };
  while (Event(StatEvent::kRingRefused) == 0) {
    std::thread(submit_and_return).join();
  }
}

// Several refused shards do not all lean on the same one.
TEST_F(Refusals, OfSeveralShardsSpreadOverThoseThatHaveRings) {
  // Threads are numbered in their order: one of the first four shards each.
  std::vector<std::thread> threads;
  std::set<uint32_t> stand_ins;
  const auto submit = [&] {
    ReadBatch batch(file_.fd(), 0, Ranges(1));
    EXPECT_TRUE(engine_->IoEngine::Submit(&batch[0]));
    EXPECT_TRUE(engine_->Wait(&batch[0]));
    return batch[0].shard;
  };
  std::vector<uint32_t> homes;
  for (int i = 0; i < 2; ++i) {
    std::thread([&] { homes.push_back(submit()); }).join();
  }
  kernel_.SetFactoryError(-ENFILE);
  for (int i = 0; i < 2; ++i) {
    std::thread([&] { stand_ins.insert(submit()); }).join();
  }
  EXPECT_EQ(kernel_.observations().rings_alive, 2u);
  EXPECT_EQ(stand_ins, std::set<uint32_t>(homes.begin(), homes.end()));
}

// The stand-in is lost, too: rings count again as they did before.
TEST_F(Refusals, OfTheLastRingOpenTheBreaker) {
  ASSERT_EQ(SubmitReads(1), 1u);
  kernel_.SetFactoryError(-ENOMEM);
  std::thread([this] { EXPECT_EQ(SubmitReads(1), 1u); }).join();
  kernel_.SetSubmitError(-EBADF);
  std::thread([this] { EXPECT_EQ(SubmitReads(1), 1u); }).join();
  for (uint32_t i = 0; i < 2 * Breaker::kFailuresMax; ++i) {
    SubmitReads(1);
  }
  EXPECT_EQ(Event(StatEvent::kBreakerOpened), 1u);
  EXPECT_TRUE(engine_->last_failure().current);
}

// A ring that dies when an operation is cancelled leaves the others to POSIX,
// also those that nobody waits for.
TEST_F(Refusals, OfACancelRequestLeaveNothingBehind) {
  kernel_.WithholdAll();
  ReadBatch first(file_.fd(), 0, Ranges(1));
  SubmitAll(&first);
  // Busy, so that the next one stays on the queue.
  kernel_.SetSubmitError(-EAGAIN);
  static std::atomic<int> called{0};
  called = 0;
  ReadBatch second(file_.fd(), 0, Ranges(1));
  second[0].callback = [](IoOp*) { ++called; };
  SubmitAll(&second);
  kernel_.SetSubmitError(-EPERM);
  engine_->Cancel(&first[0]);
  EXPECT_EQ(called, 1);
  EXPECT_TRUE(second.Matches(file_.model()));
  kernel_.StopWithholding();
  WaitAll(&first);
}

}  // namespace
}  // namespace rocksdb_uring
