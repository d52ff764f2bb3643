// SPDX-License-Identifier: Apache-2.0

#include "tests/faults/power/crash_check.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <sstream>

#include "plugin/open_database.h"
#include "tests/faults/power/recorder.h"
#include "tests/support/engine/test_counts.h"
#include "tests/support/engine/test_support.h"
#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {

using rocksdb::DB;
using rocksdb::Env;
using rocksdb::FileSystem;
using rocksdb::Options;
using rocksdb::Status;

namespace {

namespace fs = std::filesystem;

class WithoutSyncs {
 public:
  WithoutSyncs() { Recorder::Instance()->SkipSyncs(true); }
  ~WithoutSyncs() { Recorder::Instance()->SkipSyncs(false); }
};

std::set<std::string> FilesBelow(const std::string& directory) {
  std::set<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file()) {
      names.insert(fs::relative(entry.path(), directory).string());
    }
  }
  return names;
}

// A MANIFEST or a log file.
bool IsAppendedTo(const std::string& name) {
  return name.find("MANIFEST-") != std::string::npos ||
         fs::path(name).extension() == ".log";
}

std::string DescribeState(const DiskState& state) {
  std::ostringstream out;
  for (const auto& file : state.files) {
    out << "\n    " << file.first << " (file " << file.second << ", "
        << state.contents.at(file.second).size() << " bytes)";
  }
  return out.str();
}

// The end of what had happened.
std::string DescribeLog(const IoLog& log, LogPosition crash) {
  constexpr size_t kLines = 25;
  std::vector<std::string> lines;
  for (const LogEntry& entry : log.entries) {
    if (entry.submitted <= crash) {
      lines.push_back("\n    " + Describe(entry));
    }
  }
  std::string out;
  for (size_t i = lines.size() - std::min(lines.size(), kLines);
       i < lines.size(); ++i) {
    out += lines[i];
  }
  return out;
}

}  // namespace

size_t StatesToCheck(size_t by_default) {
  return FullTests() ? by_default * 5 : by_default;
}

size_t CrashReport::failed() const {
  size_t count = 0;
  for (const auto& failure : failures) {
    count += failure.first == Failure::kTornTail ? 0 : failure.second;
  }
  return count;
}

std::string CrashReport::Summary() const {
  std::ostringstream out;
  out << states << " states";
  for (const auto& failure : failures) {
    const std::string& example = examples.at(failure.first);
    out << "; " << failure.second << " " << FailureName(failure.first) << " ("
        << example.substr(0, example.find('\n')) << ")";
  }
  return out.str();
}

std::string CrashReport::ToString() const {
  std::ostringstream out;
  out << Summary();
  for (const auto& example : examples) {
    out << "\n" << FailureName(example.first) << ": " << example.second;
  }
  return out.str();
}

RecordedRun::RecordedRun(const WorkloadOptions& options,
                         const std::shared_ptr<FileSystem>& file_system)
    : options_(options) {
  const TempDir directory;
  const std::unique_ptr<Env> env = rocksdb::NewCompositeEnv(file_system);
  workload_ = std::make_unique<Workload>(options, env.get(), directory.path());
  Recorder::Instance()->Start(directory.path());
  workload_->Run();
  log_ = Recorder::Instance()->Stop();
  model_ = std::make_unique<CrashModel>(&log_);
  ExpectTheDirectory(directory.path());
  for (const LogEntry& entry : log_.entries) {
    if (entry.op < LogOp::kWrite || entry.op >= LogOp::kSync) {
      turning_points_.push_back(entry.submitted);
      if (entry.completed != kNever) {
        turning_points_.push_back(entry.completed);
      }
    }
  }
}

void RecordedRun::ExpectTheDirectory(const std::string& directory) const {
  const DiskState state = model_->WithoutLoss();
  const std::set<std::string> files = FilesBelow(directory);
  EXPECT_EQ(files.size(), state.files.size());
  for (const std::string& name : files) {
    ASSERT_EQ(state.files.count(name), 1u) << name << " was not recorded";
    EXPECT_TRUE(state.At(name) == ReadWholeFile(directory + "/" + name))
        << name << " holds what was not recorded";
  }
}

RecordedRun::Crash RecordedRun::DrawCrash(std::mt19937_64* random) const {
  Crash crash;
  crash.loss = Loss::Draw(random);
  crash.seed = (*random)();
  if (turning_points_.empty() || (*random)() % 2 == 0) {
    crash.at = 1 + (*random)() % log_.end;
  } else {
    // At it, or a little later.
    crash.at =
        turning_points_[(*random)() % turning_points_.size()] + (*random)() % 3;
  }
  return crash;
}

Verdict RecordedRun::CheckState(const DiskState& state, LogPosition crash,
                                Env* env) const {
  CountFaults();
  const TempDir directory;
  if (!state.WriteTo(directory.path())) {
    return {Failure::kStructure, strerror(errno)};
  }
  // Buffered, which finds the same faster; what recovery would write is of no
  // interest.
  WorkloadCase files = options_.files;
  files.direct = false;
  Options options = MakeDbOptions(files, env);
  options.avoid_flush_during_recovery = true;
  std::unique_ptr<DB> db;
  const Status status =
      DB::Open(options, Workload::DbPath(directory.path()), DatabaseOut(&db));
  if (!status.ok()) {
    return {Failure::kOpen, status.ToString()};
  }
  return workload_->history().Check(db.get(), crash);
}

Verdict RecordedRun::CheckCrash(const Crash& crash, Env* env) const {
  const DiskState state = model_->After(crash.at, crash.loss, crash.seed);
  const Verdict verdict = CheckState(state, crash.at, env);
  if (verdict.failure != Failure::kOpen && verdict.failure != Failure::kHole) {
    return verdict;
  }
  Loss trimmed = crash.loss;
  for (const auto& file : state.files) {
    if (IsAppendedTo(file.first)) {
      trimmed.lost_files.insert(file.second);
    }
  }
  const Verdict again =
      CheckState(model_->After(crash.at, trimmed, crash.seed), crash.at, env);
  return again.ok() ? Verdict{Failure::kTornTail, verdict.message} : verdict;
}

std::string RecordedRun::DescribeCrash(const Crash& crash) const {
  return "failure at " + std::to_string(crash.at) + " of " +
         std::to_string(log_.end) + ", " + Describe(crash.loss) +
         "\n  the end of the log:" + DescribeLog(log_, crash.at) +
         "\n  the state:" +
         DescribeState(model_->After(crash.at, crash.loss, crash.seed));
}

CrashReport RecordedRun::Check(size_t states,
                               const std::shared_ptr<FileSystem>& plugin,
                               bool until_failure,
                               std::mt19937_64* random) const {
  const WithoutSyncs without_syncs;
  const std::unique_ptr<Env> plugin_env =
      plugin == nullptr ? nullptr : rocksdb::NewCompositeEnv(plugin);
  CrashReport report;
  while (report.states < states && !(until_failure && report.failed() > 0)) {
    const Crash crash = DrawCrash(random);
    const bool through_plugin = plugin != nullptr && report.states % 4 == 3;
    const Verdict verdict =
        CheckCrash(crash, through_plugin ? plugin_env.get() : Env::Default());
    ++report.states;
    if (!verdict.ok() && report.failures[verdict.failure]++ == 0) {
      report.examples[verdict.failure] =
          verdict.message + "\n  opened through " +
          (through_plugin ? "the plugin" : "the default file system") + "; " +
          DescribeCrash(crash);
    }
  }
  return report;
}

}  // namespace rocksdb_uring
