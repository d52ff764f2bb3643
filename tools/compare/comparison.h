// Runs a workload on two sides, A and B, in alternating pairs.
//
// SPDX-License-Identifier: Apache-2.0
#ifndef ROCKSDB_URING_TOOLS_COMPARE_COMPARISON_H_
#define ROCKSDB_URING_TOOLS_COMPARE_COMPARISON_H_

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tools/compare/commands.h"
#include "tools/compare/db_bench.h"
#include "tools/compare/plugin_stats.h"
#include "tools/compare/settings.h"
#include "tools/compare/side_names.h"
#include "tools/compare/statistics.h"
#include "tools/compare/workloads.h"

namespace rocksdb_uring {

// All runs of one side of one workload; the vectors have one element for each
// pair.
struct SideRuns {
  std::vector<double> keys_per_s;
  std::vector<double> cpu_us_per_key;
  std::vector<Percentiles> latency;  // of calls, not keys; empty without
                                     // --histogram
  // Read from block devices, as the kernel counts.
  std::vector<double> device_bytes_per_key;
  std::string command;  // of the last run
  bool has_stats = false;
  PluginStats stats;  // of the last run
  // What opening and closing the database costs.
  double open_cpu_s = 0;
  double open_device_bytes = 0;

  std::vector<double> latencies(double Percentiles::*which) const {
    std::vector<double> values;
    for (const Percentiles& of_run : latency) values.push_back(of_run.*which);
    return values;
  }
};

struct RowResult {
  Workload workload;
  SideNames names;  // of A and B
  SideRuns a;
  SideRuns b;
  std::vector<double> noise_keys_per_s;  // the second run of A in each pair,
                                         // with Settings::noise
  // Share (0..1) of the machine's CPU time that other programs used while this
  // row ran. They slow serial reads, with a wake-up for each, more than
  // batches: ratios come out too high.
  double others_share = 0;
  std::string error;  // empty when all pairs ran

  bool ok() const { return error.empty(); }
};

// More than this share used by others makes a row unreliable. Interrupts and
// the kernel's own threads are among the others.
constexpr double kOthersAllowed = 0.10;

class Comparison {
 public:
  // Reports each run that has ended ("B  70212 keys/s").
  using Progress = std::function<void(const std::string&)>;

  // *settings must outlive this. Temporary files go to `directory`.
  Comparison(const Settings* settings, std::string directory,
             Progress progress);

  // Runs all pairs of a workload. Never fails as a whole: RowResult::error says
  // what went wrong, so that other rows can still be run.
  RowResult Run(const Workload& workload);

  // What db_bench said of its version; empty before the first run.
  const std::string& version() const { return version_; }

 private:
  bool RunPairs(RowResult* row);
  bool RunPair(int pair, RowResult* row);
  bool MakeOptions(const Workload& workload, std::string* error);
  bool LoadDatabase(const Workload& workload, std::string* error);
  bool MeasureOpen(const Workload& workload, bool is_b, SideRuns* runs,
                   std::string* error);
  bool RunOnce(const Workload& workload, bool is_b, int pair, SideRuns* runs,
               std::string* error);
  bool Prepare(const Workload& workload, int pair, std::string* error);
  bool RunChecked(const Command& command, bool is_plugin, SideRuns* runs,
                  Outcome* outcome, std::string* error);
  bool RunCounted(const Command& command, Outcome* outcome, std::string* error);
  double KeysOf(const Workload& workload, const Measurement& measured) const;
  bool Record(const Workload& workload, const Outcome& outcome, SideRuns* runs,
              std::string* error) const;

  const Settings& settings_;
  const Progress progress_;
  const Commands commands_;
  std::string version_;
  // Over the runs of the current row, in CPU seconds.
  double others_cpu_s_ = 0;
  double available_cpu_s_ = 0;
};

}  // namespace rocksdb_uring

#endif  // ROCKSDB_URING_TOOLS_COMPARE_COMPARISON_H_
