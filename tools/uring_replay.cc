// Replays a trace that RocksDB recorded (DB::StartTrace, db_bench --trace_file)
// on a database, and prints what db_bench prints of a benchmark.
//
//   replay/replay_database  opens the database
//   replay/trace_replay     executes the operations
//
// uring_compare --trace runs it on copies of a database. It is a program of its
// own because it links RocksDB, and gets the plugin as any program does.
//
// SPDX-License-Identifier: Apache-2.0
#include <gflags/gflags.h>

#include <cstdio>
#include <optional>
#include <string>

#include "rocksdb/version.h"
#include "tools/command_line.h"
#include "tools/replay/replay_database.h"
#include "tools/replay/trace_replay.h"

DEFINE_string(db, "", "Directory of the database. Required. It is changed.");
DEFINE_string(trace, "",
              "Trace to replay. Empty: open and close the database.");
DEFINE_string(fs_uri, "",
              "File system, as for db_bench. Empty: RocksDB's POSIX.");
DEFINE_int32(threads, 1,
             "Threads that replay. Each takes the next operation of the trace "
             "when it has ended one.");
DEFINE_double(speed, 0,
              "Speed of the recording's clock: 1 keeps its pauses, 2 halves "
              "them. 0: no pauses.");
DEFINE_bool(sync, false,
            "Sync each write. A trace does not tell which writes were.");
DEFINE_bool(direct, false,
            "Direct I/O for reads, flushes and compactions. Otherwise the "
            "database's OPTIONS file decides.");

namespace rocksdb_uring {
namespace {

constexpr int kExitFailed = 1;

constexpr const char* kUsage =
    "uring_replay --db=DIR --trace=FILE [flags]\n"
    "Replays a trace that RocksDB recorded, with the database's own options.\n"
    "The writes of the trace change the database: use a copy. The program\n"
    "uring_compare --trace makes one for each run.\n"
    "Exit status: 0 replayed, 1 an operation failed, 2 bad usage.";

constexpr Tool kTool = {"uring_replay", kUsage, "uring_replay.cc",
                        /*takes_arguments=*/false};

int Fail(int status, const std::string& error) {
  return Fail(kTool, status, error);
}

// As db_bench prints it, so that one parser reads both. db_bench has no p95.
void PrintHistogram(const std::string& kind, const Histogram& histogram) {
  const auto us = [&histogram](double fraction) {
    return static_cast<double>(histogram.Percentile(fraction)) / 1e3;
  };
  printf("\nMicroseconds per %s:\nCount: %llu \n", kind.c_str(),
         static_cast<unsigned long long>(histogram.count()));
  printf("Min: %.2f  Median: %.2f  Max: %.2f\n", us(0), us(0.5),
         static_cast<double>(histogram.max()) / 1e3);
  printf(
      "Percentiles: P50: %.2f P75: %.2f P95: %.2f P99: %.2f P99.9: %.2f "
      "P99.99: %.2f\n",
      us(0.5), us(0.75), us(0.95), us(0.99), us(0.999), us(0.9999));
}

void Print(const ReplayResult& result) {
  const auto count = static_cast<double>(result.all.count());
  printf(
      "%-12s : %11.3f micros/op %.0f ops/sec %.3f seconds %.0f "
      "operations;\n",
      "replay", result.seconds * 1e6 / count, count / result.seconds,
      result.seconds, count);
  PrintHistogram("operation", result.all);
  for (const auto& [kind, histogram] : result.kinds) {
    PrintHistogram(kind, histogram);
  }
}

int Main() {
  if (FLAGS_db.empty()) return Fail(kExitUsage, "--db is required");
  if (FLAGS_threads < 1) {
    return Fail(kExitUsage, "--threads is out of range");
  }
  if (FLAGS_speed < 0) return Fail(kExitUsage, "--speed is out of range");
  fprintf(stderr, "RocksDB:    version %d.%d.%d\n", ROCKSDB_MAJOR,
          ROCKSDB_MINOR, ROCKSDB_PATCH);
  ReplayDatabase database;
  const rocksdb::Status opened =
      database.Open({FLAGS_db, FLAGS_fs_uri, FLAGS_direct});
  if (!opened.ok()) {
    return Fail(kExitFailed,
                "cannot open " + FLAGS_db + ": " + opened.ToString());
  }
  if (FLAGS_trace.empty()) return 0;
  const ReplaySettings settings = {FLAGS_trace, FLAGS_threads, FLAGS_speed,
                                   FLAGS_sync};
  ReplayResult result;
  const rocksdb::Status replayed =
      TraceReplay(&settings, &database).Run(&result);
  if (!replayed.ok()) {
    return Fail(kExitFailed, "cannot replay " + FLAGS_trace + ", after " +
                                 std::to_string(result.all.count()) +
                                 " operations: " + replayed.ToString());
  }
  if (result.all.count() == 0) {
    return Fail(kExitFailed, FLAGS_trace + " holds no operation");
  }
  Print(result);
  return 0;
}

}  // namespace
}  // namespace rocksdb_uring

int main(int argc, char** argv) {
  rocksdb_uring::CommandLine line;
  const std::optional<int> status =
      rocksdb_uring::BeginTool(rocksdb_uring::kTool, argc, argv, &line);
  return status.has_value() ? *status : rocksdb_uring::Main();
}
