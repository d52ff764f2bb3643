// ShardQueue and ShardWaiters alone: no thread waits in a kernel.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/engine/shard_queue.h"

#include <cerrno>
#include <memory>
#include <thread>
#include <vector>

#include "env/base/clock.h"
#include "env/engine/background_pace.h"
#include "env/engine/shard_waiters.h"
#include "tests/support/engine/limited_pace.h"
#include "tests/unit/engine/shard_queue_fixture.h"

namespace rocksdb_uring {
namespace {

class ShardQueueTest : public ShardQueueFixture {
 protected:
  static constexpr size_t kBacklogMax = 4;

  ShardQueueTest() : ShardQueueFixture(/*room=*/16, kBacklogMax) {}
};

TEST_F(ShardQueueTest, HoldsAnOperationUntilItIsReaped) {
  ReadBatch batch(file_.fd(), 0, Ranges(1));
  EXPECT_EQ(queue_->ring_to_wait_on(), nullptr);
  ASSERT_EQ(Add(&batch), 1u);
  EXPECT_EQ(batch[0].shard, kIndex);
  EXPECT_TRUE(queue_->Holds(batch[0]));
  EXPECT_NE(queue_->ring_to_wait_on(), nullptr);
  EXPECT_EQ(Reap().count, 0u);
  kernel_.StopWithholding();
  const ShardQueue::Harvest harvest = Reap();
  ASSERT_EQ(harvest.count, 1u);
  EXPECT_EQ(harvest.items[0].op, &batch[0]);
  EXPECT_EQ(harvest.items[0].result, 100);
  EXPECT_FALSE(harvest.items[0].orphan);
  EXPECT_FALSE(queue_->Holds(batch[0]));
  EXPECT_EQ(queue_->ring_to_wait_on(), nullptr);
}

// 32 completions, of which 16 are kept for cancel requests; 4 more may wait.
TEST_F(ShardQueueTest, IsBoundedAndRefillsTheRing) {
  ReadBatch batch(file_.fd(), 0, Ranges(30));
  ASSERT_EQ(Add(&batch), 16 + kBacklogMax);
  EXPECT_EQ(batch[16].state(), IoState::kQueued);
  EXPECT_EQ(batch[20].state(), IoState::kIdle);
  EXPECT_TRUE(queue_->has_waiting());
  EXPECT_TRUE(queue_->TakeWaiting(&batch[17]));
  EXPECT_FALSE(queue_->TakeWaiting(&batch[0]));
  kernel_.StopWithholding();
  EXPECT_EQ(Reap().count, 16u);
  queue_->Pump();
  EXPECT_FALSE(queue_->has_waiting());
  EXPECT_EQ(Reap().count, kBacklogMax - 1);
}

TEST_F(ShardQueueTest, GivesBackWhatADeadRingHasNotConsumed) {
  ReadBatch consumed(file_.fd(), 0, Ranges(2));
  ASSERT_EQ(Add(&consumed), 2u);
  kernel_.SetSubmitError(-EAGAIN);
  ReadBatch left(file_.fd(), 0, Ranges(3));
  ASSERT_EQ(Add(&left), 3u);
  queue_->GiveUp("io_uring_enter", Errno::FromErrno(EBADF));
  EXPECT_FALSE(queue_->has_ring());
  ShardQueue::Harvest harvest;
  queue_->TakeOrphans(&harvest);
  ASSERT_EQ(harvest.count, 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(harvest.items[i].op, &left[i]);
    EXPECT_TRUE(harvest.items[i].orphan);
  }
  EXPECT_TRUE(queue_->Holds(consumed[0]));
  EXPECT_FALSE(queue_->EnsureRing(false)) << "its buffers are the kernel's";
  kernel_.SetSubmitError(0);
  kernel_.StopWithholding();
  EXPECT_EQ(Reap().count, 2u);
  EXPECT_FALSE(queue_->EnsureRing(true)) << "a thread waits on it";
  EXPECT_TRUE(queue_->EnsureRing(false));
  EXPECT_EQ(kernel_.observations().rings_made, 2u);
}

TEST_F(ShardQueueTest, EvidenceOfARingThatIsGoneDoesNotCount) {
  const uint64_t number = Reap().ring_number;
  queue_->GiveUp("io_uring_enter", Errno::FromErrno(EBADF));
  ASSERT_TRUE(queue_->EnsureRing(false));
  RingEvidence seen;
  seen.refused = 1;
  seen.last_refusal = -EACCES;
  queue_->Judge(seen, number);
  EXPECT_TRUE(queue_->has_ring());
  queue_->Judge(seen, Reap().ring_number);
  EXPECT_FALSE(queue_->has_ring());
}

// Operations that wait for their turn.
class PacedQueueTest : public ShardQueueTest {
 protected:
  // Of 1 MiB, so that two may be in flight.
  static constexpr uint64_t kLength = BackgroundPace::kInFlightMax / 2;

