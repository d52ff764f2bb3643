// Who goes first: in a shard's queue, and in the kernel.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/engine/io_priority.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "env/engine/uring_engine.h"
#include "tests/support/engine/fake_ring.h"
#include "tests/support/engine/test_support.h"
#include "tests/unit/engine/shard_queue_fixture.h"

namespace rocksdb_uring {
namespace {

// As <linux/ioprio.h> has them.
constexpr int Class(int number, int level) { return number << 13 | level; }
constexpr uint16_t kLow = Class(2, 7);
constexpr uint16_t kIdle = Class(3, 0);

TEST(RequestPriorityTest, NeverRaisesTheThread) {
  const std::map<int, uint16_t> low_of = {
      {0, kLow},           {Class(2, 0), kLow},
      {Class(2, 7), kLow}, {Class(3, 0), kIdle},
      {Class(1, 4), 0},    {-38, kLow}};
  for (const auto& [thread, low] : low_of) {
    EXPECT_EQ(RequestPriority(IoPriority::kForeground, thread), 0) << thread;
    EXPECT_EQ(RequestPriority(IoPriority::kAhead, thread), 0) << thread;
    EXPECT_EQ(RequestPriority(IoPriority::kBackground, thread), low) << thread;
    EXPECT_EQ(RequestPriority(IoPriority::kIdle, thread), low == 0 ? 0 : kIdle)
        << thread;
  }
}

// 48 completions, of which 16 are kept for cancel requests: 32 requests, 16 of
// them of what is wanted later.
class LaterTest : public ShardQueueFixture {
 protected:
  static constexpr unsigned kRoom = 32;

  LaterTest() : ShardQueueFixture(kRoom, /*backlog_max=*/8) {}

  void TearDown() override {
    kernel_.StopWithholding();
    while (Reap().count > 0) {
      queue_->Pump();
    }
    ShardQueueFixture::TearDown();
  }

  // Lives until nothing is in flight.
  ReadBatch* Batch(size_t count, IoPriority priority) {
    batches_.push_back(
        std::make_unique<ReadBatch>(file_.fd(), 0, Ranges(count)));
    ReadBatch* const batch = batches_.back().get();
    for (size_t i = 0; i < count; ++i) {
      (*batch)[i].priority = priority;
    }
    return batch;
  }
  static size_t CountOf(ReadBatch* batch, IoState state) {
    size_t count = 0;
    for (size_t i = 0; i < batch->size(); ++i) {
      count += (*batch)[i].state() == state ? 1 : 0;
    }
    return count;
  }

