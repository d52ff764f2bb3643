// The results of --suite.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "tools/bench/suite.h"

namespace rocksdb_uring {

// What the table is of, and its first lines.
std::string SuiteHead(const BenchOptions& base);
// A line of the table: the run of each engine with the median of the speeds,
// and the median of the pairs' ratios with the least and the greatest.
std::string SuiteLine(const SuiteRow& row);
// The same figures, and all runs.
std::string SuiteJson(const std::vector<SuiteRow>& rows);

}  // namespace rocksdb_uring
