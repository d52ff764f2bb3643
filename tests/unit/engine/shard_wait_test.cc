// Threads wait in one shard while its ring dies: every wait ends, of the leader
// and of the followers. A watchdog names the threads that are stuck.
//
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "env/base/thread_number.h"
#include "tests/support/engine/decorated_rings.h"
#include "tests/support/engine/test_counts.h"
#include "tests/unit/engine/async_fixture.h"

namespace rocksdb_uring {
namespace {

// Ends the program if a thread is in the same step for unreasonably long.
class Watchdog {
 public:
  class Watched {
   public:
    // `step` must live for ever.
    void Enter(const char* step) {
      step_.store(step, std::memory_order_relaxed);
      steps_.fetch_add(1, std::memory_order_relaxed);
    }

   private:
    friend class Watchdog;
    std::atomic<const char*> step_{"its beginning"};
    std::atomic<uint64_t> steps_{0};
    uint64_t seen_ = 0;
    std::chrono::steady_clock::time_point since_;
  };

  explicit Watchdog(size_t threads)
      : watched_(threads), thread_([this] {
          while (!stop_) {
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
            LookAtAll();
          }
        }) {}
  ~Watchdog() {
    stop_ = true;
    thread_.join();
  }

  Watched* of(size_t thread) { return &watched_[thread]; }

 private:
  static constexpr std::chrono::seconds kPatience{40};

  void LookAtAll() {
    const auto now = std::chrono::steady_clock::now();
    bool stuck = false;
    for (size_t i = 0; i < watched_.size(); ++i) {
      Watched* const thread = &watched_[i];
      const uint64_t steps = thread->steps_;
      if (steps != thread->seen_ ||
          thread->since_.time_since_epoch().count() == 0) {
        thread->seen_ = steps;
        thread->since_ = now;
      } else if (now - thread->since_ > kPatience) {
        stuck = true;
        fprintf(stderr, "thread %zu is stuck in step %llu: %s\n", i,
                static_cast<unsigned long long>(steps), thread->step_.load());
      }
    }
    if (stuck) {
      abort();
    }
  }

