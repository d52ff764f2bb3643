// SPDX-License-Identifier: Apache-2.0

#include "tools/compare/statistics.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace rocksdb_uring {

namespace {

constexpr double kMissAllowed = 0.05;

double MedianOfSorted(const std::vector<double>& sorted) {
  const size_t middle = sorted.size() / 2;
  if (sorted.size() % 2 == 1) return sorted[middle];
  return (sorted[middle - 1] + sorted[middle]) / 2;
}

// The chance that fewer than `rank` of n fair coins show heads: the chance that
// the true median lies below the rank-th smallest of n values.
double ChanceBelow(size_t n, size_t rank) {
  double term = std::pow(0.5, static_cast<double>(n));
  double sum = 0;
  for (size_t k = 0; k < rank; ++k) {
    sum += term;
    term *= static_cast<double>(n - k) / static_cast<double>(k + 1);
  }
  return sum;
}

}  // namespace

Summary Summarize(std::vector<double> values) {
  Summary summary;
  if (values.empty()) return summary;
  std::sort(values.begin(), values.end());
  summary.median = MedianOfSorted(values);
  summary.min = values.front();
  summary.max = values.back();
  return summary;
}

MedianInterval IntervalOfMedian(std::vector<double> values) {
  MedianInterval interval;
  const size_t n = values.size();
  if (n == 0) return interval;
  std::sort(values.begin(), values.end());
  size_t rank = 1;
  while (rank < (n + 1) / 2 && 2 * ChanceBelow(n, rank + 1) <= kMissAllowed) {
    ++rank;
  }
  interval.low = values[rank - 1];
  interval.high = values[n - rank];
  interval.confidence = std::max(0.0, 1 - 2 * ChanceBelow(n, rank));
  return interval;
}

std::vector<double> PairwiseRatios(const std::vector<double>& a,
                                   const std::vector<double>& b) {
  std::vector<double> ratios;
  for (size_t i = 0; i < a.size(); ++i) ratios.push_back(b[i] / a[i]);
  return ratios;
}

}  // namespace rocksdb_uring
