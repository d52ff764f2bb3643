// How long the engines say that their operations took, and which are timed.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/engine/run_watch.h"

#include <vector>

#include "env/engine/shared_engine.h"
#include "tests/support/engine/test_support.h"

namespace rocksdb_uring {
namespace {

class RunWatchTest : public ::testing::Test {
 protected:
  // Buffered reads of `count` blocks.
  ReadBatch Blocks(size_t count) {
    std::vector<ReadBatch::Range> ranges;
    for (size_t i = 0; i < count; ++i) {
      ranges.push_back({i * 4096, 4096});
    }
    return ReadBatch(file_.fd(), 0, ranges);
  }

  TestFile file_{1 << 20};
};

TEST_F(RunWatchTest, EachRequestOfABatchIsTimed) {
  SharedEngine engine(EngineOptions{}, DetectRingFeatures());
  ReadBatch batch = Blocks(5);
  for (IoOp* op : batch.pointers()) {
    op->stat_kind = StatKind::kMultiRead;
  }
  engine.engine()->Run(batch.ops(), batch.size(), RunOptions());
  uint64_t count = 0;
  for (const IoPath path : {IoPath::kPosix, IoPath::kPageCache}) {
    const LatencySnapshot seen =
        engine.statistics()->Latency(StatKind::kMultiRead, path);
    count += seen.count();
    if (seen.count() > 0) {
      EXPECT_GT(seen.max_ns, 0u);
      EXPECT_GE(seen.max_ns, seen.Quantile(0.999));
    }
  }
  EXPECT_EQ(count, 5u);
}

TEST_F(RunWatchTest, ARingIsTimed) {
  SkipWithoutRing();
  SharedEngine engine(EngineOptions{}, DetectRingFeatures());
  RunOptions options;
  options.path = PathChoice::kUring;
  ReadBatch batch = Blocks(7);
  engine.engine()->Run(batch.ops(), batch.size(), options);
  EXPECT_EQ(
      engine.statistics()->Latency(StatKind::kRead, IoPath::kRing).count(), 7u);
}

TEST_F(RunWatchTest, AnAsynchronousOperationIsTimed) {
  SkipWithoutRing();
  SharedEngine engine(EngineOptions{}, DetectRingFeatures());
  ReadBatch batch = Blocks(3);
  for (IoOp* op : batch.pointers()) {
    ASSERT_TRUE(engine.engine()->Submit(op));
  }
  engine.engine()->WaitAll(batch.pointers().data(), batch.size());
  const LatencySnapshot seen =
      engine.statistics()->Latency(StatKind::kRead, IoPath::kRing);
  EXPECT_EQ(seen.count(), 3u);
  EXPECT_GT(seen.max_ns, 0u);
}

// A sixteenth, and never none: the first of a thread is timed.
TEST_F(RunWatchTest, SmallBufferedTransfersAreSampled) {
  constexpr int kReads = 16000;
  SharedEngine engine(EngineOptions{}, DetectRingFeatures());
  Threads threads;
  threads.Start([&] {
    ReadBatch batch = Blocks(1);
    for (int i = 0; i < kReads; ++i) {
      batch[0].Reset();
      engine.engine()->Run(batch.ops(), 1, RunOptions());
      if (i == 0) {
        EXPECT_EQ(engine.statistics()
                      ->Latency(StatKind::kRead, IoPath::kPosix)
                      .count(),
                  1u);
      }
    }
  });
  threads.Join();
  const uint64_t count =
      engine.statistics()->Latency(StatKind::kRead, IoPath::kPosix).count();
  EXPECT_GT(count, kReads / 16 * 8 / 10);
  EXPECT_LT(count, kReads / 16 * 12 / 10);
  EXPECT_EQ(engine.statistics()->Snapshot().op(StatKind::kRead).count,
            static_cast<uint64_t>(kReads));
}

TEST_F(RunWatchTest, LargeAndDirectTransfersAndSyncsAreAllTimed) {
  IoOp op;
  op.length = 4096;
  EXPECT_TRUE(MayBeBrief(&op, 1));
  EXPECT_FALSE(MayBeBrief(&op, 2));
  op.length = 1 << 20;
  EXPECT_FALSE(MayBeBrief(&op, 1));
  op.length = 4096;
  op.alignment = 4096;
  EXPECT_FALSE(MayBeBrief(&op, 1));
  op.alignment = 0;
  op.kind = IoKind::kFdatasync;
  EXPECT_FALSE(MayBeBrief(&op, 1));
}

}  // namespace
}  // namespace rocksdb_uring
