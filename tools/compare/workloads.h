// The workloads that are compared: one table, a row each.
//
// SPDX-License-Identifier: Apache-2.0
#ifndef ROCKSDB_URING_TOOLS_COMPARE_WORKLOADS_H_
#define ROCKSDB_URING_TOOLS_COMPARE_WORKLOADS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tools/compare/rocksdb_options.h"

namespace rocksdb_uring {

// What the page cache holds of the database when a run starts.
enum class CacheState {
  kIrrelevant,  // direct I/O, or a database that the run makes itself
  kCold,        // nothing, or the share that --cached_percent asks for
  kWarm,        // everything
};

// How long a run lasts.
enum class Extent {
  kSeconds,  // a fixed time (--seconds)
  kShare,    // a fixed number of reads, which touches a small share of the
             // database (--cold_share)
  kLoad,     // once through the data that it loads itself (--write_mb)
  kReads,    // a fixed number of reads
  kTrace,    // once through a trace
};

// The database that a run uses.
enum class DatabaseUse {
  kShared,   // --db, which no run changes
  kEachRow,  // one of --write_mb, made once for the row; both sides read it
  kEachRun,  // one of --write_mb, made by each run
  kCopy,     // a copy of --db for each run, which may change it
};

struct Workload {
  std::string name;
  std::string measures;
  std::vector<std::string>
      args;  // for db_bench, beside those that describe the database
  CacheState cache = CacheState::kIrrelevant;
  Extent extent = Extent::kSeconds;
  int threads = 1;
  double target = 0;  // least ratio B/A; 0 for none

  // Given to B only: what the row compares beside the file system.
  std::vector<std::string> b_args;
  std::string b_options;  // options of the plugin
  bool b_denied_io_uring = false;

  // The lines of db_bench's output that count, by name. Their times are added
  // up.
  std::vector<std::string> results;
  // The keys that one thread looked for count, not what others do beside it.
  bool counts_sought = false;
  int64_t keys_per_operation = 1;  // a scan is one operation of db_bench
  DatabaseUse database = DatabaseUse::kShared;
  std::vector<std::string> load_args;  // for db_bench, which makes a database
                                       // of DatabaseUse::kEachRow
  int64_t value_size = 0;  // bytes, in a database of its own; 0: --value_size
  // So many table files are loaded (about: memtables hold more than the keys
  // and values). 0: as db_bench's default memtables make them.
  int files = 0;

  // RocksDB's own options, which B gets and A does not. Both sides are on the
  // same file system then: on that of A, or with the plugin.
  RocksDbOptions rocksdb_options;
  bool on_plugin = false;
  std::string caution;  // what the options cost

  // The file of a trace that uring_replay executes. Empty: db_bench runs.
  std::string trace;

  bool is_trace() const { return !trace.empty(); }
  bool writes() const { return database == DatabaseUse::kEachRun; }
  // It is in --scratch then.
  bool own_database() const { return database != DatabaseUse::kShared; }
};

// The targets below which a row counts as "no slower", and is judged by its
// interval as well.
constexpr double kParity = 0.98;
constexpr double kParityLow = 0.95;
constexpr int kParityPairs = 20;

const std::vector<Workload>& AllWorkloads();

// Picks by a comma-separated list of names and of the groups "reads", "writes",
// "rocksdb" (RocksDB's own options) and "all", in the table's order. Returns
// false with *error for a name that is not there.
bool SelectWorkloads(const std::string& list, std::vector<Workload>* chosen,
                     std::string* error);

// The table for people: names, targets and what they measure.
std::string ListWorkloads();

}  // namespace rocksdb_uring

#endif  // ROCKSDB_URING_TOOLS_COMPARE_WORKLOADS_H_
