// SPDX-License-Identifier: Apache-2.0

#include "tools/compare/own_command.h"

#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <regex>
#include <system_error>

#include "tools/compare/device.h"
#include "tools/compare/finding.h"
#include "tools/compare/machine.h"
#include "tools/compare/plugin_stats.h"
#include "tools/compare/preload.h"

namespace rocksdb_uring {

namespace {

constexpr const char* kOptionsVariable = "ROCKSDB_URING_OPTIONS";

std::string UsersOptions() {
  const char* value = secure_getenv(kOptionsVariable);
  return value == nullptr || *value == '\0' ? "" : std::string(value) + ";";
}

Command ShellCommand(const std::string& text, unsigned limit_s) {
  Command command;
  command.argv = {"/bin/sh", "-c", text};
  command.limit_s = limit_s;
  command.own_group = true;
  return command;
}

Series Make(const char* key, const char* title, Role role) {
  Series series;
  series.key = key;
  series.title = title;
  series.role = role;
  return series;
}

std::string ShortNumber(double value) {
  char text[32];
  snprintf(text, sizeof(text), "%.4g", value);
  return text;
}

// Sums up the statistics of all processes that the command started. Returns
// false with *error when none of them opened a file through the plugin.
bool LoadAllStats(const std::string& directory, PluginStats* sum,
                  std::string* error) {
  std::error_code ignored;
  *error = "the plugin wrote no statistics file: it was not used";
  for (const auto& entry :
       std::filesystem::directory_iterator(directory, ignored)) {
    PluginStats stats;
    if (entry.path().extension() != ".json") continue;
    if (!LoadPluginStats(entry.path(), &stats, error)) continue;
    AddStats(stats, sum);
  }
  return sum->opens > 0;
}

void RemoveStats(const std::string& directory) {
  std::error_code ignored;
  for (const auto& entry :
       std::filesystem::directory_iterator(directory, ignored)) {
    std::filesystem::remove(entry.path(), ignored);
  }
}

}  // namespace

struct OwnCommand::Measured {
  double figure = 0;
  double wall_s = 0;
  double cpu_s = 0;
  double read_bytes = 0;
  double written_bytes = 0;
  double reads = 0;
  double writes = 0;
};

bool CheckFigure(const std::string& figure, std::string* error) {
  if (figure.empty()) return true;
  try {
    if (std::regex(figure).mark_count() == 1) return true;
    *error = "--figure needs one group, as in 'ops/sec: ([0-9.]+)'";
  } catch (const std::regex_error& e) {
    *error = std::string("--figure is not a regular expression: ") + e.what();
  }
  return false;
}

bool FindFigure(const std::string& figure, const std::string& output,
                double* value, std::string* error) {
  const std::regex regex(figure);
  std::string text;
  for (std::sregex_iterator match(output.begin(), output.end(), regex), end;
       match != end; ++match) {
    text = (*match)[1];
  }
  char* rest = nullptr;
  *value = strtod(text.c_str(), &rest);
  if (!text.empty() && *rest == '\0' && *value > 0) return true;
  *error = text.empty() ? "--figure matches nothing in the output"
                        : "--figure matches '" + text +
                              "', which is not a number above 0";
  return false;
}

OwnCommand::OwnCommand(const OwnCommandSettings* settings,
                       std::string directory, Progress progress)
    : settings_(*settings),
      directory_(std::move(directory)),
      progress_(std::move(progress)),
      device_(DeviceNumber(settings->directory)) {
  figures_.name = "command";
  figures_.measures = settings_.command;
}

WorkloadFigures OwnCommand::Run() {
  std::vector<Series>& all = figures_.series;
  const bool has_figure = !settings_.figure.empty();
  all.push_back(Make("figure", "figure", Role::kMain));
  all.back().higher_is_better = settings_.figure_higher_is_better;
  all.push_back(
      Make("wall_s", "wall s", has_figure ? Role::kShown : Role::kMain));
  all.push_back(Make("cpu_s", "CPU s", Role::kCpu));
  all.push_back(Make("read_bytes", "bytes read", Role::kShown));
  all.push_back(Make("written_bytes", "bytes written", Role::kShown));
  // Of all programs on the machine: the kernel counts operations by device.
  all.push_back(Make("device_reads", "device reads (all)", Role::kShown));
  all.push_back(Make("device_writes", "device writes (all)", Role::kShown));
  for (int pair = 0; pair < settings_.pairs; ++pair) {
    if (RunPair(pair)) continue;
    if (figures_.error.empty()) figures_.error = "interrupted";
    break;
  }
  if (!has_figure) all.erase(all.begin());
  if (available_cpu_s_ > 0) {
    figures_.others_share = others_cpu_s_ / available_cpu_s_;
  }
  if (all.front().a.empty()) all.clear();
  return figures_;
}

// As in Comparison: A B and B A take turns.
bool OwnCommand::RunPair(int pair) {
  Measured a;
  Measured b;
  const bool ok = pair % 2 == 0 ? RunOnce(false, &a) && RunOnce(true, &b)
                                : RunOnce(true, &b) && RunOnce(false, &a);
  if (ok) Keep(a, b);
  return ok;
}

void OwnCommand::Keep(const Measured& a, const Measured& b) {
  double Measured::*const kFields[] = {
      &Measured::figure,     &Measured::wall_s,        &Measured::cpu_s,
      &Measured::read_bytes, &Measured::written_bytes, &Measured::reads,
      &Measured::writes};
  for (size_t i = 0; i < figures_.series.size(); ++i) {
    figures_.series[i].a.push_back(a.*kFields[i]);
    figures_.series[i].b.push_back(b.*kFields[i]);
  }
}

bool OwnCommand::Prepare() {
  if (!settings_.prepare.empty()) {
    const Command command = ShellCommand(settings_.prepare, settings_.limit_s);
    Outcome outcome;
    if (!RunCommand(command, &outcome, &figures_.error)) return false;
    if (!outcome.ok()) {
      figures_.error = "--prepare: " + DescribeFailure(command, outcome);
      return false;
    }
  }
  FlushFilesystem(settings_.directory);
  return true;
}

Command OwnCommand::MakeCommand(bool is_b) const {
  Command command = ShellCommand(settings_.command, settings_.limit_s);
  const bool has_plugin = is_b && settings_.b_has_plugin;
  if (is_b) command.env = settings_.b_env;
  SetPreload(has_plugin ? settings_.preload : "", &command);
  if (!has_plugin) return command;
  const std::string& own = settings_.b_options;
  command.env.emplace_back(kOptionsVariable,
                           UsersOptions() + own + (own.empty() ? "" : ";") +
                               "stats_file=" + directory_ + "/%p.json");
  return command;
}

bool OwnCommand::RunOnce(bool is_b, Measured* measured) {
  if (Interrupted() || !Prepare() || Interrupted()) return false;
  const Command command = MakeCommand(is_b);
  (is_b ? figures_.b_command : figures_.a_command) = ShellForm(command);
  if (!RunCommandOf(is_b, command, measured)) return false;
  const bool has_figure = !settings_.figure.empty();
  progress_(std::string(is_b ? "B" : "A") + " " +
            ShortNumber(measured->wall_s) + " s" +
            (has_figure ? ", figure " + ShortNumber(measured->figure) : ""));
  return true;
}

bool OwnCommand::RunCommandOf(bool is_b, const Command& command,
                              Measured* measured) {
  using Clock = std::chrono::steady_clock;
  RemoveStats(directory_);
  Outcome outcome;
  const double cpu_s = MachineCpuSeconds();
  const DeviceOperations before = CountOperations(device_);
  const Clock::time_point start = Clock::now();
  if (!RunCommand(command, &outcome, &figures_.error)) return false;
  measured->wall_s =
      std::chrono::duration<double>(Clock::now() - start).count();
  others_cpu_s_ += std::max(0.0, MachineCpuSeconds() - cpu_s - outcome.cpu_s);
  available_cpu_s_ +=
      measured->wall_s * static_cast<double>(sysconf(_SC_NPROCESSORS_ONLN));
  // What the run left dirty is of this run.
  FlushFilesystem(settings_.directory);
  const DeviceOperations after = CountOperations(device_);
  if (Interrupted()) return false;
  if (!outcome.ok()) {
    figures_.error = DescribeFailure(command, outcome);
    return false;
  }
  measured->cpu_s = outcome.cpu_s;
  measured->read_bytes = outcome.device_bytes;
  measured->written_bytes = outcome.device_bytes_written;
  measured->reads = after.reads - before.reads;
  measured->writes = after.writes - before.writes;
  if (is_b && settings_.b_has_plugin && !ProvePlugin(command, outcome)) {
    return false;
  }
  return settings_.figure.empty() ||
         FindFigure(settings_.figure, outcome.out + "\n" + outcome.err,
                    &measured->figure, &figures_.error);
}

bool OwnCommand::ProvePlugin(const Command& command, const Outcome& outcome) {
  PluginStats stats;
  if (LoadAllStats(directory_, &stats, &figures_.error)) {
    figures_.b_path = DescribePaths(stats);
    figures_.fallback = DescribeFallback(stats);
    figures_.error.clear();
    return true;
  }
  const std::string loading = ExplainLoading(outcome);
  figures_.error +=
      "\n  remedy: " +
      (loading.empty() ? ExplainUnreached(settings_.command) + "\n  "
                       : loading) +
      "command: " + ShellForm(command);
  return false;
}

nlohmann::json ToJson(const OwnCommandSettings& settings) {
  return {{"command", settings.command},   {"prepare", settings.prepare},
          {"figure", settings.figure},     {"preload", settings.preload},
          {"options", settings.b_options}, {"directory", settings.directory},
          {"pairs", settings.pairs}};
}

std::string FormatFigures(const WorkloadFigures& figures) {
  char line[160];
  snprintf(line, sizeof(line), "%-22s %12s %12s  %s\n", "figure (median)", "A",
           "B", "better by the factor (interval)");
  std::string text = line;
  for (const Series& series : figures.series) {
    const SeriesFinding f = Assess(series, Criteria());
    snprintf(line, sizeof(line), "%-22s %12s %12s  %s\n", series.title.c_str(),
             ShortNumber(Summarize(series.a).median).c_str(),
             ShortNumber(Summarize(series.b).median).c_str(),
             f.pairs > 0 ? RatioText(f).c_str() : "-");
    text += line;
  }
  if (!figures.b_path.empty()) {
    text += "B served by: " + figures.b_path + "\n";
  }
  if (!figures.fallback.empty()) {
    text += "not through io_uring: " + figures.fallback + "\n";
  }
  if (!figures.ok()) text += "failed: " + figures.error + "\n";
  return text;
}

}  // namespace rocksdb_uring
