// SPDX-License-Identifier: Apache-2.0

#include "tools/compare/flags.h"

#include <gflags/gflags.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <sstream>
#include <system_error>
#include <vector>

#include "tools/compare/database.h"
#include "tools/compare/machine.h"
#include "tools/compare/preload.h"
#include "tools/compare/trace_file.h"

DEFINE_string(
    db, "",
    "Directory of the database to read. Required without --command. The "
    "database is opened for writing, but never changed. With --command: a "
    "directory on the device whose operations are counted.");
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

DEFINE_string(workloads, "reads",
              "Comma-separated names, or reads, writes, rocksdb (RocksDB's own "
              "options), all. 'list' prints them, 'none' "
              "stops once --make_db has made the database.");
DEFINE_string(
    trace, "",
    "Replay this trace (DB::StartTrace, db_bench --trace_file) of the database "
    "--db, in addition to the --workloads that are named. The database may be "
    "any that RocksDB opens; it is not changed: each run gets a copy in "
    "--scratch, with hard links to its tables.");
DEFINE_string(trace_args, "",
              "Arguments for uring_replay, separated by blanks, as in "
              "'--threads=4 --direct'.");
DEFINE_string(trace_cache, "cold",
              "What the page cache holds of the tables when a replay starts: "
              "'cold' nothing, 'warm' everything.");
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

DEFINE_string(
    command, "",
    "Compare a program of your own instead of db_bench: a shell command, run "
    "without and with the plugin preloaded. It needs a shared RocksDB and "
    "should do the same amount of work in each run. Its process group is "
    "killed when it ends.");
DEFINE_string(
    prepare, "",
    "Shell command that runs before each run of --command and is not measured, "
    "such as one that restores a database.");
DEFINE_string(
    figure, "",
    "Regular expression (ECMAScript) with one group, which matches a number in "
    "the output of --command, as in 'ops/sec: ([0-9.]+)'. The last match "
    "counts. Empty: the wall time decides.");
DEFINE_string(figure_better, "higher",
              "Which --figure is better: 'higher' or 'lower'.");

DEFINE_double(gain_percent, 10,
              "Verdict: throughput or latency that is better by so much is a "
              "gain, if the 95 % interval of the ratio is above 1.");
DEFINE_double(cpu_gain_percent, 15,
              "Verdict: CPU time of an operation that is less by so much is a "
              "gain, if the 95 % interval of the ratio is above 1.");
DEFINE_double(loss_ratio, 0.98,
              "Verdict: throughput or p99 below this ratio is a loss, if the "
              "95 % interval of the ratio is below 1.");
DEFINE_double(loss_floor, 0.95,
              "Verdict: 'no change' needs a 95 % interval of the throughput's "
              "ratio above this.");

DEFINE_string(db_bench, "db_bench",
              "Program to run; looked up in PATH when it has no slash.");
DEFINE_string(
    db_bench_args, "",
    "Arguments added to every run on both sides, separated by blanks.");
DEFINE_string(
    plugin, "",
    "The plugin to preload. Empty: ../lib/librocksdb_uring.so beside this "
    "program, or librocksdb_uring_preload.so for --command.");
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
DEFINE_string(
    report, "",
    "Also write a report to this HTML file, after each workload: verdict, "
    "plots (with gnuplot), tables, all figures. It needs no network.");
DEFINE_string(table, "full",
              "'full', or 'short' without spread, CPU time, percentiles and "
              "device reads.");

