// The benchmarks of --suite: what each measures, on uring and on posix.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/bench/options.h"
#include "tools/bench/runner.h"
#include "tools/bench/target_file.h"

namespace rocksdb_uring {

struct SuiteRun {
  BenchResult result;
  // As of a single measurement, with options and machine.
  std::string json;
};

// The same work on two engines. POSIX has no asynchronous operations: where
// uring has many in flight from few threads, posix has a thread for each.
struct SuiteRow {
  std::string name;
  BenchOptions uring;
  BenchOptions posix;
  // One run on each, in pairs.
  std::vector<SuiteRun> uring_runs;
  std::vector<SuiteRun> posix_runs;
};

// Of `base`: file, size, block size, direct, runtime and warm-up.
std::vector<SuiteRow> SuiteRows(const BenchOptions& base);

// Measures `pairs` pairs, of which every second begins with posix. Files that
// the row writes are removed. Unless kOpened, `*error` says what has failed.
OpenOutcome RunRow(uint32_t pairs, SuiteRow* row, std::string* error);

}  // namespace rocksdb_uring