  std::vector<Watched> watched_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

class ShardWaitTest : public AsyncFixture {};

// The leader waits for four reads; the ring dies at another thread's
// submission, which then waits, as a follower, for the one read that the kernel
// has of it.
TEST_F(ShardWaitTest, AFollowerOfFewerReturnsWhenTheRingDies) {
  for (const bool all_at_once : {true, false}) {
    MakeEngine(kernel_.factory());
    kernel_.WithholdAll();
    ReadBatch four(file_.fd(), 0, Ranges(4));
    SubmitAll(&four);
    ReadBatch one(file_.fd(), 0, {{100000, 1000}});
    SubmitAll(&one);
    Watchdog watchdog(2);
    Threads leader;
    leader.Start([&, this] {
      watchdog.of(0)->Enter("the leader waits for four");
      std::vector<IoOp*> ops = four.pointers();
      if (all_at_once) {
        engine_->WaitAll(ops.data(), ops.size());
      } else {
        WaitAll(&four);
      }
    });
    ASSERT_TRUE(kernel_.AwaitWaiting(1));
    kernel_.SetSubmitError(-EPERM);
    ReadBatch refused(file_.fd(), 0, {{200000, 1000}});
    SubmitAll(&refused);
    EXPECT_TRUE(refused.Matches(file_.model()));
    Threads releaser;
    releaser.Start([this] {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      kernel_.StopWithholding();
    });
    watchdog.of(1)->Enter("the follower waits for one");
    EXPECT_TRUE(engine_->Wait(&one[0]));
    releaser.Join();
    leader.Join();
    EXPECT_TRUE(one.Matches(file_.model()));
    EXPECT_TRUE(four.Matches(file_.model()));
    kernel_.SetSubmitError(0);
  }
}

// The kernel has taken the leader's read off no queue when the ring dies at
// another thread's submission, which completes it; a read of a stranger, which
// never comes back, is all that the leader could wait for.
TEST_F(ShardWaitTest, ALeaderReturnsWhenAnotherThreadCompletesItsOrphan) {
  kernel_.WithholdAll();
  ReadBatch stranger(file_.fd(), 0, Ranges(1));
  SubmitAll(&stranger);
  // Left on the queue by a kernel that is short of memory.
  kernel_.SetSubmitError(-EAGAIN);
  ReadBatch mine(file_.fd(), 0, {{100000, 1000}});
  SubmitAll(&mine);
  Watchdog watchdog(1);
  Threads leader;
  leader.Start([&, this] {
    watchdog.of(0)->Enter("the leader waits for what is not in the kernel");
    EXPECT_TRUE(engine_->Wait(&mine[0]));
  });
  ASSERT_TRUE(kernel_.AwaitWaiting(1));
  kernel_.SetSubmitError(-EPERM);
  ReadBatch refused(file_.fd(), 0, {{200000, 1000}});
  SubmitAll(&refused);
  leader.Join();
  EXPECT_TRUE(mine.Matches(file_.model()));
  kernel_.SetSubmitError(0);
  kernel_.StopWithholding();
  WaitAll(&stranger);
}

TEST_F(ShardWaitTest, AnyEndsWithTheFirstThatIsComplete) {
  kernel_.WithholdAll();
  ReadBatch batch(file_.fd(), 0, Ranges(100));
  const std::vector<IoOp*> ops = batch.pointers();
  EXPECT_FALSE(engine_->WaitAny(ops.data(), ops.size())) << "none is in flight";
  EXPECT_FALSE(engine_->WaitAny(ops.data(), 0));
  SubmitAll(&batch);
  EXPECT_FALSE(engine_->WaitAny(ops.data(), ops.size(), Deadline::In(1000)));
  // The last of them, as the leader.
  Threads leader;
  leader.Start([&] { EXPECT_TRUE(engine_->WaitAny(ops.data(), ops.size())); });
  ASSERT_TRUE(kernel_.AwaitWaiting(1));
  Release(99000);
  leader.Join();
  EXPECT_TRUE(batch[99].completed());
  EXPECT_FALSE(batch[0].completed());
  EXPECT_TRUE(engine_->WaitAny(ops.data(), ops.size(), Deadline::In(0)));
  EXPECT_FALSE(engine_->WaitAny(ops.data(), 99, Deadline::In(0)));
  kernel_.StopWithholding();
  WaitAll(&batch);
  EXPECT_TRUE(batch.Matches(file_.model()));
}

// The leader takes its completion off the ring.
TEST_F(ShardWaitTest, AnyEndsForAFollower) {
  kernel_.WithholdAll();
  ReadBatch slow(file_.fd(), 0, Ranges(1));
  SubmitAll(&slow);
  Threads leader;
  leader.Start([&] { EXPECT_TRUE(engine_->Wait(&slow[0])); });
  ASSERT_TRUE(kernel_.AwaitWaiting(1));
  ReadBatch batch(file_.fd(), 0, {{100000, 1000}, {200000, 1000}});
  SubmitAll(&batch);
  Threads follower;
  follower.Start([&] {
    const std::vector<IoOp*> ops = batch.pointers();
    EXPECT_TRUE(engine_->WaitAny(ops.data(), ops.size()));
    EXPECT_FALSE(batch[0].completed());
    EXPECT_TRUE(batch[1].completed());
  });
  Release(200000);
  follower.Join();
  EXPECT_FALSE(slow[0].completed());
  kernel_.StopWithholding();
  leader.Join();
  WaitAll(&batch);
}

// Operations of two threads, which are in two shards.
TEST_F(ShardWaitTest, AnyLooksAtAllShards) {
  kernel_.WithholdAll();
  ReadBatch mine(file_.fd(), 0, Ranges(1));
  SubmitAll(&mine);
  ReadBatch other(file_.fd(), 0, {{100000, 1000}});
  while (other[0].state() == IoState::kIdle) {
    std::thread([&] {
      if (ThreadNumber() % 2 != mine[0].shard % 2) {
        SubmitAll(&other);
      }
    }).join();
  }
  ASSERT_NE(mine[0].shard, other[0].shard);
  IoOp* const ops[] = {&mine[0], &other[0]};
  EXPECT_FALSE(engine_->WaitAny(ops, 2, Deadline::In(5000)));
  Threads waiter;
  waiter.Start([&] { EXPECT_TRUE(engine_->WaitAny(ops, 2)); });
  ASSERT_TRUE(kernel_.AwaitWaiting(1));
  Release(100000);
  waiter.Join();
  EXPECT_FALSE(mine[0].completed());
  EXPECT_TRUE(other[0].completed());
  kernel_.StopWithholding();
  WaitAll(&mine);
}

// More threads than shards keep several in flight each; no wake-up is lost.
TEST_F(ShardWaitTest, AnyServesManyThreads) {
  kernel_.SetRandomFaults(TestSeed());
  Watchdog watchdog(24);
  Threads threads;
  for (size_t t = 0; t < 24; ++t) {
    threads.Start([&, t] {
      ReadBatch batch(file_.fd(), 0, Ranges(8));
      for (int round = 0; round < 30; ++round) {
        watchdog.of(t)->Enter("WaitAny");
        SubmitAll(&batch);
        std::vector<IoOp*> left = batch.pointers();
        while (!left.empty()) {
          ASSERT_TRUE(engine_->WaitAny(left.data(), left.size()));
          const size_t before = left.size();
          left.erase(std::remove_if(left.begin(), left.end(),
                                    [](IoOp* op) { return op->completed(); }),
                     left.end());
          ASSERT_LT(left.size(), before);
        }
        ASSERT_TRUE(batch.Matches(file_.model()));
        for (size_t i = 0; i < batch.size(); ++i) {
          batch[i].Reset();
        }
      }
    });
  }
  threads.Join();
}

// No completion announces the end of an operation that is cancelled in the
// backlog: the leader has to look.
TEST_F(ShardWaitTest, ALeaderReturnsWhenItsQueuedOperationIsCancelled) {
  MakeEngine(kernel_.factory(), 8);
  kernel_.WithholdAll();
  ReadBatch batch(file_.fd(), 0, Ranges(150));
  SubmitAll(&batch);
  IoOp* const queued = &batch[149];
  ASSERT_EQ(queued->state(), IoState::kQueued);
  Watchdog watchdog(1);
  Threads leader;
  leader.Start([&, this] {
    watchdog.of(0)->Enter("the leader waits for a queued read");
    EXPECT_TRUE(engine_->Wait(queued));
  });
  ASSERT_TRUE(kernel_.AwaitWaiting(1));
  engine_->Cancel(queued);
  leader.Join();
  EXPECT_EQ(queued->end, IoEnd::kCancelled);
  kernel_.StopWithholding();
  for (size_t i = 0; i < 149; ++i) {
    EXPECT_TRUE(engine_->Wait(&batch[i]));
    EXPECT_TRUE(batch.Matches(file_.model(), i));
  }
}

// Rings of the real kernel that fail for good, at a submission or at a wait,
// once in a while.
class DyingRings {
 public:
  explicit DyingRings(uint64_t seed) : random_(seed) {}

