// The files that a comparison leaves: JSON and the HTML report, both with the
// verdict.
//
// SPDX-License-Identifier: Apache-2.0
#ifndef ROCKSDB_URING_TOOLS_COMPARE_OUTPUTS_H_
#define ROCKSDB_URING_TOOLS_COMPARE_OUTPUTS_H_

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "tools/compare/machine.h"
#include "tools/compare/plots.h"
#include "tools/compare/verdict.h"

namespace rocksdb_uring {

struct OutputSettings {
  std::string json_path;    // empty: none
  std::string report_path;  // empty: none
  Criteria criteria;
  Contenders contenders;
  SideNames names;
};

class Outputs {
 public:
  // Temporary files go to `directory`.
  Outputs(OutputSettings settings, Machine machine, std::string directory);

  // Judges, and replaces both files, each in one step: whenever the process
  // ends, they are whole. `complete`: nothing is left to run. Returns false
  // with *error when a file cannot be written.
  bool Write(const std::vector<WorkloadFigures>& workloads, bool complete,
             nlohmann::json json, std::string* error);

  const Verdict& verdict() const { return verdict_; }
  const Machine& machine() const { return machine_; }

 private:
  bool WriteReport(const std::vector<WorkloadFigures>& workloads,
                   const nlohmann::json& json, std::string* error) const;

  const OutputSettings settings_;
  const Machine machine_;
  const std::string directory_;
  Verdict verdict_;
};

nlohmann::json ToJson(const Machine& machine);

}  // namespace rocksdb_uring

#endif  // ROCKSDB_URING_TOOLS_COMPARE_OUTPUTS_H_
