// The one engine of the process: options, limits, threads that come and go,
// and forked children.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/engine/shared_engine.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "tests/support/engine/test_support.h"

namespace rocksdb_uring {
namespace {

class SharedEngineTest : public ::testing::Test {
 protected:
  static constexpr size_t kFileSize = 1 << 20;

  // The engine with what `request` asks for, which must be granted.
  static std::shared_ptr<SharedEngine> Acquire(EngineRequest request = {}) {
    std::string conflict;
    std::shared_ptr<SharedEngine> engine =
        SharedEngine::Acquire(request, &conflict);
    EXPECT_NE(engine, nullptr) << conflict;
    return engine;
  }

  // One batch through a ring; whether all bytes are right.
  bool RunBatch(IoEngine* engine, size_t count = 8) {
    std::vector<ReadBatch::Range> ranges;
    for (size_t i = 0; i < count; ++i) {
      ranges.push_back({i * 4096, 4096});
    }
    ReadBatch batch(file_.fd(), 0, ranges);
    RunOptions options;
    options.path = PathChoice::kUring;
    engine->Run(batch.ops(), batch.size(), options);
    return bool(batch.Matches(file_.model()));
  }

  TestFile file_{kFileSize};
};

class EngineOptionsTest : public SharedEngineTest {};

TEST_F(EngineOptionsTest, EverybodyGetsTheSameEngine) {
  const std::shared_ptr<SharedEngine> first = Acquire();
  EXPECT_EQ(Acquire(), first);
  EngineRequest same;
  same.queue_depth = first->options().queue_depth;
  same.rings_max = first->options().rings_max;
  same.readahead_bytes = first->options().readahead_bytes;
  EXPECT_EQ(Acquire(same), first);
}

TEST_F(EngineOptionsTest, AConflictNamesBothValues) {
  EngineRequest request;
  request.queue_depth = 32;
  request.rings_max = 5;
  request.readahead_bytes = 7654321;
  const std::shared_ptr<SharedEngine> engine = Acquire(request);
  const auto conflict = [](std::function<void(EngineRequest*)> ask) {
    EngineRequest other;
    ask(&other);
    std::string text;
    EXPECT_EQ(SharedEngine::Acquire(other, &text), nullptr);
    return text;
  };
  std::string text = conflict([](EngineRequest* r) { r->queue_depth = 128; });
  EXPECT_NE(text.find("queue_depth=128"), std::string::npos) << text;
  EXPECT_NE(text.find("queue_depth=32"), std::string::npos) << text;
  text = conflict([](EngineRequest* r) { r->rings_max = 6; });
  EXPECT_NE(text.find("rings_max=6"), std::string::npos) << text;
  EXPECT_NE(text.find("rings_max=5"), std::string::npos) << text;
  text = conflict([](EngineRequest* r) { r->readahead_bytes = 1; });
  EXPECT_NE(text.find("readahead_bytes=1 "), std::string::npos) << text;
  EXPECT_NE(text.find("readahead_bytes=7654321"), std::string::npos) << text;
}

TEST_F(EngineOptionsTest, AfterTheLastUserOptionsMayBeOthers) {
  for (const uint32_t depth : {16u, 128u, 32u}) {
    EngineRequest request;
    request.queue_depth = depth;
    const std::shared_ptr<SharedEngine> engine = Acquire(request);
    EXPECT_EQ(engine->options().queue_depth, depth);
    EXPECT_TRUE(RunBatch(engine->engine()));
  }
}

TEST_F(EngineOptionsTest, ARefusedKernelMeansPosix) {
  SharedEngine engine(EngineOptions{}, ExplainRefusal("io_uring_setup",
                                                      Errno::FromErrno(EPERM)));
  EXPECT_FALSE(engine.has_rings());
  EXPECT_FALSE(engine.engine()->asynchronous());
  EXPECT_TRUE(RunBatch(engine.engine()));
  EXPECT_EQ(engine.rings(), 0u);
}

class EngineLimits : public SharedEngineTest {
 protected:
  void SetUp() override {
    SkipWithoutRing();
    engine_ = Acquire();
  }