  RingFactory factory() { return DecoratedRings<Dying>(this); }
  uint64_t deaths() const { return deaths_; }

 private:
  class Dying final : public ForwardingRing {
   public:
    Dying(std::unique_ptr<Ring> ring, DyingRings* all)
        : ForwardingRing(std::move(ring)), all_(all) {}
    int Submit() override { return Dead() ? -EPERM : ForwardingRing::Submit(); }
    int Wait(unsigned count, uint64_t timeout_us) override {
      return Dead() ? -EPERM : ForwardingRing::Wait(count, timeout_us);
    }

   private:
    // Once dead it stays so.
    bool Dead() {
      if (!dead_ && all_->Strikes()) {
        dead_ = true;
      }
      return dead_;
    }

    DyingRings* const all_;
    std::atomic<bool> dead_{false};
  };

  bool Strikes() {
    MutexLock lock(&mutex_);
    const bool strikes = random_() % 100 == 0;
    deaths_ += strikes ? 1 : 0;
    CountFaults(strikes ? 1 : 0);
    return strikes;
  }

  Mutex mutex_;
  std::mt19937_64 random_ URING_GUARDED_BY(mutex_);
  std::atomic<uint64_t> deaths_{0};
};

// One of many threads that share the shards: submits, and waits in every way.
class Waiter {
 public:
  // `model` is what the file holds.
  Waiter(UringEngine* engine, int fd, const std::string& model, uint64_t seed,
         Watchdog::Watched* watched)
      : engine_(engine),
        fd_(fd),
        model_(model),
        random_(seed),
        watched_(watched) {}

