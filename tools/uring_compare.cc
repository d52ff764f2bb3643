// Runs a stock db_bench on two file systems, POSIX and the plugin by default,
// in alternating pairs, and prints how they compare.
//
//   compare/workloads   what is run: a table
//   compare/comparison  runs a workload on both sides, and proves that the
//   plugin was entered compare/database    the database that is read
//   compare/page_cache  cold, partly cached and warm page caches
//   compare/child, db_bench, plugin_stats   a run, what it printed, what the
//   plugin counted compare/statistics, report, machine     medians and
//   intervals, table and JSON, where it ran
//
// SPDX-License-Identifier: Apache-2.0
#include <gflags/gflags.h>
#include <stdlib.h>

#include <cstdio>
#include <filesystem>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

#include "tools/command_line.h"
#include "tools/compare/comparison.h"
#include "tools/compare/database.h"
#include "tools/compare/machine.h"
#include "tools/compare/preload.h"
#include "tools/compare/report.h"
#include "tools/compare/workloads.h"

DEFINE_string(
    db, "",
    "Directory of the database to read. Required. The database is opened for "
    "writing, but never changed.");
DEFINE_bool(make_db, false,
            "Make the database first if --db holds none: one table file of "
            "--size_mb.");
DEFINE_int64(size_mb, 3200, "Size of a database that --make_db makes, in MiB.");
DEFINE_int64(
    num, 0,
    "Number of keys in a database that this tool did not make. 0: read it from "
    "the database.");
DEFINE_int64(key_size, 16, "Bytes of a key, for --make_db or --num.");
DEFINE_int64(value_size, 400, "Bytes of a value, for --make_db or --num.");
DEFINE_int64(block_size, 4096,
             "Bytes of a table block, for --make_db or --num.");
DEFINE_int64(write_mb, 1024,
             "Data that each load and compaction run writes, and that a row "
             "with a database of its own reads, in MiB.");
DEFINE_string(scratch, "",
              "Directory for databases of a row's own; removed afterwards. "
              "Empty: --db with .scratch appended.");

DEFINE_string(
    workloads, "reads",
    "Comma-separated names, or reads, writes, all. 'list' prints them, 'none' "
    "stops once --make_db has made the database.");
DEFINE_int32(
    pairs, 5,
    "Pairs of runs for each workload. 6 give a 95 % interval, 20 judge a "
    "target of 0.98.");
DEFINE_int32(seconds, 3,
             "Duration of a run in seconds, for runs limited by time.");
DEFINE_int32(
    threads, 0,
    "Threads of every workload. 0: each workload's own number; other numbers "
    "have no target.");
DEFINE_int32(
    cold_share, 10,
    "Percentage of the database that a run with a cold cache reads. More makes "
    "runs longer, and the cache warmer at the end.");
DEFINE_int32(cached_percent, 0,
             "Percentage of the database that is cached when a 'cold' workload "
             "starts, 0 to 99.");
DEFINE_bool(
    noise, false,
    "Run A twice in each pair, and show A against itself beside the ratio.");
DEFINE_double(
    min_found, 0.99,
    "Smallest share of keys, 0 to 1, that a run must find. A database made by "
    "db_bench's fillrandom holds 0.63 of them.");
DEFINE_string(
    drop_caches, "auto",
    "How the page cache is made cold: 'files' drops the database's pages, "
    "'system' writes 3 to /proc/sys/vm/drop_caches (root), 'auto' uses "
    "'system' if 'files' does not suffice.");
DEFINE_int32(timeout, 300,
             "Seconds after which a run is killed and its workload fails.");

DEFINE_string(db_bench, "db_bench",
              "Program to run; looked up in PATH when it has no slash.");
DEFINE_string(
    db_bench_args, "",
    "Arguments added to every run on both sides, separated by blanks.");
DEFINE_string(
    plugin, "",
    "The plugin to preload. Empty: ../lib/librocksdb_uring.so beside this "
    "program.");
DEFINE_string(baseline, "posix",
              "Side A: 'posix', or options of the plugin such as "
              "reads=posix&queue_depth=8.");
DEFINE_string(a_uri, "",
              "URI of A, instead of --baseline. Empty: as --baseline says.");
DEFINE_string(
    b_uri, "uring://",
    "URI of B. Empty: RocksDB's POSIX file system, to see the noise.");
DEFINE_string(plugin_options, "",
              "Options added to B's URI, as in queue_depth=64&reads=uring.");
DEFINE_string(env, "", "Environment for B: NAME=value, separated by blanks.");

DEFINE_string(json, "",
              "Also write all figures to this file, after each workload.");
DEFINE_string(table, "full",
              "'full', or 'short' without spread, CPU time, percentiles and "
              "device reads.");

