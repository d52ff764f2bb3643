// Operations that outlive the call that starts them: submitted, waited for,
// polled, called back and cancelled, from any thread.
//
// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <memory>
#include <thread>
#include <vector>

#include "env/engine/ring_request.h"
#include "tests/unit/engine/async_fixture.h"

namespace rocksdb_uring {
namespace {

class AsyncTest : public AsyncFixture {};

TEST_F(AsyncTest, AThousandInFlightCompleteInReverse) {
  MakeEngine(kernel_.factory(), 256);
  kernel_.WithholdAll();
  ReadBatch batch(file_.fd(), 0, Ranges(1000));
  SubmitAll(&batch);
  EXPECT_EQ(kernel_.withheld(), 1000u);
  for (size_t i = 0; i < batch.size(); ++i) {
    EXPECT_EQ(batch[i].state(), IoState::kInFlight);
  }
  EXPECT_EQ(engine_->Poll(), 0u);
  EXPECT_EQ(kernel_.ReleaseAll(true), 1000u);
  for (size_t i = batch.size(); i-- > 0;) {
    EXPECT_TRUE(engine_->Wait(&batch[i]));
    EXPECT_EQ(batch[i].path, IoPath::kRing);
  }
  EXPECT_TRUE(batch.Matches(file_.model()));
}

TEST_F(AsyncTest, RequestsOfOneCallGoInChunks) {
  ReadBatch batch(file_.fd(), 0, Ranges(50));
  SubmitAll(&batch);
  EXPECT_LE(kernel_.observations().submits, 50 / kSubmitChunk + 1);
  WaitAll(&batch);
}

TEST_F(AsyncTest, ALoneRequestStartsAtOnce) {
  kernel_.WithholdAll();
  ReadBatch batch(file_.fd(), 0, Ranges(1));
  SubmitAll(&batch);
  EXPECT_EQ(kernel_.withheld(), 1u);
  kernel_.StopWithholding();
  WaitAll(&batch);
}

// The leader waits for an operation that does not complete; its follower's
// does, and must be let go.
TEST_F(AsyncTest, TheLeaderWakesItsFollower) {
  for (int round = 0; round < 20; ++round) {
    kernel_.WithholdAll();
    ReadBatch batch(file_.fd(), 0, Ranges(2));
    SubmitAll(&batch);
    Threads leader;
    leader.Start([&] { EXPECT_TRUE(engine_->Wait(&batch[0])); });
    ASSERT_TRUE(kernel_.AwaitWaiting(1));
    Threads follower;
    follower.Start([&] { EXPECT_TRUE(engine_->Wait(&batch[1])); });
    if (round % 2 == 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    Release(batch[1].offset);
    follower.Join();
    EXPECT_FALSE(batch[0].completed());
    kernel_.StopWithholding();
    leader.Join();
    EXPECT_TRUE(batch.Matches(file_.model()));
  }
}

// The leader gives up; the follower has to lead.
TEST_F(AsyncTest, AFollowerTakesOverFromALeaderThatTimesOut) {
  kernel_.WithholdAll();
  ReadBatch batch(file_.fd(), 0, Ranges(2));
  SubmitAll(&batch);
  Threads leader;
  leader.Start([&] { EXPECT_FALSE(engine_->Wait(&batch[0], 500 * 1000)); });
  ASSERT_TRUE(kernel_.AwaitWaiting(1));
  Threads follower;
  follower.Start([&] { EXPECT_TRUE(engine_->Wait(&batch[1])); });
  leader.Join();
  ASSERT_TRUE(kernel_.AwaitWaiting(1));
  Release(batch[1].offset);
  follower.Join();
  kernel_.StopWithholding();
  WaitAll(&batch);
}

TEST_F(AsyncTest, EveryWaiterGetsItsOwn) {
  constexpr size_t kCount = 64;
  std::mt19937_64 random(TestSeed());
  kernel_.WithholdAll();
  ReadBatch batch(file_.fd(), 0, Ranges(kCount));
  SubmitAll(&batch);
  std::vector<Threads> threads(kCount);
  std::vector<size_t> order;
  for (size_t i = 0; i < kCount; ++i) {
    threads[i].Start([&, i] { EXPECT_TRUE(engine_->Wait(&batch[i])); });
    order.push_back(i);
  }
  std::shuffle(order.begin(), order.end(), random);
  for (const size_t i : order) {
    Release(batch[i].offset);
    threads[i].Join();
    EXPECT_TRUE(batch.Matches(file_.model(), i));
  }
}

TEST_F(AsyncTest, SeveralMayWaitForOne) {
  kernel_.WithholdAll();
  ReadBatch batch(file_.fd(), 0, Ranges(1));
  SubmitAll(&batch);
  Threads threads;
  for (int i = 0; i < 8; ++i) {
    threads.Start([&] { EXPECT_TRUE(engine_->Wait(&batch[0])); });
  }
  ASSERT_TRUE(kernel_.AwaitWaiting(1));
  kernel_.StopWithholding();
  threads.Join();
  EXPECT_TRUE(batch.Matches(file_.model()));
}

TEST_F(AsyncTest, AWaitEndsAtItsTimeout) {
  kernel_.WithholdAll();
  ReadBatch batch(file_.fd(), 0, Ranges(1));
  SubmitAll(&batch);
  EXPECT_FALSE(engine_->Wait(&batch[0], 0));
  EXPECT_FALSE(engine_->Wait(&batch[0], 1000));
  EXPECT_EQ(batch[0].state(), IoState::kInFlight);
  kernel_.StopWithholding();
  EXPECT_TRUE(engine_->Wait(&batch[0], 0)) << "it is there to be reaped";
  EXPECT_TRUE(batch.Matches(file_.model()));
}

TEST_F(AsyncTest, AnInterruptedWaitGoesOn) {
  kernel_.WithholdAll();
  ReadBatch batch(file_.fd(), 0, Ranges(1));
  SubmitAll(&batch);
  Threads waiter;
  waiter.Start([&] { EXPECT_TRUE(engine_->Wait(&batch[0])); });
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(kernel_.AwaitWaiting(1));
    kernel_.InterruptWaits();
  }
  EXPECT_FALSE(batch[0].completed());
  kernel_.StopWithholding();
}

// What finds no room waits for it in order, and what finds not even that is
// refused and untouched.
TEST_F(AsyncTest, BeyondAllRoomIsRefusedAndNothingIsLost) {
  constexpr size_t kRoom = 64 * UringEngine::kWaitingPerEntry;
  constexpr size_t kCapacity = UringEngine::InFlightMax(64) - 16;
  kernel_.WithholdAll();
  ReadBatch batch(file_.fd(), 0, Ranges(kCapacity + kRoom + 100));
  const std::vector<IoOp*> ops = batch.pointers();
  size_t taken = engine_->Submit(ops.data(), ops.size());
  EXPECT_EQ(taken, kCapacity + kRoom);
  EXPECT_EQ(kernel_.withheld(), kCapacity);
  EXPECT_EQ(batch[0].state(), IoState::kInFlight);
  EXPECT_EQ(batch[taken - 1].state(), IoState::kQueued);
  EXPECT_EQ(batch[taken].state(), IoState::kIdle);
  EXPECT_EQ(engine_->Submit(&ops[taken], 1), 0u);
  kernel_.StopWithholding();
  EXPECT_GT(engine_->Poll(), 0u);
  taken += engine_->Submit(&ops[taken], ops.size() - taken);
  EXPECT_EQ(taken, ops.size()) << "there is room again";
  WaitAll(&batch);
  EXPECT_TRUE(batch.Matches(file_.model()));
}

class Callbacks : public AsyncFixture {
 protected:
  void SetCallback(ReadBatch* batch, void (*callback)(IoOp*)) {
    for (size_t i = 0; i < batch->size(); ++i) {
      (*batch)[i].callback = callback;
      (*batch)[i].context = this;
    }
  }

