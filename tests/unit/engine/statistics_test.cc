// SPDX-License-Identifier: Apache-2.0

#include "env/engine/statistics.h"

#include <set>
#include <string>

#include "tests/support/engine/test_support.h"

namespace rocksdb_uring {
namespace {

// Names are part of the interface: this list may grow, and nothing else.
TEST(StatisticsTest, NamesOfKindsAndPaths) {
  EXPECT_STREQ(StatKindName(StatKind::kRead), "read");
  EXPECT_STREQ(StatKindName(StatKind::kMultiRead), "multi_read");
  EXPECT_STREQ(StatKindName(StatKind::kReadAsync), "read_async");
  EXPECT_STREQ(StatKindName(StatKind::kSequentialRead), "sequential_read");
  EXPECT_STREQ(StatKindName(StatKind::kReadAhead), "read_ahead");
  EXPECT_STREQ(StatKindName(StatKind::kWrite), "write");
  EXPECT_STREQ(StatKindName(StatKind::kFsync), "fsync");
  EXPECT_STREQ(StatKindName(StatKind::kFdatasync), "fdatasync");
  EXPECT_STREQ(StatKindName(StatKind::kSyncFileRange), "sync_file_range");
  EXPECT_STREQ(StatKindName(StatKind::kFallocate), "fallocate");
  EXPECT_STREQ(IoPathName(IoPath::kRing), "ring");
  EXPECT_STREQ(IoPathName(IoPath::kPosix), "posix");
  EXPECT_STREQ(IoPathName(IoPath::kPageCache), "page_cache");
  EXPECT_STREQ(IoPathName(IoPath::kReadAhead), "read_ahead");
}

TEST(StatisticsTest, NamesOfEvents) {
  EXPECT_STREQ(StatEventName(StatEvent::kBatch), "batches");
  EXPECT_STREQ(StatEventName(StatEvent::kSubmitCall), "submit_calls");
  EXPECT_STREQ(StatEventName(StatEvent::kRingCreated), "rings_created");
  EXPECT_STREQ(StatEventName(StatEvent::kRingRetired), "rings_retired");
  EXPECT_STREQ(StatEventName(StatEvent::kRingRefused), "rings_refused");
  EXPECT_STREQ(StatEventName(StatEvent::kRingsBusy), "rings_busy");
  EXPECT_STREQ(StatEventName(StatEvent::kPosixRescue), "posix_rescues");
  EXPECT_STREQ(StatEventName(StatEvent::kAsyncQueued), "async_queued");
  EXPECT_STREQ(StatEventName(StatEvent::kAsyncOverflow), "async_overflow");
  EXPECT_STREQ(StatEventName(StatEvent::kUnknownCompletion),
               "unknown_completions");
  EXPECT_STREQ(StatEventName(StatEvent::kBreakerOpened), "breaker_opened");
  EXPECT_STREQ(StatEventName(StatEvent::kReadAheadDiscarded),
               "read_ahead_discarded_bytes");
}

TEST(StatisticsTest, EveryNameIsThereOnce) {
  std::set<std::string> names;
  for (size_t i = 0; i < kStatKindCount; ++i) {
    ASSERT_NE(StatKindName(static_cast<StatKind>(i)), nullptr);
    EXPECT_TRUE(names.insert(StatKindName(static_cast<StatKind>(i))).second);
  }
  for (size_t i = 0; i < kStatEventCount; ++i) {
    ASSERT_NE(StatEventName(static_cast<StatEvent>(i)), nullptr);
    EXPECT_TRUE(names.insert(StatEventName(static_cast<StatEvent>(i))).second);
  }
}

TEST(StatisticsTest, ClassesOfBatches) {
  const std::pair<size_t, const char*> cases[] = {
      {1, "1"},      {2, "2-3"},      {3, "2-3"},    {4, "4-7"},
      {7, "4-7"},    {8, "8-15"},     {15, "8-15"},  {16, "16-31"},
      {31, "16-31"}, {32, "32-63"},   {63, "32-63"}, {64, "64+"},
      {65, "64+"},   {1000000, "64+"}};
  for (const auto& [size, name] : cases) {
    EXPECT_STREQ(BatchClassName(BatchClass(size)), name) << size;
  }
}

TEST(StatisticsTest, CountsWhatItIsTold) {
  Statistics statistics;
  statistics.Count(StatKind::kMultiRead, IoPath::kRing, 5, 500, 1);
  statistics.Count(StatKind::kMultiRead, IoPath::kPosix, 2, 20, 0);
  statistics.Count(StatEvent::kPosixRescue, 7);
  statistics.Count(StatEvent::kPosixRescue);
  statistics.CountBatch(7);
  const StatisticsSnapshot seen = statistics.Snapshot();
  EXPECT_EQ(seen.op(StatKind::kMultiRead, IoPath::kRing).count, 5u);
  EXPECT_EQ(seen.op(StatKind::kMultiRead, IoPath::kPosix).bytes, 20u);
  EXPECT_EQ(seen.op(StatKind::kMultiRead).count, 7u);
  EXPECT_EQ(seen.op(StatKind::kMultiRead).bytes, 520u);
  EXPECT_EQ(seen.op(StatKind::kMultiRead).errors, 1u);
  EXPECT_EQ(seen.op(StatKind::kRead).count, 0u);
  EXPECT_EQ(seen.event(StatEvent::kPosixRescue), 8u);
  EXPECT_EQ(seen.event(StatEvent::kBatch), 1u);
  EXPECT_EQ(seen.batches[2], 1u);
}

TEST(StatisticsTest, LosesNothingBetweenThreads) {
  Statistics statistics;
  {
    Threads threads;
    for (int t = 0; t < 20; ++t) {
      threads.Start([&] {
        for (int i = 0; i < 5000; ++i) {
          statistics.Count(StatKind::kRead, IoPath::kPosix, 1, 10, 0);
          statistics.Count(StatEvent::kBatch);
        }
      });
    }
  }
  const StatisticsSnapshot seen = statistics.Snapshot();
  EXPECT_EQ(seen.op(StatKind::kRead).count, 100000u);
  EXPECT_EQ(seen.op(StatKind::kRead).bytes, 1000000u);
  EXPECT_EQ(seen.event(StatEvent::kBatch), 100000u);
}

}  // namespace
}  // namespace rocksdb_uring