namespace rocksdb_uring {
namespace {

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;

constexpr const char* kUsage =
    "uring_compare --db=DIR [flags]\n"
    "Runs db_bench on POSIX and on the rocksdb-uring plugin in alternating\n"
    "pairs, and prints how they compare.\n"
    "  uring_compare --db=DIR --make_db                  all reads\n"
    "  uring_compare --db=DIR --workloads=get_direct     one workload\n"
    "  uring_compare --db=DIR --b_uri= --pairs=20        POSIX against itself\n"
    "Exit status: 0 all ran, 1 a workload failed, 2 bad usage.";

// The directory of statistics files; removed at the end.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::error_code ignored;
    std::string name =
        std::filesystem::temp_directory_path(ignored) / "uring_compare.XXXXXX";
    if (mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::vector<std::string> SplitBlanks(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

std::string LabelOf(const std::string& uri) {
  return uri.empty() ? "posix" : IsPluginUri(uri) ? "uring" : "other";
}

bool SetSides(Settings* settings, std::string* error) {
  Side& a = settings->a;
  Side& b = settings->b;
  a.uri = FLAGS_a_uri;
  if (a.uri.empty() && FLAGS_baseline != "posix") {
    a.uri = WithOptions("uring://", FLAGS_baseline);
  }
  b.uri = FLAGS_b_uri;
  if (!FLAGS_plugin_options.empty()) {
    if (!IsPluginUri(b.uri)) {
      *error = "--plugin_options needs the plugin in --b_uri";
      return false;
    }
    b.uri = WithOptions(b.uri, FLAGS_plugin_options);
  }
  for (const std::string& entry : SplitBlanks(FLAGS_env)) {
    const size_t equals = entry.find('=');
    if (equals == std::string::npos || equals == 0) {
      *error = "--env: '" + entry + "' is not NAME=value";
      return false;
    }
    b.env.emplace_back(entry.substr(0, equals), entry.substr(equals + 1));
  }
  a.label = LabelOf(a.uri);
  b.label = LabelOf(b.uri);
  if (a.label == b.label) {
    a.label = "A:" + a.label;
    b.label = "B:" + b.label;
  }
  return true;
}

bool CheckRanges(std::string* error) {
  const auto check = [error](const char* flag, bool ok) {
    if (!ok && error->empty()) *error = std::string(flag) + " is out of range";
  };
  check("--pairs", FLAGS_pairs >= 1);
  check("--seconds", FLAGS_seconds >= 1);
  check("--threads", FLAGS_threads >= 0);
  check("--cold_share", FLAGS_cold_share >= 1 && FLAGS_cold_share <= 100);
  check("--cached_percent",
        FLAGS_cached_percent >= 0 && FLAGS_cached_percent <= 99);
  check("--min_found", FLAGS_min_found >= 0 && FLAGS_min_found <= 1);
  check("--timeout", FLAGS_timeout >= 1);
  check("--size_mb", FLAGS_size_mb >= 1);
  check("--write_mb", FLAGS_write_mb >= 1);
  check("--num", FLAGS_num >= 0);
  check("--key_size", FLAGS_key_size >= 8);
  check("--value_size", FLAGS_value_size >= 1);
  check("--block_size", FLAGS_block_size >= 512);
  check("--table", FLAGS_table == "full" || FLAGS_table == "short");
  if (FLAGS_db.empty() && error->empty()) *error = "--db is required";
  return error->empty();
}

DatabaseShape ShapeOf(int64_t size_mb) {
  DatabaseShape shape;
  shape.key_size = FLAGS_key_size;
  shape.value_size = FLAGS_value_size;
  shape.block_size = FLAGS_block_size;
  shape.num = (size_mb << 20) / (shape.key_size + shape.value_size);
  return shape;
}

bool MakeSettings(Settings* settings, std::string* error) {
  if (!CheckRanges(error) || !SetSides(settings, error)) return false;
  if (!ParseDropMethod(FLAGS_drop_caches, &settings->drop)) {
    *error = "--drop_caches is auto, files or system";
    return false;
  }
  settings->db_bench = FLAGS_db_bench;
  settings->plugin = FLAGS_plugin.empty()
                         ? ExecutableDirectory() + "/../lib/librocksdb_uring.so"
                         : FLAGS_plugin;
  settings->plugin =
      std::filesystem::absolute(settings->plugin).lexically_normal();
  settings->db = FLAGS_db;
  while (settings->db.size() > 1 && settings->db.back() == '/')
    settings->db.pop_back();
  settings->scratch =
      FLAGS_scratch.empty() ? settings->db + ".scratch" : FLAGS_scratch;
  settings->write_shape = ShapeOf(FLAGS_write_mb);
  settings->pairs = FLAGS_pairs;
  settings->seconds = FLAGS_seconds;
  settings->threads = FLAGS_threads;
  settings->cold_share = FLAGS_cold_share;
  settings->cached_percent = FLAGS_cached_percent;
  settings->min_found = FLAGS_min_found;
  settings->noise = FLAGS_noise;
  settings->limit_s = static_cast<unsigned>(FLAGS_timeout);
  settings->db_bench_args = SplitBlanks(FLAGS_db_bench_args);
  return true;
}

bool CheckPlugin(const Settings& settings, std::string* error) {
  const bool needed =
      IsPluginUri(settings.a.uri) || IsPluginUri(settings.b.uri);
  std::error_code ignored;
  if (!needed || std::filesystem::exists(settings.plugin, ignored)) return true;
  *error = "the plugin " + settings.plugin +
           " does not exist: build it, or name it with --plugin";
  return false;
}

// Finds the database's shape, or makes the database.
bool ProvideDatabase(Settings* settings, std::string* error) {
  const bool exists = !DataFiles(settings->db).empty();
  if (exists && FLAGS_num > 0) {
    settings->shape = ShapeOf(0);
    settings->shape.num = FLAGS_num;
    return true;
  }
  if (exists && ReadShape(settings->db, &settings->shape)) return true;
  if (exists) {
    *error = settings->db +
             " was not made by this tool: give its number of keys with --num";
    return false;
  }
  if (!FLAGS_make_db) {
    *error = settings->db + " holds no database: make one with --make_db";
    return false;
  }
  settings->shape = ShapeOf(FLAGS_size_mb);
  fprintf(stderr, "making a database of %lld MiB in %s\n",
          static_cast<long long>(FLAGS_size_mb), settings->db.c_str());
  return CreateDatabase(settings->db_bench, settings->db, settings->shape,
                        error);
}

int Fail(int status, const std::string& error) {
  fprintf(stderr, "uring_compare: %s\n", error.c_str());
  return status;
}

class Session {
 public:
  Session(const Settings& settings, std::vector<Workload> workloads)
      : settings_(settings),
        workloads_(std::move(workloads)),
        machine_(DescribeMachine(settings.db)),
        comparison_(&settings_, directory_.path(),
                    [this](const std::string& text) { Show(text); }) {}

  int Run() {
    for (current_ = 0; current_ < workloads_.size(); ++current_) {
      if (Interrupted()) break;
      rows_.push_back(comparison_.Run(workloads_[current_]));
      const RowResult& row = rows_.back();
      failed_ = failed_ || !row.ok();
      if (!row.ok()) Show("failed: " + row.error);
      std::string error;
      if (!WriteResults(&error)) return Fail(kExitFailed, error);
    }
    fflush(stderr);
    printf("%s\n%s",
           FormatHeader(machine_, settings_, comparison_.version()).c_str(),
           FormatTable(rows_, settings_, FLAGS_table == "short").c_str());
    return failed_ || Interrupted() ? kExitFailed : 0;
  }

 private:
  void Show(const std::string& text) {
    fprintf(stderr, "[%zu/%zu] %s: %s\n", current_ + 1, workloads_.size(),
            workloads_[current_].name.c_str(), text.c_str());
  }

  bool WriteResults(std::string* error) {
    if (FLAGS_json.empty()) return true;
    return WriteJson(FLAGS_json,
                     ToJson(machine_, settings_, comparison_.version(), rows_),
                     error);
  }

  const Settings settings_;
  const std::vector<Workload> workloads_;
  const TemporaryDirectory directory_;
  const Machine machine_;
  Comparison comparison_;
  std::vector<RowResult> rows_;
  size_t current_ = 0;  // index of the workload that runs
  bool failed_ = false;
};

int Main() {
  if (FLAGS_workloads == "list") {
    printf("%s", ListWorkloads().c_str());
    return 0;
  }
  Settings settings;
  std::vector<Workload> workloads;
  std::string error;
  if (!MakeSettings(&settings, &error) ||
      (FLAGS_workloads != "none" &&
       !SelectWorkloads(FLAGS_workloads, &workloads, &error))) {
    return Fail(kExitUsage, error + " (see --help)");
  }
  InstallInterruptHandler();
  if (FLAGS_workloads == "none") {
    return ProvideDatabase(&settings, &error) ? 0 : Fail(kExitFailed, error);
  }
  if (!CheckPlugin(settings, &error) || !ProvideDatabase(&settings, &error)) {
    return Fail(kExitFailed, error);
  }
  return Session(settings, std::move(workloads)).Run();
}

}  // namespace
}  // namespace rocksdb_uring

int main(int argc, char** argv) {
  rocksdb_uring::CommandLine line;
  std::string error;
  if (!rocksdb_uring::ParseCommandLine(argc, argv, &line, &error)) {
    return rocksdb_uring::Fail(rocksdb_uring::kExitUsage, error);
  }
  if (line.help) {
    rocksdb_uring::PrintHelp(rocksdb_uring::kUsage, "uring_compare.cc");
    return 0;
  }
  if (line.version) {
    rocksdb_uring::PrintVersion("uring_compare");
    return 0;
  }
  if (!line.arguments.empty()) {
    return rocksdb_uring::Fail(rocksdb_uring::kExitUsage,
                               "unexpected argument " + line.arguments.front());
  }
  return rocksdb_uring::Main();
}