 public:
  // For the callbacks.
  std::atomic<int> calls_seen_{0};
  std::thread::id reaper_;
};

TEST_F(Callbacks, RunOnceOnTheThreadThatReaps) {
  kernel_.WithholdAll();
  ReadBatch batch(file_.fd(), 0, Ranges(200));
  SetCallback(&batch, [](IoOp* op) {
    auto* test = static_cast<Callbacks*>(op->context);
    EXPECT_TRUE(op->completed());
    EXPECT_EQ(std::this_thread::get_id(), test->reaper_);
    ++test->calls_seen_;
  });
  Threads submitter;
  submitter.Start([&] { SubmitAll(&batch); });
  submitter.Join();
  EXPECT_EQ(calls_seen_, 0);
  kernel_.ReleaseAll();
  reaper_ = std::this_thread::get_id();
  EXPECT_EQ(engine_->Poll(), 200u);
  EXPECT_EQ(calls_seen_, 200);
  EXPECT_EQ(engine_->Poll(), 0u);
  EXPECT_EQ(calls_seen_, 200);
  EXPECT_TRUE(batch.Matches(file_.model()));
}

TEST_F(Callbacks, MayFreeTheOperation) {
  std::string buffer(100, '\0');
  for (int i = 0; i < 100; ++i) {
    auto op = std::make_unique<IoOp>();
    op->fd = file_.fd();
    op->buffer = buffer.data();
    op->length = buffer.size();
    op->context = this;
    op->callback = [](IoOp* done) {
      ++static_cast<Callbacks*>(done->context)->calls_seen_;
      delete done;
    };
    ASSERT_TRUE(engine_->IoEngine::Submit(op.release()));
    engine_->Poll();
  }
  while (calls_seen_ < 100) {
    engine_->Poll();
  }
}

// A read-ahead that starts the next read when one is there.
TEST_F(Callbacks, MaySubmit) {
  struct Chain {
    IoEngine* engine;
    std::atomic<int> left;
  } chain = {engine_.get(), {500}};
  char byte = 0;
  IoOp op;
  op.fd = file_.fd();
  op.buffer = &byte;
  op.length = 1;
  op.context = &chain;
  op.callback = [](IoOp* done) {
    auto* state = static_cast<Chain*>(done->context);
    if (--state->left > 0) {
      done->Reset();
      EXPECT_TRUE(state->engine->Submit(done));
    }
  };
  ASSERT_TRUE(engine_->IoEngine::Submit(&op));
  while (chain.left > 0) {
    engine_->Poll();
  }
}

// The kernel's own rings from here on.
class RealAsyncTest : public AsyncFixture {
 protected:
  void SetUp() override {
    SkipWithoutRing();
    MakeEngine(CreateRing);
  }
};

TEST_F(RealAsyncTest, ManyInFlight) {
  std::mt19937_64 random(TestSeed());
  for (int round = 0; round < 5; ++round) {
    file_.DropCache();
    ReadBatch batch(file_.fd(), 0, RandomRanges(&random, 1000, kFileSize, 0));
    SubmitAll(&batch);
    WaitAll(&batch);
    EXPECT_TRUE(batch.Matches(file_.model()));
  }
}

// The kernel fails buffered reads whose thread has gone (-EFAULT): no caller
// may see that.
TEST_F(RealAsyncTest, TheSubmittingThreadExits) {
  std::mt19937_64 random(TestSeed());
  for (int round = 0; round < 20; ++round) {
    file_.DropCache();
    ReadBatch batch(file_.fd(), 0, RandomRanges(&random, 200, kFileSize, 0));
    Threads submitter;
    submitter.Start([&] { SubmitAll(&batch); });
    submitter.Join();
    WaitAll(&batch);
    EXPECT_TRUE(batch.Matches(file_.model()));
  }
}

TEST_F(RealAsyncTest, CancelledOrNotAllComplete) {
  SkipWithoutDirectIo(file_);
  std::mt19937_64 random(TestSeed());
  for (int round = 0; round < 20; ++round) {
    ReadBatch batch(
        file_.direct_fd(), TestFile::kAlignment,
        RandomRanges(&random, 100, kFileSize, TestFile::kAlignment));
    SubmitAll(&batch);
    for (size_t i = 0; i < batch.size(); i += 2) {
      engine_->Cancel(&batch[i]);
    }
    WaitAll(&batch);
    for (size_t i = 0; i < batch.size(); ++i) {
      if (i % 2 != 0 || batch[i].result != -ECANCELED) {
        EXPECT_TRUE(batch.Matches(file_.model(), i));
      }
    }
  }
}

// Reads of sockets stay in flight until there are data; unlike pipes, sockets
// are polled by every kernel, so that cancelling is done when Cancel returns.
// The first gets data then: had the request named nobody, or the other read,
// this one would get them.
TEST_F(RealAsyncTest, CancelEndsTheReadThatItNames) {
  int first_pair[2];
  int second_pair[2];
  constexpr int kStream = SOCK_STREAM | SOCK_CLOEXEC;
  ASSERT_EQ(socketpair(AF_UNIX, kStream, 0, first_pair), 0);
  ASSERT_EQ(socketpair(AF_UNIX, kStream, 0, second_pair), 0);
  const FileDescriptor owned[] = {
      FileDescriptor(first_pair[0]), FileDescriptor(first_pair[1]),
      FileDescriptor(second_pair[0]), FileDescriptor(second_pair[1])};
  ReadBatch first(first_pair[0], 0, {{0, 1}});
  ReadBatch second(second_pair[0], 0, {{0, 1}});
  SubmitAll(&first);
  SubmitAll(&second);
  engine_->Cancel(&first[0]);
  EXPECT_EQ(write(first_pair[1], "1", 1), 1);
  WaitAll(&first);
  EXPECT_EQ(first[0].result, -ECANCELED);
  EXPECT_EQ(second[0].state(), IoState::kInFlight);
  EXPECT_EQ(write(second_pair[1], "2", 1), 1);
  WaitAll(&second);
  EXPECT_TRUE(second.Matches("2"));
  EXPECT_EQ(calls_.total(), 0u) << "all through the ring";
}

// A profiler's signals at 1 kHz, without SA_RESTART.
TEST_F(RealAsyncTest, ASignalStorm) {
  struct sigaction action = {};
  action.sa_handler = [](int) {};
  sigaction(SIGPROF, &action, nullptr);
  timer_t timer = nullptr;
  sigevent event = {};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGPROF;
  ASSERT_EQ(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
  const itimerspec every_millisecond = {{0, 1000000}, {0, 1000000}};
  timer_settime(timer, 0, &every_millisecond, nullptr);
  std::mt19937_64 random(TestSeed());
  RunOptions options;
  options.path = PathChoice::kUring;
  for (int round = 0; round < 100; ++round) {
    file_.DropCache();
    const auto ranges = RandomRanges(&random, 100, kFileSize, 0);
    ReadBatch waited(file_.fd(), 0, ranges);
    ReadBatch submitted(file_.fd(), 0, ranges);
    SubmitAll(&submitted);
    engine_->Run(waited.ops(), waited.size(), options);
    IoOp sync;
    sync.kind = IoKind::kFsync;
    sync.fd = file_.fd();
    engine_->Run(&sync, 1, options);
    EXPECT_EQ(sync.result, 0);
    WaitAll(&submitted);
    EXPECT_TRUE(waited.Matches(file_.model()));
    EXPECT_TRUE(submitted.Matches(file_.model()));
  }
  timer_delete(timer);
}

class AsyncStress : public AsyncFixture,
                    public ::testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    if (GetParam() == std::string("Real")) {
      SkipWithoutRing();
      MakeEngine(CreateRing);
    } else {
      kernel_.SetRandomFaults(TestSeed());
      MakeEngine(kernel_.factory());
    }
  }
};

// Threads submit, and wait for what others submitted; some is cancelled, some
// is called back, and batches that wait run beside it.
TEST_P(AsyncStress, AnyThreadWaitsForAnyOperation) {
  constexpr size_t kThreads = 6;
  std::vector<std::unique_ptr<ReadBatch>> batches;
  std::mt19937_64 random(TestSeed());
  for (size_t i = 0; i < kThreads; ++i) {
    batches.push_back(std::make_unique<ReadBatch>(
        file_.fd(), 0, RandomRanges(&random, 500, kFileSize, 0)));
  }
  Threads threads;
  for (size_t t = 0; t < kThreads; ++t) {
    threads.Start([&, t] {
      SubmitAll(batches[t].get());
      ReadBatch waited(file_.fd(), 0, Ranges(20));
      RunOptions options;
      options.path = PathChoice::kUring;
      engine_->Run(waited.ops(), waited.size(), options);
      EXPECT_TRUE(waited.Matches(file_.model()));
      for (size_t i = t; i < 500; i += 50) {
        engine_->Cancel(&(*batches[t])[i]);
      }
      engine_->Poll();
    });
  }
  threads.Join();
  for (size_t t = 0; t < kThreads; ++t) {
    threads.Start([&, t] { WaitAll(batches[(t + 1) % kThreads].get()); });
  }
  threads.Join();
  for (size_t t = 0; t < kThreads; ++t) {
    for (size_t i = 0; i < 500; ++i) {
      if ((i - t) % 50 != 0 || (*batches[t])[i].result != -ECANCELED) {
        EXPECT_TRUE(batches[t]->Matches(file_.model(), i));
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, AsyncStress,
                         ::testing::Values("Real", "Faulty"));

}  // namespace
}  // namespace rocksdb_uring
