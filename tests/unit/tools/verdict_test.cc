// The judgement of uring_compare, on figures whose right answer is known.
//
// SPDX-License-Identifier: Apache-2.0
#include "tools/compare/verdict.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "tests/unit/tools/synthetic_figures.h"
#include "tests/unit/tools/tool_program.h"

namespace rocksdb_uring {
namespace {

const Contenders kContenders = {"POSIX", "uring://"};

Verdict DecideOn(const std::vector<WorkloadFigures>& workloads) {
  return Decide(workloads, /*complete=*/true, Criteria(), kContenders);
}

Finding FindingOn(const WorkloadFigures& workload) {
  return Assess(workload, Criteria()).finding;
}

TEST(VerdictTest, PosixAgainstItselfStays) {
  const Verdict verdict = DecideOn(
      {Synthetic("get", 20, 1.0, 0.02), Synthetic("scan", 20, 1.0, 0.02)});
  EXPECT_EQ(verdict.decision, Decision::kStay);
  EXPECT_TRUE(Contains(verdict.headline, "stay on POSIX, because no workload"))
      << verdict.headline;
  EXPECT_EQ(verdict.options, "");
}

TEST(VerdictTest, ClearGainIsAdopted) {
  const Verdict verdict = DecideOn(
      {Synthetic("multiget", 6, 3.4, 0.1), Synthetic("get", 20, 1.0, 0.02)});
  EXPECT_EQ(verdict.decision, Decision::kAdopt) << FormatVerdict(verdict);
  EXPECT_EQ(verdict.options, "uring://");
}

TEST(VerdictTest, LossAloneStaysAndNamesTheRow) {
  const Verdict verdict = DecideOn({Synthetic("cached", 20, 0.9, 0.02)});
  EXPECT_EQ(verdict.decision, Decision::kStay);
  EXPECT_TRUE(Contains(verdict.headline, "cached: keys/s 0.9"))
      << verdict.headline;
}

TEST(VerdictTest, GainBesideALossIsAdoptedForTheGain) {
  const Verdict verdict = DecideOn(
      {Synthetic("multiget", 6, 3.4, 0.1), Synthetic("cached", 20, 0.9, 0.02)});
  EXPECT_EQ(verdict.decision, Decision::kAdoptForSome);
  EXPECT_TRUE(Contains(verdict.headline, "with uring://: multiget"))
      << verdict.headline;
  EXPECT_FALSE(Contains(verdict.headline, "cached"));
}

TEST(VerdictTest, WritesThatLoseAreLeftToPosix) {
  WorkloadFigures writes = Synthetic("fillsync", 20, 0.8, 0.02);
  writes.writes = true;
  const Verdict verdict =
      DecideOn({Synthetic("multiget", 6, 3.4, 0.1), writes});
  EXPECT_EQ(verdict.options,
            "uring://?writes=posix&syncs=posix&write_buffer_bytes=0");
  EXPECT_TRUE(Contains(FormatVerdict(verdict), "was not measured"));
}

TEST(VerdictTest, FewerThanSixPairsNeverSuffice) {
  const Verdict verdict = DecideOn({Synthetic("multiget", 5, 3.4, 0.1)});
  EXPECT_EQ(verdict.decision, Decision::kTooFewPairs);
  EXPECT_EQ(verdict.pairs_needed, 6);
  EXPECT_TRUE(Contains(verdict.headline, "--pairs=6")) << verdict.headline;
}

TEST(VerdictTest, NoisyPairsAskForMore) {
  const Verdict verdict = DecideOn({Synthetic("get", 10, 1.0, 0.2)});
  EXPECT_EQ(verdict.decision, Decision::kTooFewPairs);
  EXPECT_GT(verdict.pairs_needed, 20);
}

// The estimate has to be worth something: so many pairs of the same spread
// settle the question, and half of them would not always do.
TEST(VerdictTest, AskedForPairsSettleIt) {
  const WorkloadFigures few = Synthetic("get", 10, 1.0, 0.1);
  const int pairs = Assess(few, Criteria()).pairs_needed;
  ASSERT_GT(pairs, 10);
  EXPECT_EQ(FindingOn(Synthetic("get", 2 * pairs, 1.0, 0.1)),
            Finding::kNoChange);
}

TEST(VerdictTest, WiderSpreadTakesMorePairs) {
  const int narrow =
      Assess(Synthetic("get", 10, 1.0, 0.1), Criteria()).pairs_needed;
  const int wide =
      Assess(Synthetic("get", 10, 1.0, 0.2), Criteria()).pairs_needed;
  EXPECT_GT(wide, 2 * narrow);
}

TEST(VerdictTest, LessCpuTimeIsAGain) {
  WorkloadFigures workload = Synthetic("get", 20, 1.0, 0.02);
  AddSeries("cpu_us_per_key", Role::kCpu, 1.3, 0.02, &workload);
  EXPECT_EQ(FindingOn(workload), Finding::kGain);
}

TEST(VerdictTest, CpuLimitIsFifteenPercentOfTheTime) {
  Series series;
  series.role = Role::kCpu;
  series.a = std::vector<double>(8, 100);
  series.b = std::vector<double>(8, 86);
  EXPECT_EQ(Assess(series, Criteria()).finding, Finding::kNoChange);
  series.b = std::vector<double>(8, 84);
  EXPECT_EQ(Assess(series, Criteria()).finding, Finding::kGain);
}

TEST(VerdictTest, MoreCpuTimeIsNoLoss) {
  WorkloadFigures workload = Synthetic("get", 20, 1.0, 0.02);
  AddSeries("cpu_us_per_key", Role::kCpu, 0.7, 0.02, &workload);
  EXPECT_EQ(FindingOn(workload), Finding::kNoChange);
}

TEST(VerdictTest, WorseTailOutweighsThroughput) {
  WorkloadFigures workload = Synthetic("multiget", 20, 3.0, 0.02);
  AddSeries("p99_us", Role::kTail, 0.8, 0.02, &workload);
  EXPECT_EQ(FindingOn(workload), Finding::kLoss);
}

TEST(VerdictTest, ScatteredTailLeavesTheRowSettled) {
  WorkloadFigures workload = Synthetic("multiget", 20, 3.0, 0.02);
  AddSeries("p99_us", Role::kTail, 1.0, 0.5, &workload);
  EXPECT_EQ(FindingOn(workload), Finding::kGain);
}

TEST(VerdictTest, VariantThatLosesDoesNotCount) {
  WorkloadFigures variant = Synthetic("fillsync_uring", 20, 0.5, 0.02);
  variant.options = "writes=uring";
  const Verdict verdict =
      DecideOn({Synthetic("multiget", 6, 3.4, 0.1), variant});
  EXPECT_EQ(verdict.decision, Decision::kAdopt) << FormatVerdict(verdict);
}

TEST(VerdictTest, VariantThatGainsBringsItsOptions) {
  WorkloadFigures variant = Synthetic("posix_engine", 20, 3.0, 0.02);
  variant.options = "reads=posix";
  const Verdict verdict =
      DecideOn({Synthetic("multiget", 20, 1.0, 0.02), variant});
  EXPECT_EQ(verdict.decision, Decision::kAdoptForSome);
  EXPECT_EQ(verdict.options, "uring://?reads=posix");
}

WorkloadFigures OptionRow(double ratio, bool on_plugin) {
  WorkloadFigures row = Synthetic("rocksdb_x", 20, ratio, 0.02);
  row.rocksdb_options = "x=1";
  row.on_plugin = on_plugin;
  row.caution = "x costs y";
  return row;
}

TEST(VerdictTest, OptionOfRocksDbIsAdvisedAndDoesNotCount) {
  const Verdict verdict =
      DecideOn({Synthetic("get", 20, 1.0, 0.02), OptionRow(1.4, false),
                OptionRow(1.3, true)});
  EXPECT_EQ(verdict.decision, Decision::kStay) << FormatVerdict(verdict);
  EXPECT_EQ(verdict.options, "");
  const std::string text = FormatVerdict(verdict);
  EXPECT_TRUE(Contains(text, "RocksDB's own option x=1 gives keys/s 1.40"));
  EXPECT_TRUE(Contains(text, " on POSIX and keys/s 1.30"));
  EXPECT_TRUE(Contains(text, " with the plugin, whether or not you adopt"));
  EXPECT_TRUE(Contains(text, "x costs y"));
}

TEST(VerdictTest, OptionOfRocksDbThatLosesIsNoLossOfThePlugin) {
  const Verdict verdict =
      DecideOn({Synthetic("multiget", 6, 3.4, 0.1), OptionRow(0.8, false)});
  EXPECT_EQ(verdict.decision, Decision::kAdopt) << FormatVerdict(verdict);
  EXPECT_FALSE(Contains(FormatVerdict(verdict), "own option"));
}

TEST(VerdictTest, OptionThatGainsOnOneSideSaysSo) {
  const std::string text =
      FormatVerdict(DecideOn({OptionRow(1.4, false), OptionRow(1.0, true)}));
  EXPECT_TRUE(Contains(text, "; with the plugin: no change, keys/s 1.00"))
      << text;
  EXPECT_FALSE(Contains(text, "whether or not"));
}

TEST(VerdictTest, OptionsOfRocksDbAloneAreNoVerdictOnThePlugin) {
  const Verdict verdict = DecideOn({OptionRow(1.4, false)});
  EXPECT_EQ(verdict.decision, Decision::kTooFewPairs);
  EXPECT_TRUE(Contains(verdict.headline, "no verdict on the plugin"))
      << verdict.headline;
}

TEST(VerdictTest, DisturbedRowsShareOneNote) {
  WorkloadFigures first = Synthetic("first", 6, 3.4, 0.1);
  WorkloadFigures second = Synthetic("second", 6, 3.4, 0.1);
  first.others_share = 0.5;
  second.others_share = 0.25;
  const Verdict verdict =
      DecideOn({first, Synthetic("calm", 6, 3.4, 0.1), second});
  EXPECT_TRUE(Contains(verdict.notes.front(), ": first 50 %, second 25 %"))
      << verdict.notes.front();
  EXPECT_FALSE(Contains(verdict.notes.front(), "calm"));
}

TEST(VerdictTest, DisturbedGainIsNotReliable) {
  WorkloadFigures gain = Synthetic("multiget", 6, 3.4, 0.1);
  WorkloadFigures same = Synthetic("get", 20, 1.0, 0.02);
  same.others_share = 0.5;
  EXPECT_TRUE(DecideOn({gain, same}).reliable) << "it decided nothing";
  gain.others_share = 0.5;
  const Verdict verdict = DecideOn({gain, same});
  EXPECT_EQ(verdict.decision, Decision::kAdopt);
  EXPECT_FALSE(verdict.reliable);
  EXPECT_TRUE(Contains(verdict.headline, "not reliable")) << verdict.headline;
}

TEST(VerdictTest, FailedRowIsNamedAndPreventsAWholeAdoption) {
  WorkloadFigures failed;
  failed.name = "scan";
  failed.error = "db_bench exited with status 1\n  its last lines";
  const Verdict verdict =
      DecideOn({Synthetic("multiget", 6, 3.4, 0.1), failed});
  EXPECT_EQ(verdict.decision, Decision::kAdoptForSome);
  EXPECT_TRUE(Contains(FormatVerdict(verdict),
                       "not judged: scan: db_bench exited with status 1\n"));
}

TEST(VerdictTest, NothingMeasuredIsNoVerdict) {
  EXPECT_EQ(DecideOn({}).decision, Decision::kTooFewPairs);
  WorkloadFigures failed;
  failed.error = "interrupted";
  EXPECT_EQ(DecideOn({failed}).decision, Decision::kTooFewPairs);
}

TEST(VerdictTest, CriteriaCanBeChanged) {
  const WorkloadFigures workload = Synthetic("get", 20, 1.15, 0.02);
  EXPECT_EQ(FindingOn(workload), Finding::kGain);
  Criteria criteria;
  criteria.gain_percent = 30;
  EXPECT_EQ(Assess(workload, criteria).finding, Finding::kNoChange);
}

TEST(VerdictTest, PairsWithoutAFigureHaveNoRatio) {
  WorkloadFigures workload = Synthetic("get", 20, 1.0, 0.02);
  AddSeries("cpu_us_per_key", Role::kCpu, 1.0, 0.02, &workload);
  workload.series.back().a[3] = 0;
  EXPECT_EQ(workload.series.back().Ratios().size(), 19u);
}

TEST(VerdictTest, JsonHasDecisionCriteriaAndFindings) {
  const nlohmann::json json =
      ToJson(DecideOn({Synthetic("multiget", 6, 3.4, 0.1)}));
  EXPECT_EQ(json["decision"], "adopt");
  EXPECT_EQ(json["options"], "uring://");
  EXPECT_EQ(json["criteria"]["gain_percent"], 10);
  EXPECT_EQ(json["workloads"][0]["finding"], "gain");
  EXPECT_NEAR(json["workloads"][0]["series"][0]["ratio"].get<double>(), 3.4,
              0.4);
}

// Of comparisons of POSIX with itself, hardly any finds a gain, and the losses
// found by chance stay below what the interval promises.
TEST(VerdictTest, ChanceFindsFewLossesAndHardlyAGain) {
  std::mt19937 random(1);
  std::normal_distribution<double> noise(0, 0.06);
  constexpr int kRounds = 1000;
  int gains = 0;
  int losses = 0;
  for (int round = 0; round < kRounds; ++round) {
    WorkloadFigures workload = Synthetic("get", 20, 1.0, 0);
    for (double& value : workload.series[0].b) value *= std::exp(noise(random));
    const Finding finding = FindingOn(workload);
    gains += finding == Finding::kGain ? 1 : 0;
    losses += finding == Finding::kLoss ? 1 : 0;
  }
  EXPECT_EQ(gains, 0);
  EXPECT_LE(losses, kRounds * 35 / 1000);
}

}  // namespace
}  // namespace rocksdb_uring