  void SetUp() override {
    ShardQueueTest::SetUp();
    for (size_t i = 0; i < kCount; ++i) {
      IoOp& op = batch_[i];
      op.length = kLength;
      op.buffer = buffer_.data();
      op.priority = IoPriority::kBackground;
      op.pace = &pace_;
    }
  }
  void TearDown() override {
    Finish();
    ShardQueueTest::TearDown();
  }
  void Finish() {
    kernel_.StopWithholding();
    while (Reap().count > 0 || queue_->has_waiting()) {
      queue_->Pump();
    }
  }
  IoState state(size_t i) { return batch_[i].state(); }
  // The device limits compactions, and the next turn is a while off.
  void Limit() {
    LimitCompactions(&pace_);
    ASSERT_TRUE(pace_.limited());
    pace_.Started(BackgroundPace::kInFlightMax, MonotonicNs());
    pace_.Came(BackgroundPace::kInFlightMax, MonotonicNs());
  }

  static constexpr size_t kCount = 4;
  BackgroundPace pace_;
  std::vector<char> buffer_ = std::vector<char>(kLength);
  ReadBatch batch_{file_.fd(), 0, Ranges(kCount)};
};

TEST_F(PacedQueueTest, StartWhenOthersHaveCome) {
  ASSERT_EQ(Add(&batch_), kCount);
  EXPECT_EQ(state(1), IoState::kInFlight);
  EXPECT_EQ(state(2), IoState::kQueued);
  EXPECT_TRUE(queue_->has_waiting());
  EXPECT_TRUE(queue_->Holds(batch_[2]));
  queue_->Pump();
  EXPECT_EQ(state(2), IoState::kQueued);
  kernel_.StopWithholding();
  EXPECT_EQ(Reap().count, 2u);
  queue_->Pump();
  EXPECT_EQ(state(3), IoState::kInFlight);
  EXPECT_FALSE(queue_->has_waiting());
}

TEST_F(PacedQueueTest, StartAtOnceIfAThreadWaits) {
  ASSERT_EQ(Add(&batch_), kCount);
  queue_->Hurry(&batch_[3]);
  queue_->Pump();
  EXPECT_EQ(state(3), IoState::kInFlight);
  EXPECT_EQ(state(2), IoState::kQueued);
}

TEST_F(PacedQueueTest, TheAwaitedOneIsTheNextOnASlowDevice) {
  Limit();
  ASSERT_EQ(Add(&batch_), kCount);
  queue_->Hurry(&batch_[2]);
  EXPECT_EQ(state(2), IoState::kQueued) << "it keeps to the rate";
  EXPECT_NE(queue_->ring_to_wait_on(), nullptr) << "others may come meanwhile";
  while (state(2) == IoState::kQueued) {
    EXPECT_EQ(state(0), IoState::kQueued);
    queue_->Pump();
  }
  // Whatever else is in flight: its thread may be the one that would reap it.
  EXPECT_EQ(state(0), IoState::kQueued);
  queue_->Hurry(&batch_[3]);
  queue_->Hurry(&batch_[1]);
  while (state(1) == IoState::kQueued || state(3) == IoState::kQueued) {
    EXPECT_EQ(state(0), IoState::kQueued);
    queue_->Pump();
  }
}

TEST_F(PacedQueueTest, OtherDevicesAreNotHeldUp) {
  BackgroundPace other;
  batch_[3].pace = &other;
  ASSERT_EQ(Add(&batch_), kCount);
  EXPECT_EQ(state(2), IoState::kQueued);
  EXPECT_EQ(state(3), IoState::kInFlight);
  // Before its pace goes.
  Finish();
}

TEST_F(PacedQueueTest, AreTakenOutBeforeTheyStart) {
  ASSERT_EQ(Add(&batch_), kCount);
  EXPECT_TRUE(queue_->TakeWaiting(&batch_[2]));
  EXPECT_FALSE(queue_->TakeWaiting(&batch_[2]));
  EXPECT_FALSE(queue_->TakeWaiting(&batch_[0])) << "in flight";
  kernel_.StopWithholding();
  EXPECT_EQ(Reap().count, 2u);
  queue_->Pump();
  EXPECT_EQ(Reap().count, 1u);
}

TEST_F(PacedQueueTest, WaitInAQueueOfTheirOwn) {
  InFlightReport report;
  ASSERT_EQ(Add(&batch_), kCount);
  ReadBatch now(file_.fd(), 0, Ranges(1));
  ASSERT_EQ(Add(&now), 1u);
  EXPECT_EQ(now[0].state(), IoState::kInFlight);
  queue_->AddInFlight(&report);
  EXPECT_EQ(report.operations, 3u);
  EXPECT_EQ(report.queued, 2u);
  EXPECT_EQ(statistics_.Snapshot().event(StatEvent::kAsyncQueued), 0u);
  Finish();
}

// Nothing of a ring that has died counts as in flight for ever.
TEST_F(PacedQueueTest, ADeadRingGivesThemBack) {
  kernel_.SetSubmitError(-EAGAIN);
  ASSERT_EQ(Add(&batch_), kCount);
  EXPECT_FALSE(pace_.MayStart(kLength, false, MonotonicNs()));
  queue_->GiveUp("io_uring_enter", Errno::FromErrno(EBADF));
  ShardQueue::Harvest harvest;
  queue_->TakeOrphans(&harvest);
  EXPECT_EQ(harvest.count, kCount);
  EXPECT_TRUE(pace_.MayStart(2 * kLength, false, MonotonicNs()));
  kernel_.SetSubmitError(0);
}

// What a completion does to sleeping threads.
class ShardWaitersTest : public ShardQueueTest {
 protected:
  // Sleeps as a follower until `op` is complete; counts how often it woke.
  void Follow(IoOp* op) {
    ShardWaiters::Waiter self = ShardWaiters::Waiter::ForAny(&op, 1);
    MutexLock lock(&mutex_);
    ++sleeping_;
    while (!self.IsDone()) {
      waiters_.Follow(&self, &mutex_, Deadline::kNoLimit);
      ++woken_;
    }
  }
  void AwaitSleeping(int count) {
    for (;;) {
      MutexLock lock(&mutex_);
      if (sleeping_ == count) {
        return;
      }
    }
  }
  int woken() {
    MutexLock lock(&mutex_);
    return woken_;
  }