namespace rocksdb_uring {

namespace {

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
  check("--trace_cache",
        FLAGS_trace_cache == "cold" || FLAGS_trace_cache == "warm");
  check("--table", FLAGS_table == "full" || FLAGS_table == "short");
  check("--figure_better",
        FLAGS_figure_better == "higher" || FLAGS_figure_better == "lower");
  check("--gain_percent", FLAGS_gain_percent > 0 && FLAGS_gain_percent < 100);
  check("--cpu_gain_percent",
        FLAGS_cpu_gain_percent > 0 && FLAGS_cpu_gain_percent < 100);
  check("--loss_ratio", FLAGS_loss_ratio > 0 && FLAGS_loss_ratio <= 1);
  check("--loss_floor",
        FLAGS_loss_floor > 0 && FLAGS_loss_floor <= FLAGS_loss_ratio);
  if (FLAGS_db.empty() && FLAGS_command.empty() && error->empty()) {
    *error = "--db or --command is required";
  }
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

// Whether the directory `path` lies in `directory`, or is it.
bool Contains(const std::string& directory, const std::string& path) {
  const auto whole = [](const std::string& name) {
    std::error_code ignored;
    return std::filesystem::weakly_canonical(name, ignored) / "";
  };
  const std::string outer = whole(directory);
  return whole(path).string().compare(0, outer.size(), outer) == 0;
}

// With --trace, the default of --workloads is none.
std::string NamedWorkloads() {
  gflags::CommandLineFlagInfo info;
  gflags::GetCommandLineFlagInfo("workloads", &info);
  return !FLAGS_trace.empty() && info.is_default ? "none" : FLAGS_workloads;
}

}  // namespace

bool ChooseWorkloads(std::vector<Workload>* chosen, std::string* error) {
  if (!FLAGS_trace.empty()) {
    Workload row;
    const CacheState cache =
        FLAGS_trace_cache == "warm" ? CacheState::kWarm : CacheState::kCold;
    if (!MakeTraceRow(FLAGS_trace, SplitBlanks(FLAGS_trace_args), cache, &row,
                      error)) {
      *error = "--trace: " + *error;
      return false;
    }
    chosen->push_back(row);
  }
  const std::string named = NamedWorkloads();
  return named == "none" || SelectWorkloads(named, chosen, error);
}

bool MakeSettings(Settings* settings, std::string* error) {
  if (!CheckRanges(error) || !SetSides(settings, error)) return false;
  if (!ParseDropMethod(FLAGS_drop_caches, &settings->drop)) {
    *error = "--drop_caches is auto, files or system";
    return false;
  }
  settings->db_bench = FLAGS_db_bench;
  settings->replay = ExecutableDirectory() + "/uring_replay";
  const char* library = FLAGS_command.empty() ? "librocksdb_uring.so"
                                              : "librocksdb_uring_preload.so";
  settings->plugin = FLAGS_plugin.empty()
                         ? ExecutableDirectory() + "/../lib/" + library
                         : FLAGS_plugin;
  settings->plugin =
      std::filesystem::absolute(settings->plugin).lexically_normal();
  settings->db = FLAGS_db;
  while (settings->db.size() > 1 && settings->db.back() == '/')
    settings->db.pop_back();
  settings->scratch =
      FLAGS_scratch.empty() ? settings->db + ".scratch" : FLAGS_scratch;
  // It is emptied.
  if (FLAGS_command.empty() && Contains(settings->scratch, settings->db)) {
    *error = "--scratch must not be --db, or hold it: it is removed";
    return false;
  }
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

bool MakeOwnCommand(const Settings& settings, OwnCommandSettings* own,
                    std::string* error) {
  if (!CheckFigure(FLAGS_figure, error)) return false;
  if (!settings.a.uri.empty()) {
    *error = "--command compares with POSIX: leave out --baseline and --a_uri";
    return false;
  }
  own->command = FLAGS_command;
  own->prepare = FLAGS_prepare;
  own->figure = FLAGS_figure;
  own->figure_higher_is_better = FLAGS_figure_better == "higher";
  own->directory = FLAGS_db.empty() ? "." : settings.db;
  own->preload = settings.plugin;
  own->b_has_plugin = IsPluginUri(settings.b.uri);
  own->b_options = OptionsOf(settings.b.uri);
  own->b_env = settings.b.env;
  own->pairs = settings.pairs;
  own->limit_s = settings.limit_s;
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
  // A replay needs no keys.
  if (exists && NamedWorkloads() == "none") return true;
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

OutputSettings MakeOutputSettings(const Settings& settings) {
  OutputSettings out;
  out.json_path = FLAGS_json;
  out.report_path = FLAGS_report;
  out.criteria.gain_percent = FLAGS_gain_percent;
  out.criteria.cpu_gain_percent = FLAGS_cpu_gain_percent;
  out.criteria.loss_ratio = FLAGS_loss_ratio;
  out.criteria.loss_floor = FLAGS_loss_floor;
  const auto name = [](const Side& side) {
    return side.uri.empty() ? std::string("POSIX") : side.uri;
  };
  out.contenders = {name(settings.a), name(settings.b)};
  out.names = {settings.a.label, settings.b.label};
  return out;
}

}  // namespace rocksdb_uring
