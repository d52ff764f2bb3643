// Drives the engine alone, without RocksDB, and measures it.
//
//   bench/options       the flags, checked
//   bench/target_file   the file
//   bench/engines       the engines as shipped, in three ring layouts; and one
//                       that does nothing, for the cost of this program
//   bench/call_counter  counts system calls at the engine's seams
//   bench/worker        one thread: batches, or operations in flight
//   bench/runner        all threads, warm-up and measurement
//   bench/histogram     latencies
//   bench/report        as text and as JSON
//   bench/suite         all benchmarks, on uring and on posix in turn
//   bench/suite_report  as one table and as JSON
//
// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "env/base/errno_code.h"
#include "tools/bench/engines.h"
#include "tools/bench/options.h"
#include "tools/bench/report.h"
#include "tools/bench/runner.h"
#include "tools/bench/suite.h"
#include "tools/bench/suite_report.h"
#include "tools/bench/target_file.h"
#include "tools/command_line.h"

namespace rocksdb_uring {
namespace {

constexpr int kExitFailed = 1;

constexpr const char* kUsage =
    "uring_bench --file=FILE [flags]\n"
    "Measures the I/O engine without RocksDB, for example\n"
    "  --file=data --size_mb=3072 --batch=32      what a MultiGet sends\n"
    "  --file=data --depth=32                     as fio --iodepth=32\n"
    "  --file=data --depth=32 --engine=none       the cost of this program\n"
    "  --file=data --size_mb=3072 --suite         everything, on POSIX as "
    "well\n"
    "Exit status: 0 measured, 1 failed, 2 bad usage.";

constexpr Tool kTool = {"uring_bench", kUsage, "bench/options.cc",
                        /*takes_arguments=*/false};

int Fail(int status, const std::string& error) {
  return Fail(kTool, status, error);
}

bool WriteFile(const std::string& name, const std::string& text) {
  std::ofstream file(name);
  file << text;
  file.close();
  return file.good();
}

int Measure(const BenchOptions& options) {
  std::string error;
  TargetFile target;
  switch (OpenTarget(options, &target, &error)) {
    case OpenOutcome::kBadUsage:
      return Fail(kExitUsage, error);
    case OpenOutcome::kFailed:
      return Fail(kExitFailed, error);
    case OpenOutcome::kOpened:
      break;
  }
  const std::unique_ptr<BenchEngines> engines =
      BenchEngines::Create(options, &error);
  if (engines == nullptr) {
    return Fail(kExitFailed, error);
  }
  const BenchResult result = RunBench(options, target, engines.get());
  fputs(FormatText(options, target, result).c_str(), stdout);
  if (!options.json.empty() &&
      !WriteFile(options.json, FormatJson(options, target, result))) {
    return Fail(kExitFailed, "cannot write " + options.json);
  }
  if (result.errors != 0) {
    return Fail(kExitFailed,
                std::to_string(result.errors) + " operations failed, first: " +
                    Errno::FromResult(result.first_error).message());
  }
  return 0;
}

int MeasureSuite(const BenchOptions& options) {
  std::vector<SuiteRow> rows = SuiteRows(options);
  std::string error;
  fputs(SuiteHead(options).c_str(), stdout);
  for (SuiteRow& row : rows) {
    switch (RunRow(options.pairs, &row, &error)) {
      case OpenOutcome::kBadUsage:
        return Fail(kExitUsage, error);
      case OpenOutcome::kFailed:
        return Fail(kExitFailed, error);
      case OpenOutcome::kOpened:
        break;
    }
    fputs(SuiteLine(row).c_str(), stdout);
    fflush(stdout);
  }
  if (!options.json.empty() && !WriteFile(options.json, SuiteJson(rows))) {
    return Fail(kExitFailed, "cannot write " + options.json);
  }
  return 0;
}

int Main(int argc, char** argv) {
  CommandLine line;
  BenchOptions options;
  std::string error;
  if (const std::optional<int> status = BeginTool(kTool, argc, argv, &line)) {
    return *status;
  }
  if (!ReadOptions(&options, &error)) {
    return Fail(kExitUsage, error);
  }
  return options.suite ? MeasureSuite(options) : Measure(options);
}

}  // namespace
}  // namespace rocksdb_uring

int main(int argc, char** argv) { return rocksdb_uring::Main(argc, argv); }
