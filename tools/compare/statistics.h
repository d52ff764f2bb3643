// Statistics of repeated runs: medians, spread, and an interval for a median.
//
// Everything here is order statistics: single pairs of runs scatter by more
// than ten per cent on a small machine and their distribution has long tails,
// so means and normal intervals would mislead.
//
// SPDX-License-Identifier: Apache-2.0
#ifndef ROCKSDB_URING_TOOLS_COMPARE_STATISTICS_H_
#define ROCKSDB_URING_TOOLS_COMPARE_STATISTICS_H_

#include <vector>

namespace rocksdb_uring {

struct Summary {
  double median = 0;
  double min = 0;
  double max = 0;
};

// An interval that contains the true median with at least `confidence` (0..1).
struct MedianInterval {
  double low = 0;
  double high = 0;
  double confidence = 0;
};

// All zero for an empty vector.
Summary Summarize(std::vector<double> values);

// The narrowest symmetric pair of order statistics that covers the median with
// at least 95 %. Fewer than six values cannot reach 95 %: then the interval is
// min..max, and `confidence` says what that covers.
MedianInterval IntervalOfMedian(std::vector<double> values);

// b[i] / a[i]. REQUIRES: both have the same size and no a[i] is 0.
std::vector<double> PairwiseRatios(const std::vector<double>& a,
                                   const std::vector<double>& b);

}  // namespace rocksdb_uring

#endif  // ROCKSDB_URING_TOOLS_COMPARE_STATISTICS_H_
