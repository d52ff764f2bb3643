// The report as one HTML file that needs no network: verdict, plots, tables,
// the machine, and all data as JSON.
//
// SPDX-License-Identifier: Apache-2.0
#ifndef ROCKSDB_URING_TOOLS_COMPARE_HTML_REPORT_H_
#define ROCKSDB_URING_TOOLS_COMPARE_HTML_REPORT_H_

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "tools/compare/plots.h"
#include "tools/compare/verdict.h"

namespace rocksdb_uring {

struct HtmlReport {
  Verdict verdict;
  std::vector<WorkloadFigures> workloads;  // the verdict's, in its order
  SideNames names;
  // Machine and settings, as name and value.
  std::vector<std::pair<std::string, std::string>> facts;
  nlohmann::json json;
};

// The page. It is XML, too, so that a test can check it with little effort.
std::string ToHtml(const HtmlReport& report, const Plots& plots);

}  // namespace rocksdb_uring

#endif  // ROCKSDB_URING_TOOLS_COMPARE_HTML_REPORT_H_
