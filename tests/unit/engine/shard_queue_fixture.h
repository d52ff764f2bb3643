// A ShardQueue on a fake kernel that completes when the test says so.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "env/engine/shard_queue.h"
#include "tests/support/engine/fake_ring.h"
#include "tests/support/engine/test_support.h"

namespace rocksdb_uring {

class ShardQueueFixture : public ::testing::Test {
 protected:
  static constexpr uint32_t kIndex = 3;
  // Completions that are kept for cancel requests.
  static constexpr unsigned kControlRoom = 16;

  // With room for so many operations in the ring, and before it.
  ShardQueueFixture(unsigned room, size_t backlog_max) {
    options_.ring.entries = 8;
    options_.ring.completion_entries = room + kControlRoom;
    options_.backlog_max = backlog_max;
    options_.index = kIndex;
  }

  void SetUp() override {
    queue_ = std::make_unique<ShardQueue>(options_, &environment_);
    ASSERT_TRUE(queue_->EnsureRing(false));
    kernel_.WithholdAll();
  }
  void TearDown() override {
    queue_.reset();
    EXPECT_EQ(account_.bytes(), 0u);
    EXPECT_EQ(kernel_.observations().overflows, 0u);
  }

  static std::vector<ReadBatch::Range> Ranges(size_t count) {
    return std::vector<ReadBatch::Range>(count, {0, 100});
  }
  size_t Add(ReadBatch* batch) {
    const std::vector<IoOp*> ops = batch->pointers();
    return queue_->Add(ops.data(), ops.size());
  }
  ShardQueue::Harvest Reap() {
    ShardQueue::Harvest harvest;
    queue_->Reap(&harvest);
    return harvest;
  }

  ShardQueue::Options options_;
  FakeKernel kernel_;
  Breaker breaker_;
  Statistics statistics_;
  MemoryAccount account_;
  const RingEnvironment environment_{kernel_.factory(), &breaker_, &statistics_,
                                     &account_};
  TestFile file_{4096};
  std::unique_ptr<ShardQueue> queue_;
};

}  // namespace rocksdb_uring
