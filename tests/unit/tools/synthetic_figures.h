// Figures of a workload that was never run.
//
// SPDX-License-Identifier: Apache-2.0
#ifndef ROCKSDB_URING_TESTS_UNIT_TOOLS_SYNTHETIC_FIGURES_H_
#define ROCKSDB_URING_TESTS_UNIT_TOOLS_SYNTHETIC_FIGURES_H_

#include <cmath>
#include <string>

#include "tools/compare/figures.h"

namespace rocksdb_uring {

// B is better by `ratio` in the median. The pairs' ratios are spread evenly, in
// logarithms, over `spread` to both sides.
inline void AddPairs(int pairs, double ratio, double spread, Series* series) {
  for (int i = 0; i < pairs; ++i) {
    const double at = pairs == 1 ? 0 : 2.0 * i / (pairs - 1) - 1;
    const double r = ratio * std::exp(at * spread);
    series->a.push_back(1000);
    series->b.push_back(series->higher_is_better ? 1000 * r : 1000 / r);
  }
}

inline WorkloadFigures Synthetic(const std::string& name, int pairs,
                                 double ratio, double spread) {
  Series series;
  series.key = "keys_per_s";
  series.title = "keys/s";
  series.role = Role::kMain;
  series.higher_is_better = true;
  AddPairs(pairs, ratio, spread, &series);
  WorkloadFigures workload;
  workload.name = name;
  workload.series.push_back(series);
  return workload;
}

// A figure that is better when lower, with as many pairs as the first.
inline void AddSeries(const std::string& key, Role role, double ratio,
                      double spread, WorkloadFigures* workload) {
  Series series;
  series.key = key;
  series.title = key;
  series.role = role;
  const int pairs = static_cast<int>(workload->series.front().a.size());
  AddPairs(pairs, ratio, spread, &series);
  workload->series.push_back(series);
}

}  // namespace rocksdb_uring

#endif  // ROCKSDB_URING_TESTS_UNIT_TOOLS_SYNTHETIC_FIGURES_H_
