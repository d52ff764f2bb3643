// SPDX-License-Identifier: Apache-2.0

#include "tools/compare/figures.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace rocksdb_uring {

namespace {

void Add(Series series, std::vector<Series>* all) {
  const size_t pairs = std::min(series.a.size(), series.b.size());
  if (pairs == 0) return;
  series.a.resize(pairs);
  series.b.resize(pairs);
  all->push_back(std::move(series));
}

// The verdict uses two of them. A p95 between these adds nothing, and p99.9 and
// the maximum rest on too few calls to judge by.
Role RoleOf(const PercentileName& name) {
  if (name.value == &Percentiles::p50) return Role::kLatency;
  return name.value == &Percentiles::p99 ? Role::kTail : Role::kShown;
}

void AddPercentiles(const RowResult& row, std::vector<Series>* all) {
  for (const PercentileName& name : kPercentileNames) {
    Add({name.key, name.title, RoleOf(name), false, true,
         row.a.latencies(name.value), row.b.latencies(name.value)},
        all);
  }
}

std::string PathOf(const SideRuns& runs) {
  return runs.has_stats ? DescribePaths(runs.stats) : "";
}

}  // namespace

std::vector<double> Series::Ratios() const {
  std::vector<double> ratios;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    if (a[i] <= 0 || b[i] <= 0) continue;
    ratios.push_back(higher_is_better ? b[i] / a[i] : a[i] / b[i]);
  }
  return ratios;
}

const SideNames& NamesOf(const WorkloadFigures& figures,
                         const SideNames& names) {
  return figures.names.a.empty() ? names : figures.names;
}

WorkloadFigures FiguresOf(const RowResult& row) {
  WorkloadFigures figures;
  figures.name = row.workload.name;
  figures.measures = row.workload.measures;
  figures.error = row.error;
  figures.writes = row.workload.writes();
  figures.options = row.workload.b_options;
  figures.denied_io_uring = row.workload.b_denied_io_uring;
  figures.rocksdb_options = Describe(row.workload.rocksdb_options);
  figures.on_plugin = row.workload.on_plugin;
  figures.caution = row.workload.caution;
  figures.names = row.names;
  figures.others_share = row.others_share;
  figures.a_command = row.a.command;
  figures.b_command = row.b.command;
  figures.a_path = PathOf(row.a);
  figures.b_path = PathOf(row.b);
  figures.fallback = DescribeFallback(row.b.stats);
  const auto add = [&](const char* key, const char* title, Role role,
                       const std::vector<double>& a,
                       const std::vector<double>& b) {
    Add({key, title, role, role == Role::kMain, false, a, b}, &figures.series);
  };
  // In JSON the key stays: whatever reads it finds the figure that decides.
  add("keys_per_s", row.workload.is_trace() ? "operations/s" : "keys/s",
      Role::kMain, row.a.keys_per_s, row.b.keys_per_s);
  AddPercentiles(row, &figures.series);
  add("cpu_us_per_key", "CPU µs/key", Role::kCpu, row.a.cpu_us_per_key,
      row.b.cpu_us_per_key);
  add("device_bytes_per_key", "device bytes/key", Role::kShown,
      row.a.device_bytes_per_key, row.b.device_bytes_per_key);
  return figures;
}

nlohmann::json ToJson(const WorkloadFigures& figures) {
  nlohmann::json json = {{"name", figures.name},
                         {"measures", figures.measures},
                         {"error", figures.error},
                         {"others_cpu_share", figures.others_share},
                         {"rocksdb_options", figures.rocksdb_options},
                         {"fallback", figures.fallback}};
  json["a"] = {{"command", figures.a_command}, {"served_by", figures.a_path}};
  json["b"] = {{"command", figures.b_command}, {"served_by", figures.b_path}};
  json["series"] = nlohmann::json::array();
  for (const Series& series : figures.series) {
    json["series"].push_back({{"key", series.key},
                              {"title", series.title},
                              {"higher_is_better", series.higher_is_better},
                              {"a", series.a},
                              {"b", series.b}});
  }
  return json;
}

}  // namespace rocksdb_uring
