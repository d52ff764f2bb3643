// Coroutines that read on the threads of the plugin's executor.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/fs/read_executor.h"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <functional>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "env/engine/deadline_reads.h"
#include "env/engine/ring_loop.h"
#include "folly/coro/Baton.h"
#include "folly/coro/CurrentExecutor.h"
#include "folly/futures/Future.h"
#include "tests/support/engine/fake_ring.h"
#include "tests/support/engine/test_support.h"
#include "tests/unit/coroutines/support.h"

namespace rocksdb_uring {
namespace {

class ReadExecutorTest : public ::testing::Test {
 protected:
  static constexpr size_t kFileSize = 4 << 20;

  void SetUp() override { Start(kernel_.factory(), 2); }
  void TearDown() override {
    executor_.reset();
    engine_.reset();
    EXPECT_EQ(kernel_.observations().Complaints(), "");
  }

  void Start(RingFactory factory, size_t threads) {
    executor_.reset();
    EngineOptions options;
    options.ring_factory = std::move(factory);
    RingFeatures features;
    features.verdict = RingVerdict::kUsable;
    engine_ = std::make_shared<SharedEngine>(options, features);
    executor_ = ReadExecutor::Start(engine_, threads);
    ASSERT_NE(executor_, nullptr);
  }

  // One read, waited for as RocksDB's SubmitMultiReadAsync waits for its reads.
  // Returns whether it has come back on its thread with the right bytes.
  Task<bool> Read(uint64_t offset, size_t length) {
    folly::Executor* const executor = co_await coro::co_current_executor;
    const std::thread::id thread = std::this_thread::get_id();
    coro::Baton baton;
    const std::function<void()> done = [executor, &baton] {
      executor->add([&baton] { baton.post(); });
    };
    std::string buffer(length, '\0');
    IoOp op;
    op.fd = file_.fd();
    op.offset = offset;
    op.buffer = buffer.data();
    op.length = length;
    op.stat_kind = StatKind::kReadAsync;
    op.context = const_cast<std::function<void()>*>(&done);
    op.callback = [](IoOp* completed) {
      (*static_cast<std::function<void()>*>(completed->context))();
    };
    RingLoop::Current()->Submit(&op);
    co_await baton;
    co_return thread == std::this_thread::get_id() &&
        op.result == static_cast<int64_t>(length) &&
        file_.model().compare(offset, length, buffer) == 0;
  }

  // Reads one after the other; returns how many were right.
  Task<int> ReadSome(uint64_t seed, int reads) {
    std::mt19937_64 random(seed);
    int right = 0;
    for (int i = 0; i < reads; ++i) {
      const size_t length = 1 + random() % 5000;
      const uint64_t offset = random() % (kFileSize - length);
      right += co_await Read(offset, length) ? 1 : 0;
    }
    co_return right;
  }

  // Many of these at once. Returns when all are through.
  void ReadOnAllThreads(int coroutines, int reads) {
    std::vector<folly::SemiFuture<int>> futures;
    for (int i = 0; i < coroutines; ++i) {
      futures.push_back(
          coro::co_withExecutor(
              executor_->executor()->getEventBase(),
              ReadSome(TestSeed() + static_cast<uint64_t>(i), reads))
              .start());
    }
    for (folly::SemiFuture<int>& future : futures) {
      EXPECT_EQ(std::move(future).get(), reads);
    }
  }

  uint64_t RingReads() const {
    return engine_->statistics()
        ->Snapshot()
        .op(StatKind::kReadAsync, IoPath::kRing)
        .count;
  }

