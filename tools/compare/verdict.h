// Judges what was measured: adopt the plugin, adopt it for some workloads, stay
// on POSIX, or measure more pairs.
//
// SPDX-License-Identifier: Apache-2.0
#ifndef ROCKSDB_URING_TOOLS_COMPARE_VERDICT_H_
#define ROCKSDB_URING_TOOLS_COMPARE_VERDICT_H_

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tools/compare/finding.h"

namespace rocksdb_uring {

enum class Decision { kAdopt, kAdoptForSome, kStay, kTooFewPairs };

struct Verdict {
  Decision decision = Decision::kTooFewPairs;
  std::string headline;            // one sentence, without a full stop
  std::vector<std::string> notes;  // what restricts it
  std::string options;             // with which to adopt; empty otherwise
  int pairs_needed = 0;
  bool complete = true;  // false: interrupted, or still running
  // False: other programs used the CPUs during a workload that decided.
  bool reliable = true;
  Criteria criteria;
  std::vector<WorkloadFinding> workloads;
};

// What the verdict's sentences name.
struct Contenders {
  std::string a;  // "POSIX"
  std::string b;  // the option string of B: "uring://?queue_depth=64"
};

// `complete`: every workload that was asked for has ended.
Verdict Decide(const std::vector<WorkloadFigures>& workloads, bool complete,
               const Criteria& criteria, const Contenders& contenders);

std::string NameOf(Decision decision);

// The lines below the table.
std::string FormatVerdict(const Verdict& verdict);

// Keys are only ever added.
nlohmann::json ToJson(const Verdict& verdict);

}  // namespace rocksdb_uring

#endif  // ROCKSDB_URING_TOOLS_COMPARE_VERDICT_H_
