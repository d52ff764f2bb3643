// Runs a stock db_bench on two file systems, POSIX and the plugin by default,
// in alternating pairs, and prints how they compare.
//
//   compare/flags         the flags, as settings
//   compare/workloads, workload_rows, read_rows, write_rows, rocksdb_rows
//                         what is run: a table
//   compare/rocksdb_options
//                         RocksDB's own options, for the last of these
//   compare/comparison, commands, settings
//                         runs a workload on both sides, and proves that the
//                         plugin was entered
//   compare/trace_file, database_copy
//                         a trace to replay, and what it is replayed on
//   compare/own_command   the same for a program of the user
//   compare/database      the database that is read
//   compare/page_cache    cold, partly cached and warm page caches
//   compare/child, db_bench, plugin_stats, preload, device
//                         a run, what it printed, what the plugin counted, how
//                         it got the plugin, what the device did
//   compare/statistics, figures, finding, verdict, option_advice
//                         medians and intervals, what is judged, and how
//   compare/report, machine
//                         table and JSON, where it ran
//   compare/outputs, html_report, plots, svg
//                         the files: JSON, and the report with its plots
//
// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>

#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "tools/command_line.h"
#include "tools/compare/comparison.h"
#include "tools/compare/figures.h"
#include "tools/compare/flags.h"
#include "tools/compare/machine.h"
#include "tools/compare/outputs.h"
#include "tools/compare/own_command.h"
#include "tools/compare/report.h"
#include "tools/compare/verdict.h"
#include "tools/compare/workloads.h"

namespace rocksdb_uring {
namespace {

constexpr int kExitFailed = 1;

constexpr const char* kUsage =
    "uring_compare --db=DIR [flags], or uring_compare --command=TEXT [flags]\n"
    "Runs db_bench on POSIX and on the rocksdb-uring plugin in alternating\n"
    "pairs, prints how they compare, and judges whether to adopt it.\n"
    "  uring_compare --db=DIR --make_db                  all reads\n"
    "  uring_compare --db=DIR --workloads=get_direct     one workload\n"
    "  uring_compare --db=DIR --b_uri= --pairs=20        POSIX against itself\n"
    "  uring_compare --db=DIR --trace=FILE               a trace of yours\n"
    "  uring_compare --command='prog --db=X'             a program of yours\n"
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

constexpr Tool kTool = {"uring_compare", kUsage, "compare/flags.cc",
                        /*takes_arguments=*/false};

int Fail(int status, const std::string& error) {
  return Fail(kTool, status, error);
}

class Session {
 public:
  Session(const Settings& settings, std::vector<Workload> workloads)
      : settings_(settings),
        workloads_(std::move(workloads)),
        outputs_(MakeOutputSettings(settings), DescribeMachine(settings.db),
                 directory_.path()),
        comparison_(&settings_, directory_.path(),
                    [this](const std::string& text) { Show(text); }) {}

  int Run() {
    std::string error;
    if (!WriteResults(&error)) return Fail(kExitFailed, error);
    for (current_ = 0; current_ < workloads_.size(); ++current_) {
      if (Interrupted()) break;
      rows_.push_back(comparison_.Run(workloads_[current_]));
      const RowResult& row = rows_.back();
      failed_ = failed_ || !row.ok();
      if (!row.ok()) Show("failed: " + row.error);
      if (!WriteResults(&error)) return Fail(kExitFailed, error);
    }
    fflush(stderr);
    const bool is_short = FLAGS_table == "short";
    printf("%s\n%s\n%s",
           FormatHeader(outputs_.machine(), settings_, comparison_.version())
               .c_str(),
           FormatTable(rows_, settings_, is_short).c_str(),
           FormatVerdict(outputs_.verdict()).c_str());
    return failed_ || Interrupted() ? kExitFailed : 0;
  }

 private:
  void Show(const std::string& text) {
    fprintf(stderr, "[%zu/%zu] %s: %s\n", current_ + 1, workloads_.size(),
            workloads_[current_].name.c_str(), text.c_str());
  }

  bool WriteResults(std::string* error) {
    std::vector<WorkloadFigures> figures;
    for (const RowResult& row : rows_) figures.push_back(FiguresOf(row));
    const bool complete = rows_.size() == workloads_.size() && !Interrupted();
    return outputs_.Write(
        figures, complete,
        ToJson(outputs_.machine(), settings_, comparison_.version(), rows_),
        error);
  }

  const Settings settings_;
  const std::vector<Workload> workloads_;
  const TemporaryDirectory directory_;
  Outputs outputs_;
  Comparison comparison_;
  std::vector<RowResult> rows_;
  size_t current_ = 0;  // index of the workload that runs
  bool failed_ = false;
};

int CompareOwnCommand(const Settings& settings, const OwnCommandSettings& own) {
  // Two directories: the first is emptied before each run.
  const TemporaryDirectory statistics;
  const TemporaryDirectory plots;
  Outputs outputs(MakeOutputSettings(settings), DescribeMachine(own.directory),
                  plots.path());
  const auto write = [&](const std::vector<WorkloadFigures>& figures,
                         bool complete, std::string* error) {
    nlohmann::json json = {{"machine", ToJson(outputs.machine())},
                           {"settings", ToJson(own)},
                           {"rows", nlohmann::json::array()}};
    for (const WorkloadFigures& f : figures) json["rows"].push_back(ToJson(f));
    return outputs.Write(figures, complete, std::move(json), error);
  };
  std::string error;
  if (!write({}, false, &error)) return Fail(kExitFailed, error);
  const WorkloadFigures figures =
      OwnCommand(&own, statistics.path(), [](const std::string& text) {
        fprintf(stderr, "%s\n", text.c_str());
      }).Run();
  if (!write({figures}, !Interrupted(), &error))
    return Fail(kExitFailed, error);
  fflush(stderr);
  printf("%s\n%s", FormatFigures(figures).c_str(),
         FormatVerdict(outputs.verdict()).c_str());
  return figures.ok() ? 0 : kExitFailed;
}

int MainOwnCommand(const Settings& settings) {
  OwnCommandSettings own;
  std::string error;
  if (!MakeOwnCommand(settings, &own, &error)) return Fail(kExitUsage, error);
  InstallInterruptHandler();
  if (!CheckPlugin(settings, &error)) return Fail(kExitFailed, error);
  return CompareOwnCommand(settings, own);
}

int Main() {
  if (FLAGS_workloads == "list") {
    printf("%s", ListWorkloads().c_str());
    return 0;
  }
  Settings settings;
  std::vector<Workload> workloads;
  std::string error;
  if (!MakeSettings(&settings, &error)) {
    return Fail(kExitUsage, error);
  }
  if (!FLAGS_command.empty()) return MainOwnCommand(settings);
  if (!ChooseWorkloads(&workloads, &error)) {
    return Fail(kExitUsage, error);
  }
  InstallInterruptHandler();
  if (workloads.empty()) {
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
  const std::optional<int> status =
      rocksdb_uring::BeginTool(rocksdb_uring::kTool, argc, argv, &line);
  return status.has_value() ? *status : rocksdb_uring::Main();
}