  FakeKernel kernel_;
  TestFile file_{kFileSize};
  std::shared_ptr<SharedEngine> engine_;
  std::unique_ptr<ReadExecutor> executor_;
};

TEST_F(ReadExecutorTest, CoroutinesReadOnTheirThreads) {
  ReadOnAllThreads(50, 20);
  EXPECT_EQ(RingReads(), 1000u);
  EXPECT_EQ(kernel_.observations().rings_made, 2u);
}

TEST_F(ReadExecutorTest, CoroutinesReadThroughFaults) {
  for (uint64_t round = 0; round < 5; ++round) {
    kernel_.SetRandomFaults(TestSeed() + round);
    ReadOnAllThreads(50, 10);
  }
}

TEST_F(ReadExecutorTest, CoroutinesReadWhenTheRingIsRefusedLater) {
  kernel_.SetFactoryError(-EPERM);
  ReadOnAllThreads(10, 5);
  EXPECT_EQ(RingReads(), 0u);
}

TEST_F(ReadExecutorTest, AThousandAreInFlightOnTwoRealRings) {
  SkipWithoutRing();
  Start(CreateRing, 2);
  ReadOnAllThreads(1000, 10);
  EXPECT_EQ(RingReads(), 10000u);
}

TEST_F(ReadExecutorTest, TasksThatOtherThreadsStartAreNotLost) {
  std::atomic<int> ran{0};
  Threads threads;
  for (int i = 0; i < 4; ++i) {
    threads.Start([this, &ran] {
      for (int round = 0; round < 500; ++round) {
        executor_->executor()->getEventBase()->add([&ran] { ++ran; });
        if (round % 50 == 0) {
          // The executor's threads fall asleep.
          std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
      }
    });
  }
  threads.Join();
  executor_.reset();
  EXPECT_EQ(ran, 2000);
}

TEST_F(ReadExecutorTest, SpreadsTasksAndKeepsThoseOfItsThreads) {
  folly::IOExecutor* const executor = executor_->executor();
  EXPECT_NE(executor->getEventBase(), executor->getEventBase());
  auto same = [](folly::IOExecutor* from) -> Task<bool> {
    folly::EventBase* const here = from->getEventBase();
    const bool inside = here->isInEventBaseThread();
    co_await coro::co_reschedule_on_current_executor;
    co_return inside&& here == from->getEventBase();
  };
  EXPECT_TRUE(coro::blockingWait(
      coro::co_withExecutor(executor->getEventBase(), same(executor))));
}

TEST_F(ReadExecutorTest, GrowsWhileItIsUsed) {
  Threads reads;
  reads.Start([this] { ReadOnAllThreads(100, 10); });
  executor_->Grow(5);
  reads.Join();
  EXPECT_EQ(executor_->threads(), 5u);
  executor_->Grow(3);
  EXPECT_EQ(executor_->threads(), 5u) << "it never shrinks";
  std::set<folly::EventBase*> all;
  for (int i = 0; i < 5; ++i) {
    all.insert(executor_->executor()->getEventBase());
  }
  EXPECT_EQ(all.size(), 5u);
}

TEST_F(ReadExecutorTest, HasAMaximumOfThreads) {
  Start(kernel_.factory(), 1000);
  EXPECT_EQ(executor_->threads(), ReadExecutor::kThreadsMax);
}

TEST_F(ReadExecutorTest, IsNotThereWithoutRings) {
  const auto posix =
      std::make_shared<SharedEngine>(EngineOptions(), RingFeatures());
  EXPECT_EQ(ReadExecutor::Start(posix, 2), nullptr);
}

TEST_F(ReadExecutorTest, ItsEndWaitsForCoroutines) {
  kernel_.WithholdAll();
  std::vector<folly::SemiFuture<int>> futures;
  for (int i = 0; i < 10; ++i) {
    futures.push_back(
        coro::co_withExecutor(executor_->executor()->getEventBase(),
                              ReadSome(static_cast<uint64_t>(i), 3))
            .start());
  }
  ASSERT_TRUE(kernel_.AwaitWithheld(10));
  Threads releases;
  releases.Start([this] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    kernel_.StopWithholding();
  });
  executor_.reset();
  for (folly::SemiFuture<int>& future : futures) {
    EXPECT_EQ(std::move(future).get(), 3);
  }
}

// The thread that holds the last pointer to the engine ends it, when the device
// answers.
TEST_F(ReadExecutorTest, ItsEndDoesNotWaitForReadsThatMissedTheirDeadline) {
  kernel_.SetRequestScript([](const RingRequest& request, uint64_t) {
    FakeKernel::Verdict verdict;
    verdict.withheld = request.opcode == RingOpcode::kRead;
    verdict.cancelable = false;
    return verdict;
  });
  std::string buffer(1000, '\0');
  IoOp op;
  op.fd = file_.fd();
  op.buffer = buffer.data();
  op.length = buffer.size();
  std::atomic<bool> completed{false};
  op.context = &completed;
  op.callback = [](IoOp* late) {
    *static_cast<std::atomic<bool>*>(late->context) = true;
  };
  executor_->executor()->getEventBase()->add([this, &op] {
    engine_->deadline_reads()->RunOnLoop(&op, engine_, Deadline::In(2000),
                                         RingLoop::Current());
  });
  while (!completed) {
    std::this_thread::yield();
  }
  EXPECT_EQ(op.end, IoEnd::kAbandoned);
  executor_.reset();
  engine_.reset();
  EXPECT_EQ(kernel_.observations().rings_alive, 1u);
  kernel_.StopWithholding();
  while (kernel_.observations().rings_alive > 0) {
    std::this_thread::yield();
  }
  EXPECT_EQ(buffer, std::string(1000, '\0'));
}

// As a callback of GetAsync may close the last database.
TEST_F(ReadExecutorTest, OneOfItsThreadsMayEndIt) {
  ReadOnAllThreads(10, 5);
  std::atomic<bool> added{false};
  std::atomic<bool> ended{false};
  executor_->executor()->getEventBase()->add([this, &added, &ended] {
    // Nothing is added any more when the executor ends.
    while (!added) {
      std::this_thread::yield();
    }
    executor_.reset();
    engine_.reset();
    ended = true;
  });
  added = true;
  while (!ended) {
    std::this_thread::yield();
  }
}

TEST_F(ReadExecutorTest, AForkedChildEndsWithoutTheThreads) {
  ReadOnAllThreads(10, 5);
  const pid_t child = fork();
  if (child == 0) {
    const bool forked =
        executor_->forked() && ReadExecutor::Start(engine_, 1) == nullptr;
    _exit(forked ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  ReadOnAllThreads(10, 5);
}

TEST_F(ReadExecutorTest, AnIdleExecutorDoesNothing) {
  ReadOnAllThreads(10, 5);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const uint64_t waits = kernel_.observations().waits;
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(kernel_.observations().waits, waits);
}

}  // namespace
}  // namespace rocksdb_uring