  Mutex mutex_;
  ShardWaiters waiters_ URING_GUARDED_BY(mutex_);
  int sleeping_ URING_GUARDED_BY(mutex_) = 0;
  int woken_ URING_GUARDED_BY(mutex_) = 0;
};

// Of one that is complete, or in the hands of a thread that completes it, no
// completion comes.
TEST_F(ShardWaitersTest, LeadOnlyForWhatTheQueueHolds) {
  ReadBatch batch(file_.fd(), 0, Ranges(2));
  ASSERT_EQ(Add(&batch), 2u);
  std::vector<IoOp*> list = batch.pointers();
  using Waiter = ShardWaiters::Waiter;
  EXPECT_TRUE(Waiter::ForAny(list.data(), 1).NeedsQueue(*queue_));
  EXPECT_TRUE(Waiter::ForAny(list.data(), 2).NeedsQueue(*queue_));
  ASSERT_EQ(kernel_.ReleaseAll(), 2u);
  ASSERT_EQ(Reap().count, 2u);
  for (const IoState state :
       {IoState::kInFlight, IoState::kCompleted, IoState::kIdle}) {
    batch[0].set_state(state);
    EXPECT_FALSE(Waiter::ForAny(list.data(), 1).NeedsQueue(*queue_));
  }
  // The other one is in the queue again.
  batch[1].Reset();
  ASSERT_EQ(queue_->Add(&list[1], 1), 1u);
  for (const IoState state : {IoState::kInFlight, IoState::kCompleted}) {
    batch[0].set_state(state);
    EXPECT_FALSE(Waiter::ForAny(list.data(), 2).NeedsQueue(*queue_));
    EXPECT_TRUE(Waiter::ForAll(list.data(), 2).NeedsQueue(*queue_));
  }
  batch[0].set_state(IoState::kIdle);
  EXPECT_TRUE(Waiter::ForAny(list.data(), 2).NeedsQueue(*queue_));
  kernel_.ReleaseAll();
  EXPECT_EQ(Reap().count, 1u);
}

TEST_F(ShardWaitersTest, ACompletionWakesTheThreadThatItConcerns) {
  ReadBatch batch(file_.fd(), 0, Ranges(2));
  ASSERT_EQ(Add(&batch), 2u);
  Threads first;
  Threads second;
  first.Start([&] { Follow(&batch[0]); });
  second.Start([&] { Follow(&batch[1]); });
  AwaitSleeping(2);
  kernel_.StopWithholding();
  EXPECT_EQ(Reap().count, 2u);
  for (size_t i = 0; i < 2; ++i) {
    CompleteAll(&batch[i], 1);
    {
      MutexLock lock(&mutex_);
      waiters_.WakeFinished();
    }
    (i == 0 ? first : second).Join();
    EXPECT_EQ(woken(), static_cast<int>(i) + 1);
  }
}

TEST_F(ShardWaitersTest, OneFollowerIsWokenToLeadUnlessThereIsALeader) {
  ReadBatch batch(file_.fd(), 0, Ranges(2));
  ASSERT_EQ(Add(&batch), 2u);
  Threads threads;
  threads.Start([&] { Follow(&batch[0]); });
  threads.Start([&] { Follow(&batch[1]); });
  AwaitSleeping(2);
  {
    MutexLock lock(&mutex_);
    waiters_.BeginToLead();
    waiters_.HandOver(*queue_);
    waiters_.EndToLead();
    waiters_.HandOver(*queue_);
    // It has not had the lock yet: a second one is not needed.
    waiters_.HandOver(*queue_);
  }
  while (woken() == 0) {
    std::this_thread::yield();
  }
  EXPECT_EQ(woken(), 1);
  kernel_.StopWithholding();
  EXPECT_EQ(Reap().count, 2u);
  CompleteAll(&batch[0], 1);
  CompleteAll(&batch[1], 1);
  {
    MutexLock lock(&mutex_);
    waiters_.WakeFinished();
  }
  threads.Join();
}

}  // namespace
}  // namespace rocksdb_uring
