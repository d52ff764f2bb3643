// The harness: runs a workload under the recorder, builds states that a power
// failure may leave, and opens databases on them.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "rocksdb/env.h"
#include "rocksdb/file_system.h"
#include "tests/faults/power/crash_model.h"
#include "tests/faults/power/workload.h"

namespace rocksdb_uring {

// What opening many states gave.
struct CrashReport {
  size_t states = 0;
  std::map<Failure, size_t> failures;
  // Of the first of each kind: what failed, and what was lost.
  std::map<Failure, std::string> examples;

  // All but Failure::kTornTail.
  size_t failed() const;
  // A line, and all that is known.
  std::string Summary() const;
  std::string ToString() const;
};

// A run of the workload, and the log of it.
class RecordedRun {
 public:
  // Runs on `file_system` in a directory of its own. The log is checked
  // against the directory: the state that lost nothing must equal it.
  RecordedRun(const WorkloadOptions& options,
              const std::shared_ptr<rocksdb::FileSystem>& file_system);

  const IoLog& log() const { return log_; }
  const CrashModel& model() const { return *model_; }

  // Opens databases on `states` random states of the run, every fourth through
  // `plugin` if that is there and else on the default file system. Ends early
  // at the first failure if `until_failure`.
  CrashReport Check(size_t states,
                    const std::shared_ptr<rocksdb::FileSystem>& plugin,
                    bool until_failure, std::mt19937_64* random) const;

 private:
  void ExpectTheDirectory(const std::string& directory) const;
  struct Crash {
    LogPosition at = 0;
    Loss loss;
    uint64_t seed = 0;
  };

  Crash DrawCrash(std::mt19937_64* random) const;
  Verdict CheckCrash(const Crash& crash, rocksdb::Env* env) const;
  // Opens a database on the state.
  Verdict CheckState(const DiskState& state, LogPosition crash,
                     rocksdb::Env* env) const;
  std::string DescribeCrash(const Crash& crash) const;

  const WorkloadOptions options_;
  std::unique_ptr<Workload> workload_;
  IoLog log_;
  std::unique_ptr<CrashModel> model_;
  // Positions at names and syncs, where the interesting states are.
  std::vector<LogPosition> turning_points_;
};

// More with ROCKSDB_URING_TEST_FULL.
size_t StatesToCheck(size_t by_default);

}  // namespace rocksdb_uring