  void Run(int rounds) {
    for (int round = 0; round < rounds; ++round) {
      ReadBatch batch(
          fd_, 0, RandomRanges(&random_, 1 + random_() % 12, model_.size(), 0));
      std::vector<IoOp*> ops = batch.pointers();
      watched_->Enter("Submit");
      const size_t taken = engine_->Submit(ops.data(), ops.size());
      if (taken > 0 && random_() % 4 == 0) {
        watched_->Enter("Cancel");
        engine_->Cancel(ops[random_() % taken]);
      }
      WaitSomehow(ops.data(), taken);
      for (size_t i = 0; i < taken; ++i) {
        ASSERT_TRUE(ops[i]->completed());
        ASSERT_TRUE(ops[i]->end == IoEnd::kCancelled ||
                    batch.Matches(model_, i));
      }
    }
    watched_->Enter("its end");
  }

 private:
  void WaitSomehow(IoOp* const* ops, size_t count) {
    switch (random_() % 4) {
      case 0:
        watched_->Enter("WaitAll");
        engine_->WaitAll(ops, count);
        return;
      case 1:
        watched_->Enter("Wait, the last one first");
        for (size_t i = count; i-- > 0;) {
          EXPECT_TRUE(engine_->Wait(ops[i]));
        }
        return;
      case 2:
        watched_->Enter("Wait with a timeout");
        for (size_t i = 0; i < count; ++i) {
          while (!engine_->Wait(ops[i], random_() % 500)) {
          }
        }
        return;
      default:
        watched_->Enter("Poll");
        for (size_t i = 0; i < count; ++i) {
          while (!ops[i]->completed()) {
            engine_->Poll();
            std::this_thread::yield();
          }
        }
    }
  }

  UringEngine* const engine_;
  const int fd_;
  const std::string& model_;
  std::mt19937_64 random_;
  Watchdog::Watched* const watched_;
};

class ShardWaitStress : public ShardWaitTest {
 protected:
  // More than there are shards.
  static constexpr size_t kThreads = 12;
  static constexpr int kRounds = 150;

  // `trouble` is called again and again meanwhile.
  void RunAll(const std::function<void()>& trouble) {
    Watchdog watchdog(kThreads);
    std::atomic<bool> stop{false};
    Threads troublemaker;
    troublemaker.Start([&] {
      while (!stop) {
        trouble();
      }
    });
    Threads waiters;
    for (size_t i = 0; i < kThreads; ++i) {
      waiters.Start([&, i] {
        Waiter(engine_.get(), file_.fd(), file_.model(), TestSeed() + i,
               watchdog.of(i))
            .Run(kRounds);
      });
    }
    waiters.Join();
    stop = true;
    troublemaker.Join();
  }
};

TEST_F(ShardWaitStress, EveryWaitEndsOnTheFakeKernel) {
  MakeEngine(kernel_.factory(), 8);
  kernel_.SetRandomFaults(TestSeed());
  std::mt19937_64 random(TestSeed());
  const auto pause = [&] {
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 500));
  };
  // Until a ring has died while the threads were at work.
  for (int i = 0; Event(StatEvent::kRingRetired) == 0; ++i) {
    ASSERT_LT(i, 100) << "no ring dies";
    RunAll([&] {
      const int error = random() % 2 == 0 ? -EPERM : -EBADF;
      if (random() % 2 == 0) {
        kernel_.SetSubmitError(error);
        pause();
        kernel_.SetSubmitError(0);
      } else {
        kernel_.SetWaitError(error);
        pause();
        kernel_.SetWaitError(0);
      }
      pause();
    });
  }
}

TEST_F(ShardWaitStress, EveryWaitEndsOnTheRealKernel) {
  SkipWithoutRing();
  DyingRings rings(TestSeed());
  MakeEngine(rings.factory(), 8);
  RunAll([this] {
    file_.DropCache();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  });
  EXPECT_GT(rings.deaths(), 0u);
  EXPECT_GT(statistics_.Snapshot().op(StatKind::kRead, IoPath::kRing).count,
            0u);
  engine_.reset();
}

}  // namespace
}  // namespace rocksdb_uring
