// Operations that a busy kernel leaves on the queue, and waits for several at
// once: no thread is left waiting.
//
// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <cerrno>
#include <functional>
#include <memory>
#include <random>
#include <vector>

#include "tests/unit/engine/async_fixture.h"

namespace rocksdb_uring {
namespace {

// Requests that a kernel short of memory has left on the submission queue.
class LeftOnTheQueue : public AsyncFixture {
 protected:
  void SubmitWhileBusy(ReadBatch* batch) {
    const uint64_t before = requests();
    kernel_.SetSubmitError(-EAGAIN);
    SubmitAll(batch);
    kernel_.SetSubmitError(0);
    EXPECT_EQ(requests(), before);
  }
  uint64_t requests() const { return kernel_.observations().requests; }
};

TEST_F(LeftOnTheQueue, StartWithWhateverTouchesTheShard) {
  ReadBatch first(file_.fd(), 0, Ranges(1));
  const std::function<void(ReadBatch*)> touches[] = {
      [this](ReadBatch*) { engine_->Poll(); },
      [this](ReadBatch* batch) { engine_->Wait(&(*batch)[4], 0); },
      [this](ReadBatch* batch) { engine_->Cancel(&(*batch)[4]); },
      [this, &first](ReadBatch*) { SubmitAll(&first); },
      [this](ReadBatch* batch) {
        Threads other;
        other.Start([this, batch] { engine_->Wait(&(*batch)[4], 0); });
        other.Join();
      },
  };
  for (const auto& touch : touches) {
    kernel_.WithholdAll();
    ReadBatch batch(file_.fd(), 0, Ranges(5));
    const uint64_t before = requests();
    SubmitWhileBusy(&batch);
    touch(&batch);
    EXPECT_GE(requests(), before + 5);
    kernel_.StopWithholding();
    WaitAll(&batch);
  }
  WaitAll(&first);
}

TEST_F(LeftOnTheQueue, CancelledCompletes) {
  kernel_.WithholdAll();
  ReadBatch batch(file_.fd(), 0, Ranges(3));
  SubmitWhileBusy(&batch);
  engine_->Cancel(&batch[1]);
  EXPECT_TRUE(engine_->Wait(&batch[1]));
  EXPECT_EQ(batch[1].result, -ECANCELED);
  kernel_.StopWithholding();
  WaitAll(&batch);
  EXPECT_TRUE(batch.Matches(file_.model(), 2));
}

// The leader is in the kernel; the thread whose requests were left has to
// follow it.
TEST_F(LeftOnTheQueue, AreStartedBeforeAFollowerSleeps) {
  kernel_.WithholdAll();
  ReadBatch slow(file_.fd(), 0, Ranges(1));
  SubmitAll(&slow);
  Threads leader;
  leader.Start([&] { EXPECT_TRUE(engine_->Wait(&slow[0])); });
  ASSERT_TRUE(kernel_.AwaitWaiting(1));
  kernel_.SetRequestScript(nullptr);
  ReadBatch batch(file_.fd(), 0, Ranges(5));
  SubmitWhileBusy(&batch);
  WaitAll(&batch);
  EXPECT_FALSE(slow[0].completed());
  kernel_.StopWithholding();
  leader.Join();
  EXPECT_TRUE(batch.Matches(file_.model()));
}

TEST_F(LeftOnTheQueue, GoToPosixWhenTheRingDies) {
  for (const int error : {-EPERM, -EBADF}) {
    ReadBatch batch(file_.fd(), 0, Ranges(5));
    SubmitWhileBusy(&batch);
    kernel_.SetSubmitError(error);
    if (error == -EPERM) {
      WaitAll(&batch);
    } else {
      engine_->Poll();
    }
    for (size_t i = 0; i < batch.size(); ++i) {
      ASSERT_TRUE(batch[i].completed());
      EXPECT_EQ(batch[i].path, IoPath::kPosix);
    }
    EXPECT_TRUE(batch.Matches(file_.model()));
    kernel_.SetSubmitError(0);
  }
}

TEST_F(LeftOnTheQueue, AreAllWaitedForAtOnce) {
  ReadBatch batch(file_.fd(), 0, Ranges(20));
  SubmitWhileBusy(&batch);
  std::vector<IoOp*> ops = batch.pointers();
  engine_->WaitAll(ops.data(), ops.size());
  EXPECT_TRUE(batch.Matches(file_.model()));
}

// The ring is full, and so is the line before it.
class NoRoom : public AsyncFixture {};

TEST_F(NoRoom, EndsSubmissionsOneByOne) {
  MakeEngine(kernel_.factory(), 8);
  kernel_.WithholdAll();
  ReadBatch batch(file_.fd(), 0, Ranges(400));
  size_t taken = 0;
  while (taken < batch.size() && engine_->IoEngine::Submit(&batch[taken])) {
    ++taken;
  }
  constexpr size_t kInFlight = UringEngine::InFlightMax(8) - 16;
  EXPECT_EQ(taken, kInFlight + 8 * UringEngine::kWaitingPerEntry);
  EXPECT_EQ(kernel_.withheld(), kInFlight);
  EXPECT_EQ(batch[taken].state(), IoState::kIdle);
  kernel_.StopWithholding();
  for (size_t i = 0; i < taken; ++i) {
    EXPECT_TRUE(engine_->Wait(&batch[i]));
    EXPECT_TRUE(batch.Matches(file_.model(), i));
  }
}

class WaitForAll : public AsyncFixture {
 protected:
  void Wait(ReadBatch* batch) {
    const std::vector<IoOp*> ops = batch->pointers();
    engine_->WaitAll(ops.data(), ops.size());
    EXPECT_TRUE(batch->Matches(file_.model()));
  }
};

// A leader that needs many must not keep a follower of one waiting.
TEST_F(WaitForAll, LetsAFollowerOfOneGo) {
  for (int round = 0; round < 20; ++round) {
    kernel_.WithholdAll();
    ReadBatch many(file_.fd(), 0, Ranges(32));
    SubmitAll(&many);
    Threads leader;
    leader.Start([&] { Wait(&many); });
    ASSERT_TRUE(kernel_.AwaitWaiting(1));
    kernel_.SetRequestScript(nullptr);
    ReadBatch one(file_.fd(), 0, Ranges(1));
    SubmitAll(&one);
    EXPECT_TRUE(engine_->Wait(&one[0]));
    EXPECT_FALSE(many[0].completed());
    kernel_.StopWithholding();
    leader.Join();
  }
}

// Those of the follower come first, and must not be taken for the leader's.
TEST_F(WaitForAll, OfTwoThreadsEachGetsItsOwn) {
  kernel_.WithholdAll();
  ReadBatch first(file_.fd(), 0, Ranges(16));
  ReadBatch second(file_.fd(), 0, Ranges(24));
  SubmitAll(&first);
  SubmitAll(&second);
  Threads leader;
  leader.Start([&] { Wait(&first); });
  ASSERT_TRUE(kernel_.AwaitWaiting(1));
  Threads follower;
  follower.Start([&] { Wait(&second); });
  for (size_t i = 16; i < 24; ++i) {
    Release(second[i].offset);
  }
  EXPECT_FALSE(first[0].completed());
  kernel_.StopWithholding();
  follower.Join();
  leader.Join();
}

TEST_F(WaitForAll, OneIsCancelledMeanwhile) {
  kernel_.WithholdAll();
  ReadBatch batch(file_.fd(), 0, Ranges(10));
  SubmitAll(&batch);
  Threads waiter;
  waiter.Start([&] {
    const std::vector<IoOp*> ops = batch.pointers();
    engine_->WaitAll(ops.data(), ops.size());
  });
  ASSERT_TRUE(kernel_.AwaitWaiting(1));
  engine_->Cancel(&batch[3]);
  kernel_.StopWithholding();
  waiter.Join();
  EXPECT_EQ(batch[3].result, -ECANCELED);
  EXPECT_TRUE(batch.Matches(file_.model(), 4));
}

TEST_F(WaitForAll, TheRingDiesMeanwhile) {
  kernel_.WithholdAll();
  ReadBatch batch(file_.fd(), 0, Ranges(32));
  SubmitAll(&batch);
  Threads waiter;
  waiter.Start([&] { Wait(&batch); });
  ASSERT_TRUE(kernel_.AwaitWaiting(1));
  kernel_.SetWaitError(-EPERM);
  kernel_.StopWithholding();
  waiter.Join();
}

TEST_F(WaitForAll, BeyondTheRoomOfTheRing) {
  MakeEngine(kernel_.factory(), 8);
  ReadBatch batch(file_.fd(), 0, Ranges(200));
  kernel_.SetRequestScript([](const RingRequest&, uint64_t) {
    FakeKernel::Verdict verdict;
    verdict.us_late = 50;
    return verdict;
  });
  SubmitAll(&batch);
  Wait(&batch);
}

class BurstStress : public AsyncFixture,
                    public ::testing::WithParamInterface<const char*> {};

// Threads that submit one by one, wait for all of theirs or for one after the
// other, cancel some, and meet on the same shards.
TEST_P(BurstStress, ThreadsWithBurstsOfTheirOwn) {
  if (GetParam() == std::string("Real")) {
    SkipWithoutRing();
    MakeEngine(CreateRing);
  } else {
    kernel_.SetRandomFaults(TestSeed());
  }
  Threads threads;
  for (size_t t = 0; t < 6; ++t) {
    threads.Start([&, t] {
      std::mt19937_64 random(TestSeed() + t);
      for (int round = 0; round < 60; ++round) {
        const size_t count = 1 + random() % 40;
        ReadBatch batch(file_.fd(), 0,
                        RandomRanges(&random, count, kFileSize, 0));
        std::vector<IoOp*> ops = batch.pointers();
        for (IoOp* op : ops) {
          // A ring whose first answer refuses is given up, and takes none.
          while (!engine_->IoEngine::Submit(op)) {
            ASSERT_STREQ(GetParam(), "Faulty");
            engine_->Poll();
            std::this_thread::yield();
          }
        }
        const size_t cancelled = random() % (4 * count);
        if (cancelled < count) {
          engine_->Cancel(ops[cancelled]);
        }
        if (round % 2 == 0) {
          engine_->WaitAll(ops.data(), ops.size());
        } else {
          WaitAll(&batch);
        }
        for (size_t i = 0; i < count; ++i) {
          if (i != cancelled || batch[i].result != -ECANCELED) {
            EXPECT_TRUE(batch.Matches(file_.model(), i));
          }
        }
      }
    });
  }
  threads.Join();
}

INSTANTIATE_TEST_SUITE_P(Kernels, BurstStress,
                         ::testing::Values("Real", "Faulty"));

// More threads and operations than rings.
class Crowded : public AsyncFixture {};

// A batch that finds all rings in use has its reads in flight together all the
// same: in the shard of its thread.
TEST_F(Crowded, ABatchThatFindsNoRingGoesThroughAShard) {
  EngineOptions options;
  options.rings_max = 1;
  options.cpus = 2;
  options.ring_factory = kernel_.factory();
  options.system_calls = &calls_;
  engine_ = std::make_unique<UringEngine>(options, &statistics_, &account_);
  kernel_.WithholdAll();
  RunOptions run;
  run.path = PathChoice::kUring;
  constexpr size_t kReads = 100;
  std::vector<std::unique_ptr<ReadBatch>> batches;
  Threads threads;
  for (int i = 0; i < 2; ++i) {
    batches.push_back(
        std::make_unique<ReadBatch>(file_.fd(), 0, Ranges(kReads)));
    threads.Start([this, run, batch = batches.back().get()] {
      engine_->Run(batch->ops(), kReads, run);
    });
    // 64 at a time: as many as a ring has entries, and as a shard is given.
    while (kernel_.withheld() < 64u * static_cast<size_t>(i + 1)) {
      std::this_thread::yield();
    }
  }
  EXPECT_EQ(engine_->rings(), 1u);
  kernel_.StopWithholding();
  threads.Join();
  for (const auto& batch : batches) {
    EXPECT_TRUE(batch->Matches(file_.model()));
    for (size_t i = 0; i < kReads; ++i) {
      EXPECT_EQ((*batch)[i].path, IoPath::kRing);
    }
  }
  EXPECT_EQ(calls_.total(), 0u);
  EXPECT_EQ(Event(StatEvent::kRingsBusy), 1u);
}

// Completions of others may come faster than they are reaped: a thread that
// finds its own operation complete, or has no time, does not go on for them.
TEST_F(Crowded, AWaiterTakesOneHarvestAndLooks) {
  kernel_.WithholdAll();
  ReadBatch batch(file_.fd(), 0, Ranges(200));
  SubmitAll(&batch);
  kernel_.ReleaseAll();
  const auto completed = [&] {
    size_t count = 0;
    for (size_t i = 0; i < 200; ++i) {
      count += batch[i].completed() ? 1 : 0;
    }
    return count;
  };
  EXPECT_TRUE(engine_->Wait(&batch[0], 0));
  EXPECT_LE(completed(), ShardQueue::Harvest::kMax);
  EXPECT_FALSE(engine_->Wait(&batch[199], 0));
  EXPECT_LE(completed(), 2 * ShardQueue::Harvest::kMax);
  WaitAll(&batch);
  EXPECT_TRUE(batch.Matches(file_.model()));
}

}  // namespace
}  // namespace rocksdb_uring
