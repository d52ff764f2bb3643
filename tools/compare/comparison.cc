// SPDX-License-Identifier: Apache-2.0

#include "tools/compare/comparison.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "tools/compare/database_copy.h"
#include "tools/compare/device.h"
#include "tools/compare/machine.h"
#include "tools/compare/page_cache.h"
#include "tools/compare/preload.h"

namespace rocksdb_uring {

namespace {

// ld.so only warns about a library that it cannot preload. db_bench then
// crashes on the unregistered URI, without a message. This text comes first.
std::string ExplainPluginFailure(const Outcome& outcome) {
  const std::string loading = ExplainLoading(outcome);
  if (!loading.empty() || outcome.signal != SIGSEGV) return loading;
  return "db_bench crashes like this on an unregistered --fs_uri: the plugin "
         "was not loaded, or does not know this URI\n  ";
}

std::string PerSecond(const Workload& workload, double rate) {
  char text[40];
  snprintf(text, sizeof(text), "%.0f %s/s", rate,
           workload.is_trace() ? "operations" : "keys");
  return text;
}

}  // namespace

Comparison::Comparison(const Settings* settings, std::string directory,
                       Progress progress)
    : settings_(*settings),
      progress_(std::move(progress)),
      commands_(settings, std::move(directory)) {}

RowResult Comparison::Run(const Workload& workload) {
  RowResult row;
  row.workload = workload;
  row.names = {commands_.label_of(workload, false),
               commands_.label_of(workload, true)};
  if (settings_.threads > 0 && settings_.threads != workload.threads &&
      !workload.is_trace()) {
    row.workload.threads = settings_.threads;
    row.workload.target = 0;  // targets hold for the row's own number
  }
  const bool partly_cached =
      settings_.cached_percent > 0 && workload.cache == CacheState::kCold;
  if (partly_cached && workload.target > 0) row.workload.target = kParity;
  others_cpu_s_ = available_cpu_s_ = 0;
  if (!RunPairs(&row) && row.error.empty()) row.error = "interrupted";
  if (available_cpu_s_ > 0) row.others_share = others_cpu_s_ / available_cpu_s_;
  if (!workload.own_database()) RemoveLeftovers(settings_.db);
  if (workload.own_database()) {
    std::error_code ignored;
    std::filesystem::remove_all(settings_.scratch, ignored);
  }
  return row;
}

bool Comparison::RunPairs(RowResult* row) {
  if (!row->workload.rocksdb_options.empty() &&
      !MakeOptions(row->workload, &row->error)) {
    return false;
  }
  if (row->workload.database == DatabaseUse::kEachRow &&
      !LoadDatabase(row->workload, &row->error)) {
    return false;
  }
  if (!row->workload.writes()) {
    if (!MeasureOpen(row->workload, false, &row->a, &row->error)) return false;
    if (!MeasureOpen(row->workload, true, &row->b, &row->error)) return false;
  }
  for (int pair = 0; pair < settings_.pairs; ++pair) {
    if (!RunPair(pair, row)) return false;
  }
  return true;
}

// Orders A B and B A take turns, so that a drift of the machine hits both sides
// alike. With noise, A runs at both ends of the pair, and which of its runs is
// the baseline takes turns.
bool Comparison::RunPair(int pair, RowResult* row) {
  const Workload& workload = row->workload;
  SideRuns noise;
  const auto run_a = [&] {
    return RunOnce(workload, false, pair, &row->a, &row->error);
  };
  const auto run_b = [&] {
    return RunOnce(workload, true, pair, &row->b, &row->error);
  };
  const auto run_noise = [&] {
    if (!settings_.noise) return true;
    noise.open_cpu_s = row->a.open_cpu_s;
    noise.open_device_bytes = row->a.open_device_bytes;
    return RunOnce(workload, false, pair, &noise, &row->error);
  };
  const bool ok = pair % 2 == 0 ? run_a() && run_b() && run_noise()
                                : run_noise() && run_b() && run_a();
  if (ok && settings_.noise) {
    row->noise_keys_per_s.push_back(noise.keys_per_s.front());
  }
  return ok;
}

bool Comparison::MakeOptions(const Workload& workload, std::string* error) {
  if (workload.on_plugin && !IsPluginUri(settings_.b.uri)) {
    *error = "this row needs the plugin in --b_uri";
    return false;
  }
  Outcome outcome;
  const Command command = commands_.Template(workload);
  return RunChecked(command, /*is_plugin=*/false, nullptr, &outcome, error) &&
         WriteOptionsFiles(commands_.directory_of(workload),
                           workload.rocksdb_options,
                           commands_.options_path(false),
                           commands_.options_path(true), error);
}

// Both sides read what POSIX wrote.
bool Comparison::LoadDatabase(const Workload& workload, std::string* error) {
  std::error_code ignored;
  std::filesystem::remove_all(settings_.scratch, ignored);
  Outcome outcome;
  const Command command = commands_.Load(workload);
  return RunChecked(command, /*is_plugin=*/false, nullptr, &outcome, error);
}

// Opening and closing the database costs CPU time and reads that are not the
// workload's: measured once for each side, and taken off what its runs use. It
// also finds a plugin that does not load at once.
bool Comparison::MeasureOpen(const Workload& workload, bool is_b,
                             SideRuns* runs, std::string* error) {
  if (!Prepare(workload, 0, error)) return false;
  const Command command = commands_.Open(workload, is_b);
  Outcome outcome;
  const bool is_plugin = IsPluginUri(commands_.side_of(workload, is_b).uri);
  if (!RunChecked(command, is_plugin, runs, &outcome, error)) return false;
  runs->open_cpu_s = outcome.cpu_s;
  runs->open_device_bytes = outcome.device_bytes;
  if (version_.empty()) version_ = ParseVersion(outcome.err);
  return true;
}

bool Comparison::RunOnce(const Workload& workload, bool is_b, int pair,
                         SideRuns* runs, std::string* error) {
  if (!Prepare(workload, pair, error)) return false;
  const Command command = commands_.Run(workload, is_b, pair);
  runs->command = ShellForm(command);
  Outcome outcome;
  const bool is_plugin = IsPluginUri(commands_.side_of(workload, is_b).uri);
  if (!RunChecked(command, is_plugin, runs, &outcome, error)) return false;
  if (version_.empty()) version_ = ParseVersion(outcome.err);
  if (is_b && !workload.rocksdb_options.empty() &&
      !CheckOptions(commands_.directory_of(workload), workload.rocksdb_options,
                    error)) {
    return false;
  }
  if (!Record(workload, outcome, runs, error)) {
    *error += "\n  command: " + runs->command;
    return false;
  }
  progress_(commands_.label_of(workload, is_b) + " " +
            PerSecond(workload, runs->keys_per_s.back()));
  return true;
}

bool Comparison::Prepare(const Workload& workload, int pair,
                         std::string* error) {
  if (workload.writes()) {
    FlushFilesystem(std::filesystem::path(settings_.scratch).parent_path());
    return true;
  }
  const std::string& directory = commands_.directory_of(workload);
  if (workload.database == DatabaseUse::kCopy) {
    if (!CopyDatabase(settings_.db, directory, error)) return false;
    FlushFilesystem(directory);
  }
  const std::vector<std::string> files = DataFiles(directory);
  if (workload.cache == CacheState::kWarm) return ReadIntoCache(files, error);
  if (!DropFromCache(files, settings_.drop, error)) return false;
  if (workload.cache == CacheState::kIrrelevant) return true;
  if (settings_.cached_percent == 0) return true;
  const auto seed = static_cast<uint64_t>(pair);
  return ReadShareIntoCache(files, settings_.cached_percent, seed, error);
}

bool Comparison::RunChecked(const Command& command, bool is_plugin,
                            SideRuns* runs, Outcome* outcome,
                            std::string* error) {
  if (Interrupted()) return false;
  std::error_code ignored;
  std::filesystem::remove(commands_.stats_path(),
                          ignored);  // an old file proves nothing
  if (!RunCounted(command, outcome, error)) return false;
  if (Interrupted()) return false;
  if (!outcome->ok()) {
    *error = (is_plugin ? ExplainPluginFailure(*outcome) : "") +
             DescribeFailure(command, *outcome);
    return false;
  }
  if (!is_plugin) return true;
  runs->has_stats =
      LoadPluginStats(commands_.stats_path(), &runs->stats, error);
  if (!runs->has_stats) {
    *error += "\n  " + ExplainPluginFailure(*outcome) +
              "command: " + ShellForm(command);
  }
  return runs->has_stats;
}

bool Comparison::RunCounted(const Command& command, Outcome* outcome,
                            std::string* error) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  const double cpu_s = MachineCpuSeconds();
  if (!RunCommand(command, outcome, error)) return false;
  const double all_s = MachineCpuSeconds() - cpu_s;
  const std::chrono::duration<double> elapsed = Clock::now() - start;
  others_cpu_s_ += std::max(0.0, all_s - outcome->cpu_s);
  available_cpu_s_ +=
      elapsed.count() * static_cast<double>(sysconf(_SC_NPROCESSORS_ONLN));
  return true;
}

