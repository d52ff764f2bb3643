// What uring_compare reads in the output of db_bench.
//
// SPDX-License-Identifier: Apache-2.0
#include "tools/compare/db_bench.h"

#include <gtest/gtest.h>

#include <string>

#include "tools/compare/comparison.h"
#include "tools/compare/figures.h"

namespace rocksdb_uring {
namespace {

constexpr const char* kOutput = R"(DB path: [/x]
readrandom   :       4.204 micros/op 237869 ops/sec 1.005 seconds 1000 operations;   26.3 MB/s (1000 of 1000 found)

Microseconds per read:
Count: 1000 Average: 4.2148  StdDev: 94.80
Min: 0  Median: 1.5023  Max: 8529
Percentiles: P50: 1.50 P75: 2.08 P99: 4.36 P99.9: 7.11 P99.99: 4175.67
------------------------------------------------------
[       0,       1 ]      300  30.000%  30.000% #####
(       1,       2 ]      600  60.000%  90.000% #########
(       2,       4 ]      100  10.000% 100.000% ###

Microseconds per write:
Count: 10 Average: 100.0  StdDev: 1.0
Min: 90  Median: 100.0  Max: 110
Percentiles: P50: 100.00 P75: 100.00 P99: 109.00 P99.9: 110.00 P99.99: 110.00
------------------------------------------------------
(      76,     110 ]       10 100.000% 100.000% ###

)";

Measurement MeasureOutput(const std::string& out) {
  Measurement measured;
  std::string error;
  EXPECT_TRUE(Measure(ParseBenchOutput(out), {"readrandom"}, &measured, &error))
      << error;
  return measured;
}

TEST(DbBenchTest, PercentilesAreThoseOfTheReads) {
  const Percentiles p = MeasureOutput(kOutput).percentiles;
  EXPECT_EQ(p.p50, 1.5);
  EXPECT_EQ(p.p99, 4.36);
  EXPECT_EQ(p.p999, 7.11);
  EXPECT_EQ(p.max, 8529);
}

// 950 of 1000: half of the last bucket's hundred.
TEST(DbBenchTest, P95IsInterpolatedInItsBucket) {
  EXPECT_DOUBLE_EQ(MeasureOutput(kOutput).percentiles.p95, 3);
}

TEST(DbBenchTest, P95IsNotAboveTheMaximum) {
  std::string out = kOutput;
  out.replace(out.find("Max: 8529"), 9, "Max: 2.5 ");
  EXPECT_DOUBLE_EQ(MeasureOutput(out).percentiles.p95, 2.5);
}

TEST(DbBenchTest, WithoutAHistogramThereAreNoPercentiles) {
  std::string out = kOutput;
  out.resize(out.find("Microseconds"));
  const Measurement measured = MeasureOutput(out);
  EXPECT_EQ(measured.percentiles.p50, 0);
  EXPECT_EQ(measured.operations, 1000);
}

TEST(DbBenchTest, FiguresHaveAllPercentilesAndJudgeByTwo) {
  RowResult row;
  Percentiles p;
  p.p50 = 1;
  p.p95 = 2;
  p.p99 = 3;
  p.p999 = 4;
  p.max = 5;
  row.a.latency = row.b.latency = {p, p};
  row.a.keys_per_s = row.b.keys_per_s = {1, 1};
  int judged = 0;
  double sum = 0;
  for (const Series& series : FiguresOf(row).series) {
    if (!series.is_percentile) continue;
    EXPECT_EQ(series.a.size(), 2u) << series.key;
    EXPECT_FALSE(series.higher_is_better) << series.key;
    judged += series.role == Role::kShown ? 0 : 1;
    sum += series.a.front();
  }
  EXPECT_EQ(judged, 2);
  EXPECT_EQ(sum, 15);
}

}  // namespace
}  // namespace rocksdb_uring
