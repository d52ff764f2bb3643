// Draws the pairs with gnuplot, as SVG to be put into a HTML page.
//
// gnuplot is run as a program: nothing of it is linked, and without it the
// report has its tables only.
//
// SPDX-License-Identifier: Apache-2.0
#ifndef ROCKSDB_URING_TOOLS_COMPARE_PLOTS_H_
#define ROCKSDB_URING_TOOLS_COMPARE_PLOTS_H_

#include <string>
#include <vector>

#include "tools/compare/side_names.h"
#include "tools/compare/verdict.h"

namespace rocksdb_uring {

struct Plots {
  // SVG elements; empty where nothing was drawn.
  std::string overview;             // the main ratio of each workload
  std::string options;              // the same of RocksDB's own options
  std::vector<std::string> ratios;  // of each workload: its ratios
  std::vector<std::string> values;  // of each workload: A and B, pair by pair
  std::vector<std::string> latencies;  // of each workload: percentiles
  std::string problem;  // why there are none, and what to install
};

// `verdict` is of these workloads, and `names` where a workload has none of its
// own. Temporary files go to `directory`.
Plots DrawPlots(const std::vector<WorkloadFigures>& workloads,
                const Verdict& verdict, const SideNames& names,
                const std::string& directory);

}  // namespace rocksdb_uring

#endif  // ROCKSDB_URING_TOOLS_COMPARE_PLOTS_H_
