// Runs the threads and puts their results together.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "tools/bench/engines.h"
#include "tools/bench/histogram.h"
#include "tools/bench/options.h"
#include "tools/bench/target_file.h"

namespace rocksdb_uring {

struct BenchResult {
  double seconds = 0;
  uint64_t ops = 0;
  uint64_t errors = 0;
  int64_t first_error = 0;
  // Of an operation (depth), or of a batch.
  Histogram latency;
  EngineCounts counts;
  double user_s = 0;
  double system_s = 0;
  uint64_t context_switches = 0;
  // Of threads for each other; in microseconds, of all threads together.
  double lock_waits = 0;
  double lock_wait_us = 0;
  double thread_waits = 0;
  double thread_wait_us = 0;
  // At the end.
  uint64_t engine_memory_bytes = 0;

  double PerOp(double value) const {
    return ops == 0 ? 0 : value / static_cast<double>(ops);
  }
  double iops() const {
    return seconds > 0 ? static_cast<double>(ops) / seconds : 0;
  }
};

BenchResult RunBench(const BenchOptions& options, const TargetFile& target,
                     BenchEngines* engines);

}  // namespace rocksdb_uring
