// Operations that have not returned: a device that hangs is seen while it does.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/engine/in_flight.h"

#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <thread>
#include <vector>

#include "env/engine/shared_engine.h"
#include "tests/support/engine/stuck_system_calls.h"
#include "tests/support/engine/test_support.h"
#include "tests/unit/engine/async_fixture.h"

namespace rocksdb_uring {
namespace {

constexpr uint64_t kStuckAt = 8 * 4096;

class InFlightTest : public ::testing::Test {
 protected:
  static SharedEngine Posix(SystemCalls* calls) {
    EngineOptions options;
    options.system_calls = calls;
    return SharedEngine(
        options, ExplainRefusal("io_uring_setup", Errno::FromErrno(EPERM)));
  }

  static InFlightReport InFlightOf(SharedEngine* engine) {
    InFlightReport report;
    engine->engine()->AddInFlight(&report);
    return report;
  }

  // Buffered reads of `count` blocks.
  ReadBatch Blocks(size_t count, uint64_t from = 0) {
    std::vector<ReadBatch::Range> ranges;
    for (size_t i = 0; i < count; ++i) {
      ranges.push_back({from + i * 4096, 4096});
    }
    return ReadBatch(file_.fd(), 0, ranges);
  }

  TestFile file_{1 << 20};
};

TEST_F(InFlightTest, AStuckReadIsSeenBesideOthers) {
  StuckSystemCalls calls(kStuckAt);
  SharedEngine engine = Posix(&calls);
  EXPECT_EQ(InFlightOf(&engine).operations, 0u);
  EXPECT_FALSE(InFlightOf(&engine).oldest.has_value());
  Threads threads;
  threads.Start([&] {
    ReadBatch stuck = Blocks(1, kStuckAt);
    engine.engine()->Run(stuck.ops(), 1, RunOptions());
    EXPECT_TRUE(stuck.Matches(file_.model()));
  });
  calls.AwaitStuck(1);
  uint64_t age_ns = 0;
  // What runs beside it neither hides nor frees its slot, whichever slots the
  // threads get.
  for (int i = 0; i < 300; ++i) {
    std::thread([&] {
      ReadBatch quick = Blocks(1);
      engine.engine()->Run(quick.ops(), 1, RunOptions());
    }).join();
    const InFlightReport report = InFlightOf(&engine);
    ASSERT_EQ(report.operations, 1u);
    ASSERT_TRUE(report.oldest.has_value());
    EXPECT_EQ(report.oldest->operation.kind, StatKind::kRead);
    EXPECT_EQ(report.oldest->operation.fd, file_.fd());
    EXPECT_EQ(report.oldest->operation.offset, kStuckAt);
    EXPECT_GE(report.oldest->age_ns, age_ns);
    age_ns = report.oldest->age_ns;
  }
  calls.Release();
  threads.Join();
  EXPECT_EQ(InFlightOf(&engine).operations, 0u);
}

TEST_F(InFlightTest, AStuckBatchCountsAllItsRequests) {
  StuckSystemCalls calls(kStuckAt);
  SharedEngine engine = Posix(&calls);
  Threads threads;
  threads.Start([&] {
    ReadBatch stuck = Blocks(12);
    RunOptions options;
    // Of a file that is not asked, so that the plain read is reached.
    PageCacheHint hint;
    hint.NoteCannotBeAsked();
    options.page_cache = &hint;
    engine.engine()->Run(stuck.ops(), stuck.size(), options);
  });
  calls.AwaitStuck(1);
  EXPECT_EQ(InFlightOf(&engine).operations, 12u);
  calls.Release();
  threads.Join();
  EXPECT_EQ(InFlightOf(&engine).operations, 0u);
}

// More threads than slots: all are counted.
TEST_F(InFlightTest, StuckThreadsBeyondTheTableAreCounted) {
  constexpr int kThreads = 200;
  StuckSystemCalls calls(kStuckAt);
  SharedEngine engine = Posix(&calls);
  Threads threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.Start([&] {
      ReadBatch stuck = Blocks(1, kStuckAt);
      engine.engine()->Run(stuck.ops(), 1, RunOptions());
    });
  }
  calls.AwaitStuck(kThreads);
  EXPECT_EQ(InFlightOf(&engine).operations, static_cast<uint64_t>(kThreads));
  calls.Release();
  threads.Join();
  EXPECT_EQ(InFlightOf(&engine).operations, 0u);
}

// The parent's threads are not in the child, which has an engine of its own.
TEST_F(InFlightTest, AForkedChildSeesNothingOfItsParent) {
  StuckSystemCalls calls(kStuckAt);
  SharedEngine engine = Posix(&calls);
  Threads threads;
  threads.Start([&] {
    ReadBatch stuck = Blocks(1, kStuckAt);
    engine.engine()->Run(stuck.ops(), 1, RunOptions());
  });
  calls.AwaitStuck(1);
  const pid_t child = fork();
  if (child == 0) {
    SharedEngine own(EngineOptions{}, DetectRingFeatures());
    ReadBatch quick = Blocks(1);
    own.engine()->Run(quick.ops(), 1, RunOptions());
    _exit(InFlightOf(&own).operations == 0 ? 0 : 1);
  }
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  calls.Release();
}

// On the fake kernel, which answers when it is told to.
class AsyncInFlightTest : public AsyncFixture {
 protected:
  InFlightReport Report() {
    InFlightReport report;
    engine_->AddInFlight(&report);
    return report;
  }
};

TEST_F(AsyncInFlightTest, ShowsWhatTheKernelHasAndTheOldestOfIt) {
  kernel_.WithholdAll();
  ReadBatch first(file_.fd(), 0, {{5000, 1000}});
  first[0].stat_kind = StatKind::kReadAsync;
  SubmitAll(&first);
  ReadBatch others(file_.fd(), 0, Ranges(5));
  SubmitAll(&others);
  const InFlightReport report = Report();
  EXPECT_EQ(report.operations, 6u);
  EXPECT_EQ(report.queued, 0u);
  ASSERT_TRUE(report.oldest.has_value());
  EXPECT_EQ(report.oldest->operation.kind, StatKind::kReadAsync);
  EXPECT_EQ(report.oldest->operation.offset, 5000u);
  EXPECT_EQ(report.oldest->operation.fd, file_.fd());
  Release(5000);
  EXPECT_EQ(Report().operations, 5u);
  kernel_.StopWithholding();
  WaitAll(&first);
  WaitAll(&others);
  EXPECT_EQ(Report().operations, 0u);
  EXPECT_FALSE(Report().oldest.has_value());
}

// Nobody has waited for it, and the device has answered.
TEST_F(AsyncInFlightTest, WhatHasCompletedIsNotInFlight) {
  ReadBatch batch(file_.fd(), 0, Ranges(3));
  SubmitAll(&batch);
  EXPECT_EQ(Report().operations, 0u);
  EXPECT_TRUE(batch[2].completed());
  WaitAll(&batch);
}

TEST_F(AsyncInFlightTest, WhatWaitsForRoomIsQueued) {
  MakeEngine(kernel_.factory(), /*queue_depth=*/8);
  kernel_.WithholdAll();
  // 64 completions, 16 of them for cancel requests.
  ReadBatch batch(file_.fd(), 0, Ranges(60));
  SubmitAll(&batch);
  const InFlightReport report = Report();
  EXPECT_EQ(report.operations, 48u);
  EXPECT_EQ(report.queued, 12u);
  kernel_.StopWithholding();
  WaitAll(&batch);
}

TEST_F(AsyncInFlightTest, ABatchOnALeasedRingIsShown) {
  kernel_.WithholdAll();
  Threads threads;
  ReadBatch batch(file_.fd(), 0, Ranges(9));
  threads.Start([&] {
    RunOptions options;
    options.path = PathChoice::kUring;
    engine_->Run(batch.ops(), batch.size(), options);
  });
  ASSERT_TRUE(kernel_.AwaitWithheld(9));
  EXPECT_EQ(Report().operations, 9u);
  kernel_.StopWithholding();
  threads.Join();
  EXPECT_EQ(Report().operations, 0u);
}

// A ring fails the read, and POSIX, which has to do it, hangs.
TEST_F(AsyncInFlightTest, WhatPosixFinishesForARingIsShown) {
  StuckSystemCalls calls(kStuckAt);
  EngineOptions options;
  options.ring_factory = kernel_.factory();
  options.system_calls = &calls;
  UringEngine engine(options, &statistics_, &account_);
  kernel_.SetRequestScript([](const RingRequest&, uint64_t) {
    FakeKernel::Verdict verdict;
    verdict.error = -EINVAL;
    return verdict;
  });
  ReadBatch batch(file_.fd(), 0, {{kStuckAt, 1000}});
  ASSERT_EQ(engine.Submit(batch.pointers().data(), 1), 1u);
  Threads threads;
  threads.Start([&] { EXPECT_TRUE(engine.Wait(&batch[0])); });
  calls.AwaitStuck(1);
  InFlightReport report;
  engine.AddInFlight(&report);
  EXPECT_EQ(report.operations, 1u);
  ASSERT_TRUE(report.oldest.has_value());
  EXPECT_EQ(report.oldest->operation.offset, kStuckAt);
  calls.Release();
  threads.Join();
  EXPECT_TRUE(batch.Matches(file_.model()));
}

}  // namespace
}  // namespace rocksdb_uring
