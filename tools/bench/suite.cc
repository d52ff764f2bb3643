// Options of each benchmark, and the order of the runs.
//
// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/suite.h"

#include <unistd.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "env/base/errno_code.h"
#include "tools/bench/engines.h"
#include "tools/bench/report.h"

namespace rocksdb_uring {

namespace {

// In flight in the throughput and the mixed benchmark, and under stress.
constexpr uint32_t kDepth = 32;
constexpr uint32_t kStressThreads = 4;
constexpr uint32_t kStressDepth = 256;
constexpr uint32_t kSuiteBatchMax = 128;
// Of the files that are written.
constexpr uint64_t kWrittenBytes = 256 << 20;

SuiteRow Row(std::string name, const BenchOptions& base) {
  SuiteRow row;
  row.name = std::move(name);
  row.uring = base;
  row.uring.engine = BenchEngine::kUring;
  row.posix = base;
  row.posix.engine = BenchEngine::kPosix;
  return row;
}

SuiteRow InFlight(std::string name, const BenchOptions& base, uint32_t threads,
                  uint32_t depth) {
  SuiteRow row = Row(std::move(name), base);
  row.uring.threads = threads;
  row.uring.depth = depth;
  row.posix.threads = threads * depth;
  return row;
}

// Writes go to a file beside the one that is read.
BenchOptions Written(const BenchOptions& base, const std::string& suffix) {
  BenchOptions options = base;
  options.file += suffix;
  options.write = true;
  options.size_bytes = base.size_bytes == 0
                           ? kWrittenBytes
                           : std::min(base.size_bytes, kWrittenBytes);
  return options;
}

OpenOutcome RunOnce(const BenchOptions& options, std::vector<SuiteRun>* runs,
                    std::string* error) {
  TargetFile target;
  const OpenOutcome outcome = OpenTarget(options, &target, error);
  if (outcome != OpenOutcome::kOpened) {
    return outcome;
  }
  const std::unique_ptr<BenchEngines> engines =
      BenchEngines::Create(options, error);
  if (engines == nullptr) {
    return OpenOutcome::kFailed;
  }
  SuiteRun run;
  run.result = RunBench(options, target, engines.get());
  run.json = FormatJson(options, target, run.result);
  if (run.result.errors != 0) {
    *error = std::to_string(run.result.errors) + " operations failed, first: " +
             Errno::FromResult(run.result.first_error).message();
    return OpenOutcome::kFailed;
  }
  runs->push_back(std::move(run));
  return OpenOutcome::kOpened;
}

OpenOutcome RunPairs(uint32_t pairs, SuiteRow* row, std::string* error) {
  for (uint32_t i = 0; i < 2 * pairs; ++i) {
    // uring, posix, posix, uring, ...: a machine that grows slower meanwhile
    // disturbs both alike.
    const bool uring = i % 4 == 0 || i % 4 == 3;
    const OpenOutcome outcome =
        RunOnce(uring ? row->uring : row->posix,
                uring ? &row->uring_runs : &row->posix_runs, error);
    if (outcome != OpenOutcome::kOpened) {
      return outcome;
    }
    // The file of the first run is the suite's own.
    row->uring.overwrite = true;
    row->posix.overwrite = true;
  }
  return OpenOutcome::kOpened;
}

}  // namespace

std::vector<SuiteRow> SuiteRows(const BenchOptions& base) {
  std::vector<SuiteRow> rows;
  rows.push_back(Row("latency: one read at a time", base));
  rows.push_back(InFlight("throughput: 32 in flight", base, 1, kDepth));
  for (uint32_t batch = 2; batch <= kSuiteBatchMax; batch *= 2) {
    rows.push_back(Row("batch of " + std::to_string(batch), base));
    rows.back().uring.batch = batch;
    rows.back().posix.batch = batch;
  }
  BenchOptions mixed = Written(base, ".mixed");
  mixed.mixed = true;
  rows.push_back(InFlight("mixed: 70 % reads, 32 in flight", mixed, 1, kDepth));
  BenchOptions synced = Written(base, ".synced");
  synced.append = true;
  synced.random = false;
  synced.direct = false;
  synced.sync = true;
  rows.push_back(Row("synced: append, fdatasync", synced));
  rows.push_back(
      InFlight("stress: 1024 in flight", base, kStressThreads, kStressDepth));
  return rows;
}

OpenOutcome RunRow(uint32_t pairs, SuiteRow* row, std::string* error) {
  const bool own_file = row->uring.write;
  const bool was_there = own_file && access(row->uring.file.c_str(), F_OK) == 0;
  const OpenOutcome outcome = RunPairs(pairs, row, error);
  if (own_file && !was_there) {
    unlink(row->uring.file.c_str());
  }
  return outcome;
}

}  // namespace rocksdb_uring