  std::vector<std::unique_ptr<ReadBatch>> batches_;
};

TEST_F(LaterTest, LeavesHalfOfTheRingToTheForeground) {
  for (const IoPriority priority :
       {IoPriority::kAhead, IoPriority::kBackground, IoPriority::kIdle}) {
    ReadBatch* const later = Batch(kRoom / 2 + 4, priority);
    ReadBatch* const now = Batch(kRoom / 2 + 2, IoPriority::kForeground);
    ASSERT_EQ(Add(later), later->size());
    EXPECT_EQ(CountOf(later, IoState::kInFlight), kRoom / 2);
    // Past those that wait.
    ASSERT_EQ(Add(now), now->size());
    EXPECT_EQ(CountOf(now, IoState::kInFlight), kRoom / 2);
    kernel_.ReleaseAll();
    EXPECT_EQ(Reap().count, kRoom);
    queue_->Pump();
    EXPECT_EQ(CountOf(now, IoState::kQueued), 0u);
    EXPECT_EQ(CountOf(later, IoState::kQueued), 0u);
    kernel_.ReleaseAll();
    EXPECT_EQ(Reap().count, 6u);
  }
}

TEST_F(LaterTest, HasABacklogOfItsOwn) {
  ReadBatch* const later = Batch(kRoom, IoPriority::kAhead);
  EXPECT_EQ(Add(later), kRoom / 2 + 8);
  ReadBatch* const now = Batch(kRoom, IoPriority::kForeground);
  EXPECT_EQ(Add(now), kRoom / 2 + 8);
}

TEST_F(LaterTest, GoesToTheFrontWhenAThreadWaitsForIt) {
  ReadBatch* const first = Batch(kRoom, IoPriority::kForeground);
  ReadBatch* const later = Batch(3, IoPriority::kBackground);
  ReadBatch* const now = Batch(2, IoPriority::kForeground);
  ASSERT_EQ(Add(first) + Add(later) + Add(now), kRoom + 5);
  queue_->Hurry(&(*later)[1]);
  queue_->Hurry(&(*later)[1]);
  queue_->Hurry(&(*first)[0]);
  // Room for three: those of the foreground, and the one that is waited for.
  size_t left = 3;
  ASSERT_EQ(kernel_.ReleaseIf(
                [&left](const RingRequest&) { return left > 0 && left-- > 0; }),
            3u);
  ASSERT_EQ(Reap().count, 3u);
  queue_->Pump();
  EXPECT_EQ(CountOf(now, IoState::kInFlight), 2u);
  EXPECT_EQ((*later)[0].state(), IoState::kQueued);
  EXPECT_EQ((*later)[1].state(), IoState::kInFlight);
  EXPECT_EQ((*later)[2].state(), IoState::kQueued);
  InFlightReport report;
  queue_->AddInFlight(&report);
  EXPECT_EQ(report.queued, 2u);
}

TEST_F(LaterTest, CanBeCancelledAndTakenBack) {
  ReadBatch* const first = Batch(kRoom / 2, IoPriority::kForeground);
  ReadBatch* const later = Batch(4, IoPriority::kAhead);
  ASSERT_EQ(Add(first) + Add(later), kRoom / 2 + 4);
  EXPECT_TRUE(queue_->has_waiting());
  EXPECT_TRUE(queue_->TakeWaiting(&(*later)[2]));
  EXPECT_FALSE(queue_->TakeWaiting(&(*later)[2]));
  queue_->GiveUp("io_uring_enter", Errno::FromErrno(EBADF));
  ShardQueue::Harvest harvest;
  queue_->TakeOrphans(&harvest);
  EXPECT_EQ(harvest.count, 3u);
  EXPECT_FALSE(queue_->has_waiting());
}

// The priorities that the kernel is given for reads of this engine.
class KernelPriorityTest : public ::testing::Test {
 protected:
  void SetUp() override {
    kernel_.SetRequestScript([this](const RingRequest& request, uint64_t) {
      ++seen_[request.io_priority];
      return FakeKernel::Verdict();
    });
    EngineOptions options;
    options.ring_factory = kernel_.factory();
    engine_ = std::make_unique<UringEngine>(options, &statistics_, &account_);
  }
  std::map<uint16_t, size_t> SeenOf(IoPriority priority) {
    seen_.clear();
    ReadBatch batch(file_.fd(), 0, {{0, 100}, {100, 100}});
    for (size_t i = 0; i < batch.size(); ++i) {
      batch[i].priority = priority;
    }
    const std::vector<IoOp*> ops = batch.pointers();
    EXPECT_EQ(engine_->Submit(ops.data(), 1), 1u);
    engine_->Wait(ops[0]);
    RunOptions run;
    run.path = PathChoice::kUring;
    engine_->Run(&batch[1], 1, run);
    EXPECT_TRUE(batch.Matches(file_.model()));
    return seen_;
  }

