// Turns results into the table on stdout and into JSON.
//
// SPDX-License-Identifier: Apache-2.0
#ifndef ROCKSDB_URING_TOOLS_COMPARE_REPORT_H_
#define ROCKSDB_URING_TOOLS_COMPARE_REPORT_H_

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tools/compare/comparison.h"
#include "tools/compare/machine.h"

namespace rocksdb_uring {

enum class TargetResult { kNone, kMet, kMissed, kFailed };

// B against A, with the statistics of the pairwise ratios.
struct Judgement {
  Summary ratio;
  MedianInterval interval;
  TargetResult verdict = TargetResult::kNone;
  // A "no slower" target judged on fewer pairs than it takes to tell.
  bool few_pairs = false;
  // Other programs used the CPUs while the row ran.
  bool disturbed = false;
};

// A target of kParity asks for the median and for the lower end of its interval
// as well; others for the median.
Judgement Judge(const RowResult& row);

// The lines above the table.
std::string FormatHeader(const Machine& machine, const Settings& settings,
                         const std::string& db_bench_version);

// The aligned table, with notes on fallbacks and failures below it. The short
// form keeps to what fits a terminal: no spread, no CPU time, no percentiles.
std::string FormatTable(const std::vector<RowResult>& rows,
                        const Settings& settings, bool is_short);

// Everything, with the figures of every single run. Keys are only ever added.
nlohmann::json ToJson(const Machine& machine, const Settings& settings,
                      const std::string& db_bench_version,
                      const std::vector<RowResult>& rows);

}  // namespace rocksdb_uring

#endif  // ROCKSDB_URING_TOOLS_COMPARE_REPORT_H_
