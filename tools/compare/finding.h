// What the pairs of one workload show: a gain, a loss, no change, or too little
// to know.
//
// The statistics. Each pair of runs gives one ratio, turned so that above 1 is
// better: B/A of throughput, A/B of latencies, CPU time and wall time. A
// finding rests on the median of these ratios and on the order-statistic
// (binomial) interval that covers the true median with 95 %: it assumes nothing
// of the distribution, which has long tails here. A gain or a loss needs both:
// a median beyond its limit, and an interval wholly on that side of 1. "No
// change" needs an interval too narrow to hold a gain or a loss; otherwise the
// pairs do not suffice. Fewer than six pairs have no such interval and never
// suffice.
//
// A loss is found by chance in at most 2.5 % of the rows in which nothing
// changed. A gain is rarer still, because its limit is far from 1.
//
// SPDX-License-Identifier: Apache-2.0
#ifndef ROCKSDB_URING_TOOLS_COMPARE_FINDING_H_
#define ROCKSDB_URING_TOOLS_COMPARE_FINDING_H_

#include <string>
#include <vector>

#include "tools/compare/figures.h"
#include "tools/compare/statistics.h"

namespace rocksdb_uring {

struct Criteria {
  double gain_percent = 10;      // throughput or latency, better by so much
  double cpu_gain_percent = 15;  // CPU time of an operation, less by so much
  double loss_ratio = 0.98;      // below: a loss; for p99, "worse"
  // An interval that reaches below may still hide a loss.
  double loss_floor = 0.95;
};

// Beyond, a number of pairs says only that the difference is too small.
constexpr int kPairsMax = 1000;

enum class Finding { kGain, kNoChange, kLoss, kUndecided, kFailed };

struct SeriesFinding {
  std::string key;
  std::string title;
  Role role = Role::kShown;
  Finding finding = Finding::kUndecided;
  Summary ratio;  // above 1: B is better
  MedianInterval interval;
  int pairs = 0;         // that have a ratio
  int pairs_needed = 0;  // about; 0 unless undecided
};

struct WorkloadFinding {
  std::string name;
  Finding finding = Finding::kUndecided;
  std::string because;  // "keys/s 1.52 (95 % 1.12 to 1.97)"
  std::vector<SeriesFinding> series;
  int pairs_needed = 0;    // about; 0 unless undecided
  bool disturbed = false;  // other programs used the CPUs
  bool writes = false;
  bool is_variant = false;  // of options, or without io_uring
  std::string options;      // of B, for this row alone
  // RocksDB's own options are compared, not the plugin.
  std::string rocksdb_options;
  bool on_plugin = false;
  std::string caution;
};

SeriesFinding Assess(const Series& series, const Criteria& criteria);
WorkloadFinding Assess(const WorkloadFigures& figures,
                       const Criteria& criteria);

std::string NameOf(Finding finding);

// "1.52 (95 % 1.12 to 1.97)". With fewer than six pairs "range" replaces "95
// %".
std::string RatioText(const SeriesFinding& finding);

}  // namespace rocksdb_uring

#endif  // ROCKSDB_URING_TOOLS_COMPARE_FINDING_H_