  std::map<uint16_t, size_t> seen_;
  FakeKernel kernel_;
  Statistics statistics_;
  MemoryAccount account_;
  TestFile file_{4096};
  std::unique_ptr<UringEngine> engine_;
};

TEST_F(KernelPriorityTest, IsThatOfTheOperation) {
  using Seen = std::map<uint16_t, size_t>;
  EXPECT_EQ(SeenOf(IoPriority::kForeground), (Seen{{0, 2}}));
  EXPECT_EQ(SeenOf(IoPriority::kAhead), (Seen{{0, 2}}));
  const auto events = [this] {
    return statistics_.Snapshot().event(StatEvent::kBackgroundRequest);
  };
  EXPECT_EQ(events(), 0u);
  EXPECT_EQ(SeenOf(IoPriority::kBackground), (Seen{{kLow, 2}}));
  EXPECT_EQ(SeenOf(IoPriority::kIdle), (Seen{{kIdle, 2}}));
  EXPECT_EQ(events(), 4u);
}

TEST_F(KernelPriorityTest, KeepsAThreadInTheIdleClass) {
  std::map<uint16_t, size_t> seen;
  std::thread([&] {
    constexpr int kOfThread = 1;
    ASSERT_EQ(syscall(SYS_ioprio_set, kOfThread, 0, kIdle), 0);
    seen = SeenOf(IoPriority::kBackground);
  }).join();
  EXPECT_EQ(seen, (std::map<uint16_t, size_t>{{kIdle, 2}}));
}

// A wait moves an operation to the front; a look does not.
TEST(WaitPriorityTest, LooksDoNotHurry) {
  FakeKernel kernel;
  Statistics statistics;
  MemoryAccount account;
  TestFile file(4096);
  ReadBatch batch(file.fd(), 0,
                  std::vector<ReadBatch::Range>(30, ReadBatch::Range{0, 100}));
  EngineOptions options;
  // 64 completions, 16 of them for cancel requests: 24 for what comes later.
  options.queue_depth = EngineOptions::kQueueDepthMin;
  options.ring_factory = kernel.factory();
  UringEngine engine(options, &statistics, &account);
  kernel.WithholdAll();
  const std::vector<IoOp*> ops = batch.pointers();
  for (IoOp* op : ops) {
    op->priority = IoPriority::kAhead;
  }
  ASSERT_EQ(engine.Submit(ops.data(), ops.size()), ops.size());
  ASSERT_EQ(batch[29].state(), IoState::kQueued);
  EXPECT_FALSE(engine.Wait(&batch[29], 0));
  EXPECT_EQ(batch[29].state(), IoState::kQueued);
  EXPECT_FALSE(engine.Wait(&batch[29], 100 * 1000));
  EXPECT_EQ(batch[29].state(), IoState::kInFlight);
  EXPECT_EQ(batch[28].state(), IoState::kQueued);
  kernel.StopWithholding();
  EXPECT_TRUE(engine.WaitAll(ops.data(), ops.size()));
  EXPECT_TRUE(batch.Matches(file.model()));
}

// Kinds whose request has no priority included.
TEST(KernelPriorityRealTest, IsTakenByTheKernel) {
  SkipWithoutRing();
  Statistics statistics;
  MemoryAccount account;
  UringEngine engine(EngineOptions(), &statistics, &account);
  IoEngine* const shared = &engine;
  TestFile file(4096);
  for (const IoPriority priority :
       {IoPriority::kBackground, IoPriority::kIdle}) {
    for (const IoKind kind :
         {IoKind::kRead, IoKind::kReadv, IoKind::kWrite, IoKind::kWritev,
          IoKind::kFsync, IoKind::kFdatasync, IoKind::kSyncFileRange,
          IoKind::kFallocate}) {
      char byte = 0;
      const iovec piece = {&byte, 1};
      IoOp op;
      op.kind = kind;
      op.fd = file.fd();
      op.buffer = &byte;
      op.length = 1;
      op.iov = &piece;
      op.iov_count = 1;
      op.priority = priority;
      ASSERT_TRUE(shared->Submit(&op));
      ASSERT_TRUE(shared->Wait(&op));
      EXPECT_EQ(op.result, IsTransfer(op) ? 1 : 0) << static_cast<int>(kind);
      EXPECT_EQ(op.path, IoPath::kRing) << static_cast<int>(kind);
    }
  }
}

}  // namespace
}  // namespace rocksdb_uring