double Comparison::KeysOf(const Workload& workload,
                          const Measurement& measured) const {
  if (workload.extent == Extent::kLoad) {
    return static_cast<double>(settings_.write_shape.num);
  }
  if (workload.counts_sought) return measured.sought;
  return measured.operations * static_cast<double>(workload.keys_per_operation);
}

bool Comparison::Record(const Workload& workload, const Outcome& outcome,
                        SideRuns* runs, std::string* error) const {
  Measurement measured;
  const BenchOutput output = ParseBenchOutput(outcome.out);
  if (!Measure(output, workload.results, &measured, error)) return false;
  if (measured.found_share < settings_.min_found) {
    const int percent = static_cast<int>(measured.found_share * 100);
    *error = "only " + std::to_string(percent) +
             " % of the keys were found: the database is another one than "
             "--num says, or reads fail";
    return false;
  }
  const double keys = KeysOf(workload, measured);
  const double cpu_s = std::max(0.0, outcome.cpu_s - runs->open_cpu_s);
  runs->keys_per_s.push_back(keys / measured.seconds);
  runs->cpu_us_per_key.push_back(cpu_s * 1e6 / keys);
  runs->device_bytes_per_key.push_back(
      std::max(0.0, outcome.device_bytes - runs->open_device_bytes) / keys);
  if (measured.percentiles.p50 > 0) {
    runs->latency.push_back(measured.percentiles);
  }
  return true;
}

}  // namespace rocksdb_uring
