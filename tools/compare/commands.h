// The commands that a comparison runs: db_bench, or uring_replay for a trace.
//
// SPDX-License-Identifier: Apache-2.0
#ifndef ROCKSDB_URING_TOOLS_COMPARE_COMMANDS_H_
#define ROCKSDB_URING_TOOLS_COMPARE_COMMANDS_H_

#include <string>

#include "tools/compare/child.h"
#include "tools/compare/settings.h"
#include "tools/compare/workloads.h"

namespace rocksdb_uring {

class Commands {
 public:
  // *settings must outlive this. The plugin leaves its statistics in
  // `directory`, and OPTIONS files are there.
  Commands(const Settings* settings, std::string directory);

  // A run of the workload. Pairs differ in their keys.
  Command Run(const Workload& workload, bool is_b, int pair) const;
  // Opens and closes the workload's database, and does nothing else.
  Command Open(const Workload& workload, bool is_b) const;
  // Makes the database of a row of DatabaseUse::kEachRow, through POSIX.
  Command Load(const Workload& workload) const;

  // Makes an empty database, whose OPTIONS file has what the workload's runs
  // use.
  Command Template(const Workload& workload) const;

  std::string stats_path() const { return directory_ + "/stats.json"; }
  std::string options_path(bool is_b) const {
    return directory_ + (is_b ? "/with.options" : "/without.options");
  }
  // Of the database that the workload runs on.
  const std::string& directory_of(const Workload& workload) const {
    return workload.own_database() ? settings_.scratch : settings_.db;
  }
  const Side& side_of(const Workload& workload, bool is_b) const;
  // What progress, tables and plots call the side.
  std::string label_of(const Workload& workload, bool is_b) const;

 private:
  Command Begin(const Workload& workload, bool is_b, int pair) const;
  Command BeginBench(const Workload& workload, int pair) const;
  Command BeginReplay(const Workload& workload) const;
  void AddExtent(const Workload& workload, Command* command) const;
  void AddSide(const Workload& workload, bool is_b, Command* command) const;
  DatabaseShape shape_of(const Workload& workload) const;

  const Settings& settings_;
  const std::string directory_;
};

}  // namespace rocksdb_uring

#endif  // ROCKSDB_URING_TOOLS_COMPARE_COMMANDS_H_
