// SPDX-License-Identifier: Apache-2.0

#include "tools/compare/option_advice.h"

#include <algorithm>

namespace rocksdb_uring {

namespace {

using Findings = std::vector<const WorkloadFinding*>;

bool Gains(const WorkloadFinding* row) {
  return row->finding == Finding::kGain;
}

std::string Where(const WorkloadFinding& row) {
  return row.on_plugin ? "with the plugin" : "on POSIX";
}

// Gains first: what else the rows say is a remark.
std::string Advise(const Findings& rows) {
  const WorkloadFinding& first = *rows.front();
  std::string gains;
  std::string others;
  for (const WorkloadFinding* row : rows) {
    if (Gains(row)) {
      gains += (gains.empty() ? " gives " : " and ") + row->because + " " +
               Where(*row);
    } else {
      others += "; " + Where(*row) + ": " + NameOf(row->finding) + ", " +
                row->because;
    }
  }
  std::string text =
      "RocksDB's own option " + first.rocksdb_options + gains + others;
  const bool is_known_for_both = rows.size() > 1 && others.empty();
  if (is_known_for_both) text += ", whether or not you adopt the plugin";
  if (!first.caution.empty()) text += ". Beware: " + first.caution;
  return text;
}

}  // namespace

std::vector<std::string> AdviseOptions(
    const std::vector<WorkloadFinding>& workloads) {
  std::vector<std::string> advice;
  std::vector<std::string> seen;
  for (const WorkloadFinding& workload : workloads) {
    const std::string& options = workload.rocksdb_options;
    if (options.empty() ||
        std::find(seen.begin(), seen.end(), options) != seen.end()) {
      continue;
    }
    seen.push_back(options);
    Findings rows;
    for (const WorkloadFinding& w : workloads) {
      if (w.rocksdb_options == options) rows.push_back(&w);
    }
    if (std::any_of(rows.begin(), rows.end(), Gains)) {
      advice.push_back(Advise(rows));
    }
  }
  return advice;
}

}  // namespace rocksdb_uring
