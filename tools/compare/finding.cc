// SPDX-License-Identifier: Apache-2.0

#include "tools/compare/finding.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace rocksdb_uring {

namespace {

constexpr int kPairsForInterval = 6;  // fewer have no 95 % interval
constexpr double kConfidence = 0.95;

// What a role's ratio must reach to count. Infinite or 0: it never does.
struct Limits {
  double gain = HUGE_VAL;
  double loss = 0;
  double floor = 0;
};

Limits LimitsOf(const Series& series, const Criteria& criteria) {
  Limits limits;
  const bool is_loss = series.role == Role::kMain || series.role == Role::kTail;
  const bool is_cpu = series.role == Role::kCpu;
  if (is_loss) limits.loss = criteria.loss_ratio;
  if (series.role == Role::kMain) limits.floor = criteria.loss_floor;
  if (series.role == Role::kTail || series.role == Role::kShown) return limits;
  const double share =
      (is_cpu ? criteria.cpu_gain_percent : criteria.gain_percent) / 100;
  // A figure that is lower by a share has a ratio above 1 + share.
  limits.gain = series.higher_is_better ? 1 + share : 1 / (1 - share);
  return limits;
}

// An interval shrinks with the square root of the number of pairs. `end` is the
// end of today's interval, `edge` what it has to clear; both on one side of the
// median. 0 when it does so already.
double PairsToClear(const SeriesFinding& f, double end, double edge) {
  const double reach = std::log(end / f.ratio.median);
  const double room = std::log(edge / f.ratio.median);
  if (std::abs(reach) < std::abs(room)) return 0;
  if (room == 0) return kPairsMax;
  const double factor = reach / room;
  return std::min<double>(kPairsMax, std::ceil(f.pairs * factor * factor));
}

int PairsNeeded(const SeriesFinding& f, const Limits& limits) {
  double pairs = kPairsForInterval;
  const auto need = [&](double end, double edge) {
    pairs = std::max(pairs, PairsToClear(f, end, edge));
  };
  if (f.ratio.median >= limits.gain) {
    need(f.interval.low, 1);
  } else if (f.ratio.median < limits.loss) {
    need(f.interval.high, 1);
  } else {
    if (std::isfinite(limits.gain)) need(f.interval.high, limits.gain);
    if (limits.floor > 0) need(f.interval.low, limits.floor);
  }
  return static_cast<int>(std::max(pairs, f.pairs + 1.0));
}

Finding FindingOf(const SeriesFinding& f, const Limits& limits) {
  if (f.interval.confidence < kConfidence) return Finding::kUndecided;
  const double median = f.ratio.median;
  if (median >= limits.gain && f.interval.low > 1) return Finding::kGain;
  if (median < limits.loss && f.interval.high < 1) return Finding::kLoss;
  const bool gain_excluded = f.interval.high < limits.gain;
  const bool loss_excluded =
      median >= limits.loss && f.interval.low > limits.floor;
  return gain_excluded && loss_excluded ? Finding::kNoChange
                                        : Finding::kUndecided;
}

const SeriesFinding* FirstWith(const WorkloadFinding& workload,
                               Finding finding) {
  for (const SeriesFinding& series : workload.series) {
    // The tail's scatter would never let a row be settled: it only loses.
    const bool can_wait =
        series.role == Role::kTail && finding == Finding::kUndecided;
    if (series.finding == finding && !can_wait) return &series;
  }
  return nullptr;
}

void Settle(WorkloadFinding* workload, const SeriesFinding& series,
            Finding finding) {
  workload->finding = finding;
  workload->because = series.title + " " + RatioText(series);
}

}  // namespace

SeriesFinding Assess(const Series& series, const Criteria& criteria) {
  SeriesFinding f;
  f.key = series.key;
  f.title = series.title;
  f.role = series.role;
  const std::vector<double> ratios = series.Ratios();
  f.pairs = static_cast<int>(ratios.size());
  f.ratio = Summarize(ratios);
  f.interval = IntervalOfMedian(ratios);
  const Limits limits = LimitsOf(series, criteria);
  f.finding =
      series.role == Role::kShown ? Finding::kNoChange : FindingOf(f, limits);
  if (f.finding == Finding::kUndecided && f.pairs > 0) {
    f.pairs_needed = PairsNeeded(f, limits);
  }
  return f;
}

WorkloadFinding Assess(const WorkloadFigures& figures,
                       const Criteria& criteria) {
  WorkloadFinding workload;
  workload.name = figures.name;
  workload.writes = figures.writes;
  workload.disturbed = figures.others_share > kOthersAllowed;
  workload.options = figures.options;
  workload.rocksdb_options = figures.rocksdb_options;
  workload.on_plugin = figures.on_plugin;
  workload.caution = figures.caution;
  workload.is_variant = !figures.options.empty() || figures.denied_io_uring;
  for (const Series& series : figures.series) {
    SeriesFinding f = Assess(series, criteria);
    // A figure without any ratio (no percentiles, no CPU time) says nothing.
    if (f.pairs > 0) workload.series.push_back(f);
  }
  if (!figures.ok() || workload.series.empty()) {
    workload.finding = Finding::kFailed;
    workload.because = figures.error.substr(0, figures.error.find('\n'));
    return workload;
  }
  // A loss outweighs a gain elsewhere: p99 must not pay for throughput. A gain
  // needs no other figure to be settled.
  Settle(&workload, workload.series.front(), Finding::kNoChange);
  for (Finding finding :
       {Finding::kLoss, Finding::kGain, Finding::kUndecided}) {
    const SeriesFinding* series = FirstWith(workload, finding);
    if (series == nullptr) continue;
    Settle(&workload, *series, finding);
    break;
  }
  if (workload.finding != Finding::kUndecided) return workload;
  for (const SeriesFinding& series : workload.series) {
    if (series.role == Role::kTail) continue;
    workload.pairs_needed =
        std::max(workload.pairs_needed, series.pairs_needed);
  }
  return workload;
}

std::string NameOf(Finding finding) {
  switch (finding) {
    case Finding::kGain:
      return "gain";
    case Finding::kNoChange:
      return "no change";
    case Finding::kLoss:
      return "loss";
    case Finding::kUndecided:
      return "undecided";
    case Finding::kFailed:
      break;
  }
  return "failed";
}

std::string RatioText(const SeriesFinding& finding) {
  char text[96];
  snprintf(text, sizeof(text), "%.2f (%s %.2f to %.2f)", finding.ratio.median,
           finding.interval.confidence >= kConfidence ? "95 %" : "range",
           finding.interval.low, finding.interval.high);
  return text;
}

}  // namespace rocksdb_uring
