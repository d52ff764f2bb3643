// Times in buckets: how wrong a bucket is, quantiles, and sums of histograms.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/engine/latency_histogram.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <vector>

#include "env/engine/statistics.h"
#include "tests/support/engine/test_support.h"

namespace rocksdb_uring {
namespace {

constexpr uint64_t kLeast = uint64_t{1} << LatencyBuckets::kPowerMin;
constexpr uint64_t kMost = (uint64_t{1} << LatencyBuckets::kPowerMax) - 1;

double RelativeError(uint64_t seen, uint64_t truth) {
  const auto exact = static_cast<double>(truth);
  return std::abs(static_cast<double>(seen) - exact) / exact;
}

// A time of any magnitude.
uint64_t RandomTime(std::mt19937_64* random) {
  std::uniform_real_distribution<double> power(LatencyBuckets::kPowerMin,
                                               LatencyBuckets::kPowerMax);
  return std::clamp(static_cast<uint64_t>(std::exp2(power(*random))), kLeast,
                    kMost);
}

LatencySnapshot SnapshotOf(const LatencyHistogram& histogram) {
  LatencySnapshot snapshot;
  histogram.AddTo(&snapshot);
  return snapshot;
}

TEST(LatencyBucketsTest, FollowEachOtherWithoutGapOrOverlap) {
  EXPECT_EQ(LatencyBuckets::Begin(0), kLeast);
  for (size_t bucket = 0; bucket < LatencyBuckets::kCount; ++bucket) {
    const uint64_t begin = LatencyBuckets::Begin(bucket);
    const uint64_t end = LatencyBuckets::Begin(bucket + 1);
    ASSERT_LT(begin, end);
    ASSERT_EQ(LatencyBuckets::Of(begin), bucket);
    ASSERT_EQ(LatencyBuckets::Of(end - 1), bucket);
  }
  EXPECT_EQ(LatencyBuckets::Begin(LatencyBuckets::kCount), kMost + 1);
}

TEST(LatencyBucketsTest, TimesOutsideCountAtTheEnds) {
  EXPECT_EQ(LatencyBuckets::Of(0), 0u);
  EXPECT_EQ(LatencyBuckets::Of(kLeast - 1), 0u);
  EXPECT_EQ(LatencyBuckets::Of(kMost + 1), LatencyBuckets::kCount - 1);
  EXPECT_EQ(LatencyBuckets::Of(UINT64_MAX), LatencyBuckets::kCount - 1);
}

TEST(LatencyBucketsTest, AreWrongByLessThanFivePercent) {
  std::mt19937_64 random(TestSeed());
  for (int i = 0; i < 100000; ++i) {
    const uint64_t time = RandomTime(&random);
    ASSERT_LT(
        RelativeError(LatencyBuckets::Representative(LatencyBuckets::Of(time)),
                      time),
        0.05)
        << time;
  }
}

TEST(LatencyHistogramTest, OfNothing) {
  const LatencySnapshot none;
  EXPECT_EQ(none.count(), 0u);
  EXPECT_EQ(none.mean_ns(), 0u);
  EXPECT_EQ(none.Quantile(0.5), 0u);
  EXPECT_EQ(none.CountUpTo(kMost), 0u);
}

TEST(LatencyHistogramTest, OneTimeIsAllQuantiles) {
  LatencyHistogram histogram;
  histogram.Record(123456, 1);
  const LatencySnapshot seen = SnapshotOf(histogram);
  EXPECT_EQ(seen.count(), 1u);
  EXPECT_EQ(seen.mean_ns(), 123456u);
  EXPECT_EQ(seen.max_ns, 123456u);
  for (const double part : {0.0, 0.001, 0.5, 0.999, 1.0}) {
    EXPECT_LT(RelativeError(seen.Quantile(part), 123456), 0.05) << part;
    EXPECT_LE(seen.Quantile(part), seen.max_ns);
  }
}

TEST(LatencyHistogramTest, QuantilesAreThoseOfSortedTimes) {
  std::mt19937_64 random(TestSeed());
  for (int round = 0; round < 20; ++round) {
    LatencyHistogram histogram;
    std::vector<uint64_t> times(1 + random() % 5000);
    for (uint64_t& time : times) {
      time = RandomTime(&random);
      histogram.Record(time, 1);
    }
    std::sort(times.begin(), times.end());
    const LatencySnapshot seen = SnapshotOf(histogram);
    EXPECT_EQ(seen.count(), times.size());
    EXPECT_EQ(seen.max_ns, times.back());
    for (const double part : {0.001, 0.5, 0.95, 0.99, 0.999, 1.0}) {
      const auto rank = static_cast<size_t>(
          std::ceil(part * static_cast<double>(times.size())));
      EXPECT_LT(RelativeError(seen.Quantile(part), times[rank - 1]), 0.05)
          << part << " of " << times.size();
    }
  }
}

TEST(LatencyHistogramTest, CountUpToIsRightWithinFivePercentOfTheTime) {
  std::mt19937_64 random(TestSeed());
  LatencyHistogram histogram;
  std::vector<uint64_t> times(10000);
  for (uint64_t& time : times) {
    time = RandomTime(&random);
    histogram.Record(time, 1);
  }
  const LatencySnapshot seen = SnapshotOf(histogram);
  const auto up_to = [&times](double limit) {
    return static_cast<uint64_t>(std::count_if(
        times.begin(), times.end(),
        [limit](uint64_t time) { return static_cast<double>(time) <= limit; }));
  };
  for (double limit = 100; limit < 1e12; limit *= 3.7) {
    const uint64_t count = seen.CountUpTo(static_cast<uint64_t>(limit));
    EXPECT_GE(count, up_to(limit * 0.95));
    EXPECT_LE(count, up_to(limit * 1.05));
  }
}

TEST(LatencyHistogramTest, ABatchCountsForEachOfItsOperations) {
  LatencyHistogram histogram;
  histogram.Record(1000, 31);
  histogram.Record(1000000, 1);
  const LatencySnapshot seen = SnapshotOf(histogram);
  EXPECT_EQ(seen.count(), 32u);
  EXPECT_EQ(seen.sum_ns, 1031000u);
  EXPECT_LT(RelativeError(seen.Quantile(0.9), 1000), 0.05);
  EXPECT_LT(RelativeError(seen.Quantile(0.99), 1000000), 0.05);
}

TEST(LatencyHistogramTest, DifferenceOfTwoCopies) {
  LatencyHistogram histogram;
  histogram.Record(1000, 5);
  const LatencySnapshot earlier = SnapshotOf(histogram);
  histogram.Record(2000000, 2);
  const LatencySnapshot since = SnapshotOf(histogram).Since(earlier);
  EXPECT_EQ(since.count(), 2u);
  EXPECT_EQ(since.mean_ns(), 2000000u);
  EXPECT_LT(RelativeError(since.Quantile(0.01), 2000000), 0.05);
}

// Each thread records in the shard that its number names.
TEST(StatisticsLatencyTest, MergesTheShardsOfAllThreads) {
  constexpr int kThreads = 40;
  Statistics statistics(/*cpus=*/16);
  {
    Threads threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.Start([&statistics, t] {
        for (int i = 0; i < 1000; ++i) {
          statistics.CountLatency(StatKind::kWrite, IoPath::kPosix,
                                  1000 + 1000 * t, 2);
        }
      });
    }
  }
  const LatencySnapshot seen =
      statistics.Latency(StatKind::kWrite, IoPath::kPosix);
  EXPECT_EQ(seen.count(), 2000u * kThreads);
  EXPECT_EQ(seen.sum_ns, 2000u * 1000 * kThreads * (kThreads + 1) / 2);
  EXPECT_EQ(seen.max_ns, 1000u * kThreads);
  EXPECT_EQ(statistics.Latency(StatKind::kWrite, IoPath::kRing).count(), 0u);
  EXPECT_EQ(statistics.Latency(StatKind::kRead, IoPath::kPosix).count(), 0u);
}

TEST(StatisticsLatencyTest, TakesMemoryForWhatIsTimedOnly) {
  Statistics statistics(/*cpus=*/2);
  const size_t before = statistics.memory_bytes();
  statistics.CountLatency(StatKind::kRead, IoPath::kRing, 1, 1);
  const size_t one = statistics.memory_bytes() - before;
  EXPECT_GT(one, 0u);
  EXPECT_LE(one, 6u << 10);
  statistics.CountLatency(StatKind::kRead, IoPath::kRing, 1, 1);
  EXPECT_EQ(statistics.memory_bytes(), before + one);
}

}  // namespace
}  // namespace rocksdb_uring
