// What was measured of a workload on both sides, in one form for rows of
// db_bench and for programs of the user: what the verdict and the HTML report
// read.
//
// SPDX-License-Identifier: Apache-2.0
#ifndef ROCKSDB_URING_TOOLS_COMPARE_FIGURES_H_
#define ROCKSDB_URING_TOOLS_COMPARE_FIGURES_H_

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tools/compare/comparison.h"

namespace rocksdb_uring {

// How the verdict uses a series.
enum class Role {
  kMain,     // throughput or wall time: gains and loses
  kLatency,  // median latency: can gain
  kTail,     // p99: can lose
  kCpu,      // CPU time of an operation: can gain
  kShown,    // in reports only
};

// One figure of all pairs: a[i] and b[i] are of pair i.
struct Series {
  std::string key;    // in JSON
  std::string title;  // with the unit, for people
  Role role = Role::kShown;
  bool higher_is_better = false;
  bool is_percentile = false;  // of the latency of a call
  std::vector<double> a;
  std::vector<double> b;

  // Above 1: B is better. Pairs in which a side is 0 have no ratio.
  std::vector<double> Ratios() const;
};

struct WorkloadFigures {
  std::string name;
  std::string measures;
  std::string error;           // empty when all pairs ran
  std::vector<Series> series;  // the kMain series first; empty before a pair
  bool writes = false;
  // Options that B had for this row alone. Such a row tries a variant and does
  // not count against the plugin as it is.
  std::string options;
  bool denied_io_uring = false;  // to B, on purpose
  // RocksDB's own options, which B alone had; both sides were on one file
  // system. Such a row says nothing of the plugin.
  std::string rocksdb_options;
  bool on_plugin = false;
  std::string caution;      // what these options cost
  SideNames names;          // empty: as in the other rows
  double others_share = 0;  // of the CPUs, used by other programs
  std::string a_command;
  std::string b_command;
  std::string a_path;  // "ring 97% page_cache 3%"; empty without statistics
  std::string b_path;
  std::string fallback;  // reason and remedy

  bool ok() const { return error.empty(); }
};

// The workload's own names, or else `names`.
const SideNames& NamesOf(const WorkloadFigures& figures,
                         const SideNames& names);

// Pairs that an interrupt cut in half are left out.
WorkloadFigures FiguresOf(const RowResult& row);

nlohmann::json ToJson(const WorkloadFigures& figures);

}  // namespace rocksdb_uring

#endif  // ROCKSDB_URING_TOOLS_COMPARE_FIGURES_H_