  std::shared_ptr<SharedEngine> engine_;
};

TEST_F(EngineLimits, NoRingBeforeItIsNeeded) {
  EXPECT_EQ(engine_->rings(), 0u);
  EXPECT_LT(engine_->memory_bytes(), 64u << 10);
}

// Its counters take memory only where files are outside the share.
TEST_F(EngineLimits, ThePlainEngineIsMadeOnDemandAndCountsApart) {
  EXPECT_EQ(engine_->plain_statistics(), nullptr);
  const uint64_t memory = engine_->memory_bytes();
  IoEngine* const plain = engine_->plain_engine();
  EXPECT_GT(engine_->memory_bytes(), memory);
  EXPECT_EQ(engine_->plain_engine(), plain);
  EXPECT_TRUE(RunBatch(plain));
  EXPECT_EQ(engine_->statistics()->Snapshot().op(StatKind::kRead).count, 0u);
  const StatisticsSnapshot counted = engine_->plain_statistics()->Snapshot();
  EXPECT_GT(counted.op(StatKind::kRead, IoPath::kPosix).count, 0u);
  EXPECT_EQ(counted.op(StatKind::kRead, IoPath::kRing).count, 0u);
}

TEST_F(EngineLimits, ThreadsThatNeedThePlainEngineAtOnceGetTheSame) {
  std::array<IoEngine*, 8> seen = {};
  {
    Threads threads;
    for (IoEngine*& engine : seen) {
      threads.Start([&] { engine = engine_->plain_engine(); });
    }
  }
  for (IoEngine* const engine : seen) {
    EXPECT_EQ(engine, engine_->plain_engine());
  }
}

TEST_F(EngineLimits, MemoryWithSixtyFourBatchesAtOnce) {
  constexpr int kClients = 64;
  std::atomic<int> ready{0};
  {
    Threads threads;
    for (int t = 0; t < kClients; ++t) {
      threads.Start([&] {
        ++ready;
        while (ready < kClients) {
          std::this_thread::yield();
        }
        for (int i = 0; i < 20; ++i) {
          EXPECT_TRUE(RunBatch(engine_->engine(), 32));
        }
        // And an asynchronous read in each shard.
        ReadBatch batch(file_.fd(), 0, {{0, 4096}});
        IoOp* op = batch.ops();
        if (engine_->engine()->Submit(&op, 1) == 1) {
          EXPECT_TRUE(engine_->engine()->Wait(op));
        }
      });
    }
  }
  EXPECT_LE(engine_->rings(), 64u);
  EXPECT_GT(engine_->memory_bytes(), 8u << 10) << "rings are counted";
  EXPECT_LT(engine_->memory_bytes(), 1u << 20);
}

// The bound itself, whatever the scheduler makes of the test above.
TEST_F(EngineLimits, MemoryWithAllRings) {
  RingOptions options;
  options.entries = engine_->options().queue_depth;
  const RingOrError ring = CreateRing(options);
  ASSERT_NE(ring.ring, nullptr);
  EXPECT_LT(engine_->memory_bytes() +
                engine_->options().rings_max * ring.ring->memory_bytes(),
            768u << 10);
}

TEST_F(EngineLimits, ShortLivedThreadsLeaveNothing) {
  EXPECT_TRUE(RunBatch(engine_->engine()));
  const size_t descriptors = OpenDescriptors();
  const uint64_t memory = engine_->memory_bytes();
  for (int i = 0; i < 10000; ++i) {
    std::thread([&] { EXPECT_TRUE(RunBatch(engine_->engine(), 2)); }).join();
  }
  EXPECT_EQ(OpenDescriptors(), descriptors);
  EXPECT_EQ(engine_->memory_bytes(), memory);
  EXPECT_EQ(engine_->rings(), 1u);
}

TEST_F(EngineLimits, IdleThreadsHoldNoRings) {
  constexpr int kThreads = 1000;
  std::mutex one_at_a_time;
  std::condition_variable over;
  bool stop = false;
  int done = 0;
  Threads threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.Start([&] {
      std::unique_lock<std::mutex> lock(one_at_a_time);
      EXPECT_TRUE(RunBatch(engine_->engine(), 2));
      ++done;
      over.notify_all();
      over.wait(lock, [&] { return stop; });
    });
  }
  std::unique_lock<std::mutex> lock(one_at_a_time);
  over.wait(lock, [&] { return done == kThreads; });
  EXPECT_EQ(engine_->rings(), 1u);
  stop = true;
  over.notify_all();
}

TEST_F(EngineLimits, TheLastUserTakesTheDescriptorsAlong) {
  engine_.reset();
  const size_t descriptors = OpenDescriptors();
  engine_ = Acquire();
  EXPECT_TRUE(RunBatch(engine_->engine()));
  ReadBatch batch(file_.fd(), 0, {{0, 4096}});
  IoOp* op = batch.ops();
  ASSERT_EQ(engine_->engine()->Submit(&op, 1), 1u);
  EXPECT_TRUE(engine_->engine()->Wait(op));
  EXPECT_GT(OpenDescriptors(), descriptors);
  engine_.reset();
  EXPECT_EQ(OpenDescriptors(), descriptors);
}

class Fork : public SharedEngineTest {
 protected:
  void SetUp() override {
    SkipWithoutRing();
    parent_ = Acquire();
    EXPECT_TRUE(RunBatch(parent_->engine()));
  }

