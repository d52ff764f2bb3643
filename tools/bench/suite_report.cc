// Medians, ratios, and a table.
//
// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/suite_report.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "env/base/format.h"
#include "tools/bench/report.h"

namespace rocksdb_uring {

namespace {

using Json = nlohmann::ordered_json;

const BenchResult& MedianOf(const std::vector<SuiteRun>& runs) {
  std::vector<const SuiteRun*> sorted;
  for (const SuiteRun& run : runs) {
    sorted.push_back(&run);
  }
  std::sort(sorted.begin(), sorted.end(),
            [](const SuiteRun* a, const SuiteRun* b) {
              return a->result.iops() < b->result.iops();
            });
  return sorted[(sorted.size() - 1) / 2]->result;
}

// Of the pairs, in ascending order.
std::vector<double> RatiosOf(const SuiteRow& row) {
  std::vector<double> ratios;
  for (size_t i = 0; i < row.uring_runs.size(); ++i) {
    const double posix = row.posix_runs[i].result.iops();
    ratios.push_back(posix > 0 ? row.uring_runs[i].result.iops() / posix : 0);
  }
  std::sort(ratios.begin(), ratios.end());
  return ratios;
}

double MedianOf(const std::vector<double>& sorted) {
  const size_t middle = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[middle]
                                : (sorted[middle - 1] + sorted[middle]) / 2;
}

double Microseconds(const BenchResult& result, double part) {
  return static_cast<double>(result.latency.Percentile(part)) / 1e3;
}

double CpuMicroseconds(const BenchResult& result) {
  return result.PerOp((result.user_s + result.system_s) * 1e6);
}

Json RunsJson(const std::vector<SuiteRun>& runs) {
  Json json = Json::array();
  for (const SuiteRun& run : runs) {
    json.push_back(Json::parse(run.json));
  }
  return json;
}

}  // namespace

std::string SuiteHead(const BenchOptions& base) {
  return Format("%u bytes, %s, %u pairs of %.3g s each; ", base.block_size,
                base.direct ? "direct" : "buffered", base.pairs,
                base.runtime_s) +
         MachineLine() + "\n" +
         Format("%-32s %19s  %-19s %17s %17s %15s\n", "", "operations/s",
                "ratio (range)", "p50 us", "p99 us", "CPU us/operation") +
         Format("%-32s %9s %9s  %-19s %8s %8s %8s %8s %8s %7s\n", "benchmark",
                "uring", "posix", "of the pairs", "uring", "posix", "uring",
                "posix", "uring", "posix");
}

std::string SuiteLine(const SuiteRow& row) {
  const BenchResult& uring = MedianOf(row.uring_runs);
  const BenchResult& posix = MedianOf(row.posix_runs);
  const std::vector<double> ratios = RatiosOf(row);
  const std::string ratio = Format("%.2f (%.2f to %.2f)", MedianOf(ratios),
                                   ratios.front(), ratios.back());
  return Format(
      "%-32s %9.0f %9.0f  %-19s %8.0f %8.0f %8.0f %8.0f %8.2f %7.2f\n",
      row.name.c_str(), uring.iops(), posix.iops(), ratio.c_str(),
      Microseconds(uring, 0.5), Microseconds(posix, 0.5),
      Microseconds(uring, 0.99), Microseconds(posix, 0.99),
      CpuMicroseconds(uring), CpuMicroseconds(posix));
}

std::string SuiteJson(const std::vector<SuiteRow>& rows) {
  Json json = Json::array();
  for (const SuiteRow& row : rows) {
    const std::vector<double> ratios = RatiosOf(row);
    json.push_back({{"benchmark", row.name},
                    {"ratio", MedianOf(ratios)},
                    {"ratio_min", ratios.front()},
                    {"ratio_max", ratios.back()},
                    {"uring", RunsJson(row.uring_runs)},
                    {"posix", RunsJson(row.posix_runs)}});
  }
  return Json{{"suite", json}}.dump(2) + "\n";
}

}  // namespace rocksdb_uring
