// Compares a program of the user, without and with the plugin preloaded, in
// alternating pairs of runs.
//
// SPDX-License-Identifier: Apache-2.0
#ifndef ROCKSDB_URING_TOOLS_COMPARE_OWN_COMMAND_H_
#define ROCKSDB_URING_TOOLS_COMPARE_OWN_COMMAND_H_

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "tools/compare/child.h"
#include "tools/compare/figures.h"

namespace rocksdb_uring {

struct OwnCommandSettings {
  std::string command;  // for the shell
  std::string prepare;  // for the shell, before each run; not measured
  // With one group, which matches a number of the output. Empty: the wall time
  // is the main figure.
  std::string figure;
  bool figure_higher_is_better = true;
  std::string directory;  // on the device whose operations are counted
  std::string preload;    // librocksdb_uring_preload.so
  bool b_has_plugin = true;
  std::string b_options;  // "queue_depth=64;reads=uring"
  std::vector<std::pair<std::string, std::string>> b_env;
  int pairs = 5;
  unsigned limit_s = 300;
};

// Returns false with *error unless `figure` is a regular expression with one
// group.
bool CheckFigure(const std::string& figure, std::string* error);

// The last match wins: programs print their results at the end.
bool FindFigure(const std::string& figure, const std::string& output,
                double* value, std::string* error);

class OwnCommand {
 public:
  using Progress = std::function<void(const std::string&)>;

  // *settings must outlive this. Statistics files go to `directory`.
  OwnCommand(const OwnCommandSettings* settings, std::string directory,
             Progress progress);

  // Runs all pairs. WorkloadFigures::error says what went wrong; the pairs that
  // ended before are there.
  WorkloadFigures Run();

 private:
  struct Measured;

  bool RunPair(int pair);
  bool RunOnce(bool is_b, Measured* measured);
  bool RunCommandOf(bool is_b, const Command& command, Measured* measured);
  bool Prepare();
  bool ProvePlugin(const Command& command, const Outcome& outcome);
  Command MakeCommand(bool is_b) const;
  void Keep(const Measured& a, const Measured& b);

  const OwnCommandSettings& settings_;
  const std::string directory_;
  const Progress progress_;
  const std::string device_;
  WorkloadFigures figures_;
  double others_cpu_s_ = 0;
  double available_cpu_s_ = 0;
};

nlohmann::json ToJson(const OwnCommandSettings& settings);

// The lines above the verdict: a line for each figure.
std::string FormatFigures(const WorkloadFigures& figures);

}  // namespace rocksdb_uring

#endif  // ROCKSDB_URING_TOOLS_COMPARE_OWN_COMMAND_H_
