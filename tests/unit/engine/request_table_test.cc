// The containers of a shard: the table of its requests, the queue to the
// kernel, the queues of waiting operations.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/engine/request_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <vector>

#include "env/base/fixed_queue.h"
#include "env/engine/op_queue.h"
#include "tests/support/engine/test_support.h"

namespace rocksdb_uring {
namespace {

TEST(RequestTableTest, FindsWhatIsInItByItsTagOnly) {
  RequestTable table;
  EXPECT_EQ(table.Find(0), nullptr);
  ASSERT_TRUE(table.Reserve(4));
  EXPECT_EQ(table.Find(RequestTable::kControlTag), nullptr);
  IoOp ops[4];
  std::set<uint64_t> tags;
  for (IoOp& op : ops) {
    const uint64_t tag = table.Add(&op);
    EXPECT_TRUE(tags.insert(tag).second);
    EXPECT_EQ(table.Find(tag), &op);
  }
  for (const uint64_t tag : tags) {
    table.Remove(tag);
    EXPECT_EQ(table.Find(tag), nullptr);
  }
  // The slots again, under other tags.
  for (IoOp& op : ops) {
    EXPECT_TRUE(tags.insert(table.Add(&op)).second);
  }
}

TEST(RequestTableTest, KnowsOldTagsForOldWhenItHasGrown) {
  RequestTable table;
  ASSERT_TRUE(table.Reserve(2));
  IoOp op;
  const uint64_t old = table.Add(&op);
  table.Remove(old);
  ASSERT_TRUE(table.Reserve(8));
  EXPECT_EQ(table.capacity(), 8u);
  std::set<uint64_t> tags = {old};
  for (int i = 0; i < 8; ++i) {
    EXPECT_TRUE(tags.insert(table.Add(&op)).second);
  }
  EXPECT_EQ(table.Find(old), nullptr);
}

TEST(RequestTableTest, RemembersEachCancelOnceUntilTheRequestIsGone) {
  RequestTable table;
  ASSERT_TRUE(table.Reserve(4));
  IoOp ops[3];
  std::vector<uint64_t> tags;
  for (IoOp& op : ops) {
    tags.push_back(table.Add(&op));
  }
  EXPECT_EQ(table.TakeWantedCancel(), std::nullopt);
  for (const uint64_t tag : tags) {
    table.WantCancel(tag);
    table.WantCancel(tag);
  }
  table.Remove(tags[1]);
  EXPECT_NE(table.Add(&ops[1]), tags[1]);
  std::set<uint64_t> taken;
  while (const std::optional<uint64_t> tag = table.TakeWantedCancel()) {
    EXPECT_TRUE(taken.insert(*tag).second);
  }
  EXPECT_EQ(taken, (std::set<uint64_t>{tags[0], tags[2]}));
  table.WantCancel(tags[0]);
  table.ForgetWantedCancels();
  EXPECT_EQ(table.TakeWantedCancel(), std::nullopt);
}

TEST(FixedQueueTest, IsADequeOfItsCapacity) {
  std::mt19937_64 random(TestSeed());
  FixedQueue<uint64_t> queue;
  ASSERT_TRUE(queue.Reserve(3));
  ASSERT_TRUE(queue.Reserve(7));
  std::deque<uint64_t> model;
  for (uint64_t i = 0; i < 10000; ++i) {
    if (random() % 2 == 0 && model.size() < queue.capacity()) {
      queue.push_back(i);
      model.push_back(i);
    } else {
      const size_t count = random() % (model.size() + 1);
      queue.pop_front(count);
      model.erase(model.begin(), model.begin() + static_cast<ptrdiff_t>(count));
    }
    ASSERT_EQ(queue.size(), model.size());
    for (size_t at = 0; at < model.size(); ++at) {
      ASSERT_EQ(queue[at], model[at]);
    }
  }
}

TEST(OpQueueTest, IsADequeFromWhoseMiddleOperationsGo) {
  std::mt19937_64 random(TestSeed());
  constexpr size_t kOps = 20;
  const std::unique_ptr<IoOp[]> ops(new IoOp[kOps]);
  OpQueue queue;
  std::deque<IoOp*> model;
  for (int i = 0; i < 10000; ++i) {
    IoOp* const op = &ops[random() % kOps];
    const auto found = std::find(model.begin(), model.end(), op);
    if (random() % 3 == 0 && !model.empty()) {
      ASSERT_EQ(queue.front(), model.front());
      ASSERT_EQ(queue.pop_front(), model.front());
      model.pop_front();
    } else if (found == model.end()) {
      ASSERT_FALSE(queue.Remove(op));
      queue.push_back(op);
      model.push_back(op);
    } else {
      ASSERT_TRUE(queue.Remove(op));
      model.erase(found);
    }
    ASSERT_EQ(queue.size(), model.size());
    ASSERT_EQ(queue.empty(), model.empty());
  }
}

}  // namespace
}  // namespace rocksdb_uring
