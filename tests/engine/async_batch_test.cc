// Operations that are kept back until others go with them, and waits for
// several at once: how many system calls they take, and that nobody is left
// waiting.
#include <atomic>
#include <cerrno>
#include <functional>
#include <random>
#include <vector>

#include "env/engine/ring_request.h"
#include "tests/engine/async_fixture.h"

namespace rocksdb_uring {
namespace {

class KeptBack : public AsyncFixture {
 protected:
  // All but the chunks that are full stay on the queue.
  void SubmitAllLater(ReadBatch* batch) {
    for (IoOp* op : batch->pointers()) {
      ASSERT_TRUE(engine_->SubmitLater(op));
    }
  }
  uint64_t requests() const { return kernel_.observations().requests; }
};

TEST_F(KeptBack, GoInChunks) {
  for (const size_t count : {1, 7, 8, 9, 32, 100}) {
    const uint64_t before = kernel_.observations().submits;
    ReadBatch batch(file_.fd(), 0, Ranges(count));
    SubmitAllLater(&batch);
    WaitAll(&batch);
    EXPECT_LE(kernel_.observations().submits - before,
              count / kSubmitChunk + 1);
    EXPECT_TRUE(batch.Matches(file_.model()));
  }
}

TEST_F(KeptBack, StartWithWhateverTouchesTheShard) {
  ReadBatch first(file_.fd(), 0, Ranges(1));
  const std::function<void(ReadBatch*)> touches[] = {
      [this](ReadBatch*) { engine_->Flush(); },
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
    SubmitAllLater(&batch);
    EXPECT_EQ(requests(), before) << "started at once";
    touch(&batch);
    EXPECT_GE(requests(), before + 5);
    kernel_.StopWithholding();
    WaitAll(&batch);
  }
  WaitAll(&first);
}

TEST_F(KeptBack, CancelledCompletes) {
  kernel_.WithholdAll();
  ReadBatch batch(file_.fd(), 0, Ranges(3));
  SubmitAllLater(&batch);
  engine_->Cancel(&batch[1]);
  EXPECT_TRUE(engine_->Wait(&batch[1]));
  EXPECT_EQ(batch[1].result, -ECANCELED);
  kernel_.StopWithholding();
  WaitAll(&batch);
  EXPECT_TRUE(batch.Matches(file_.model(), 2));
}

// The leader is in the kernel; who keeps operations back has to follow it.
TEST_F(KeptBack, AreStartedBeforeAFollowerSleeps) {
  kernel_.WithholdAll();
  ReadBatch slow(file_.fd(), 0, Ranges(1));
  SubmitAll(&slow);
  Threads leader;
  leader.Start([&] { EXPECT_TRUE(engine_->Wait(&slow[0])); });
  ASSERT_TRUE(kernel_.AwaitWaiting(1));
  kernel_.SetRequestScript(nullptr);
  ReadBatch batch(file_.fd(), 0, Ranges(5));
  SubmitAllLater(&batch);
  WaitAll(&batch);
  EXPECT_FALSE(slow[0].completed());
  kernel_.StopWithholding();
  leader.Join();
  EXPECT_TRUE(batch.Matches(file_.model()));
}

TEST_F(KeptBack, GoToPosixWhenTheRingDies) {
  for (const int error : {-EPERM, -EBADF}) {
    ReadBatch batch(file_.fd(), 0, Ranges(5));
    SubmitAllLater(&batch);
    kernel_.SetSubmitError(error);
    if (error == -EPERM) {
      WaitAll(&batch);
    } else {
      engine_->Flush();
    }
    for (size_t i = 0; i < batch.size(); ++i) {
      ASSERT_TRUE(batch[i].completed());
      EXPECT_EQ(batch[i].path, IoPath::kPosix);
    }
    EXPECT_TRUE(batch.Matches(file_.model()));
    kernel_.SetSubmitError(0);
  }
}

// Nothing is kept back where there is no room: the ring is full, and so is the
// line before it.
TEST_F(KeptBack, WithNoRoom) {
  MakeEngine(kernel_.factory(), 8);
  kernel_.WithholdAll();
  ReadBatch batch(file_.fd(), 0, Ranges(400));
  size_t taken = 0;
  while (taken < batch.size() && engine_->SubmitLater(&batch[taken])) {
    ++taken;
  }
  constexpr size_t kRoom = 8 * UringEngine::kInFlightPerEntry;
  EXPECT_EQ(taken, 2 * kRoom - 16);
  EXPECT_EQ(kernel_.withheld(), kRoom - 16);
  EXPECT_EQ(batch[taken].state(), IoState::kIdle);
  kernel_.StopWithholding();
  for (size_t i = 0; i < taken; ++i) {
    EXPECT_TRUE(engine_->Wait(&batch[i]));
    EXPECT_TRUE(batch.Matches(file_.model(), i));
  }
}

TEST_F(KeptBack, ABusyKernelGetsThemLater) {
  kernel_.SetSubmitError(-EAGAIN);
  ReadBatch batch(file_.fd(), 0, Ranges(20));
  SubmitAllLater(&batch);
  EXPECT_EQ(requests(), 0u);
  kernel_.SetSubmitError(0);
  std::vector<IoOp*> ops = batch.pointers();
  engine_->WaitAll(ops.data(), ops.size());
  EXPECT_TRUE(batch.Matches(file_.model()));
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

// Threads that keep operations back, wait for all of theirs or for one after
// the other, cancel some, and meet on the same shards.
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
          const bool later = random() % 4 != 0;
          // A ring whose first answer refuses is given up, and takes none.
          while (!(later ? engine_->SubmitLater(op)
                         : engine_->IoEngine::Submit(op))) {
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

}  // namespace
}  // namespace rocksdb_uring