  // Runs `body` in a child and expects it to return true there.
  void ExpectInChild(const std::function<bool()>& body) {
    const pid_t child = fork();
    if (child == 0) {
      _exit(body() ? 0 : 1);
    }
    ASSERT_GT(child, 0);
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0)
        << "status " << status;
  }

  std::shared_ptr<SharedEngine> parent_;
};

TEST_F(Fork, TheParentsFilesGoThroughPosixInTheChild) {
  ExpectInChild([&] {
    const auto rings_before =
        parent_->statistics()->Snapshot().op(StatKind::kRead, IoPath::kRing);
    const bool right = RunBatch(parent_->engine());
    const auto rings_after =
        parent_->statistics()->Snapshot().op(StatKind::kRead, IoPath::kRing);
    char byte = 0;
    IoOp op;
    op.fd = file_.fd();
    op.buffer = &byte;
    op.length = 1;
    IoOp* ops = &op;
    return right && parent_->forked() &&
           rings_after.count == rings_before.count &&
           !parent_->engine()->asynchronous() &&
           parent_->engine()->Submit(&ops, 1) == 0 &&
           parent_->engine()->Poll() == 0;
  });
  EXPECT_TRUE(RunBatch(parent_->engine())) << "the parent is unharmed";
  EXPECT_FALSE(parent_->forked());
}

TEST_F(Fork, TheChildGetsAnEngineOfItsOwn) {
  ExpectInChild([&] {
    EngineRequest other;
    other.queue_depth = 16;
    std::string conflict;
    std::shared_ptr<SharedEngine> mine =
        SharedEngine::Acquire(other, &conflict);
    if (mine == nullptr || mine == parent_ || mine->forked() ||
        !RunBatch(mine->engine()) || mine->rings() != 1) {
      return false;
    }
    mine.reset();
    parent_.reset();
    return true;
  });
  EXPECT_TRUE(RunBatch(parent_->engine()));
}

TEST_F(Fork, OperationsInFlightEndInTheChildToo) {
  ReadBatch batch(file_.fd(), 0, {{0, 4096}, {4096, 4096}});
  const std::vector<IoOp*> ops = batch.pointers();
  ASSERT_EQ(parent_->engine()->Submit(ops.data(), ops.size()), 2u);
  ExpectInChild([&] {
    return parent_->engine()->Wait(ops[0]) && parent_->engine()->Wait(ops[1]) &&
           bool(batch.Matches(file_.model()));
  });
  EXPECT_TRUE(parent_->engine()->Wait(ops[0]));
  EXPECT_TRUE(parent_->engine()->Wait(ops[1]));
  EXPECT_TRUE(batch.Matches(file_.model()));
}

// Not with the address sanitizer: the runtime of this compiler's does not hold
// its allocator's locks over fork, and the child waits for one for ever.
#ifndef __SANITIZE_ADDRESS__
TEST_F(Fork, UnderLoad) {
  std::atomic<bool> stop{false};
  Threads threads;
  for (int t = 0; t < 4; ++t) {
    threads.Start([&] {
      while (!stop) {
        EXPECT_TRUE(RunBatch(parent_->engine(), 32));
        std::string ignored;
        SharedEngine::Acquire({}, &ignored);
      }
    });
  }
  for (int i = 0; i < 50; ++i) {
    ExpectInChild([&] {
      std::string conflict;
      const std::shared_ptr<SharedEngine> mine =
          SharedEngine::Acquire({}, &conflict);
      return mine != nullptr && RunBatch(parent_->engine()) &&
             RunBatch(mine->engine());
    });
  }
  stop = true;
}
#endif

}  // namespace
}  // namespace rocksdb_uring
