// Settings from text, applied as a whole, and one lock for all of it.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/fs/live_control.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

#include "env/base/debug_log.h"
#include "env/base/mutex.h"
#include "env/fs/settings.h"
#include "rocksdb/env.h"

namespace rocksdb_uring {

using rocksdb::InfoLogLevel;
using rocksdb::Status;

namespace {

void LockForFork() URING_NO_THREAD_SAFETY_ANALYSIS;
void UnlockAfterFork() URING_NO_THREAD_SAFETY_ANALYSIS;

// One for all file systems: changes are rare, and a fork has one lock to take.
// Nothing else is locked while it is held.
Mutex* TheMutex() {
  static auto* mutex = [] {
    // A child must not find it held by a thread of the parent.
    pthread_atfork(LockForFork, UnlockAfterFork, UnlockAfterFork);
    return new Mutex();
  }();
  return mutex;
}

void LockForFork() { TheMutex()->Lock(); }
void UnlockAfterFork() { TheMutex()->Unlock(); }

uint64_t NowMilliseconds() {
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(
          std::chrono::system_clock::now().time_since_epoch())
          .count());
}

std::string Trimmed(const std::string& text) {
  const char* const kSpace = " \t\r\v\f";
  const size_t first = text.find_first_not_of(kSpace);
  return first == std::string::npos
             ? std::string()
             : text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

// What is wrong with one line, and the remedy; OK for a setting that
// `*settings` has now.
Status ParseControlLine(const std::string& line, std::set<std::string>* seen,
                        FileSettings* settings) {
  const size_t equals = line.find('=');
  const std::string name = Trimmed(line.substr(0, equals));
  if (equals == std::string::npos || !IsSetting(name)) {
    return Status::InvalidArgument(
        "\"" + line + "\" sets nothing",
        "write name=value, with one of the names " + SettingNamesText());
  }
  if (!seen->insert(name).second) {
    return Status::InvalidArgument(name + " is set twice",
                                   "remove one of the lines");
  }
  const std::string value = Trimmed(line.substr(equals + 1));
  if (!ParseSetting(name, value, settings)) {
    return Status::InvalidArgument(name + "=" + value + " is no valid value",
                                   "write " + AllowedValues(name));
  }
  return Status::OK();
}

}  // namespace

Status ParseControlText(const std::string& path, const std::string& text,
                        FileSettings* settings) {
  FileSettings changed = *settings;
  std::set<std::string> seen;
  size_t number = 0;
  for (size_t start = 0; start < text.size();) {
    const size_t end = std::min(text.find('\n', start), text.size());
    std::string line = text.substr(start, end - start);
    line = Trimmed(line.substr(0, line.find('#')));
    start = end + 1;
    ++number;
    const Status status =
        line.empty() ? Status::OK() : ParseControlLine(line, &seen, &changed);
    if (!status.ok()) {
      return Status::InvalidArgument(
          "control file " + path + ", line " + std::to_string(number),
          std::string(status.getState()));
    }
  }
  *settings = changed;
  return Status::OK();
}

LiveControl::LiveControl(std::shared_ptr<FilePolicy> policy)
    : policy_(std::move(policy)) {}

void LiveControl::RegisterForkHandler() { TheMutex(); }

std::string LiveControl::Set(const FileSettings& settings) {
  const FileSettings before = policy_->settings();
  if (settings == before) {
    return std::string();
  }
  policy_->Change(settings);
  if (settings.debug_log != before.debug_log) {
    SwitchDebugLog(settings.debug_log);
  }
  return Differences(before, settings);
}

Status LiveControl::Change(
    const std::unordered_map<std::string, std::string>& values) {
  std::string changes;
  {
    MutexLock lock(TheMutex());
    FileSettings settings = policy_->settings();
    for (const auto& value : values) {
      const std::string option = value.first + "=" + value.second;
      if (!IsSetting(value.first)) {
        return Status::InvalidArgument(
            "option " + option +
                " cannot change: the uring file system is in "
                "use",
            "only " + SettingNamesText() +
                " can; make a new file system for other options");
      }
      if (!ParseSetting(value.first, value.second, &settings)) {
        return Status::InvalidArgument(
            "option " + option + " of the uring file system",
            "not a valid value; write " + AllowedValues(value.first));
      }
    }
    changes = Set(settings);
  }
  LogChanges("the program", changes);
  return Status::OK();
}

void LiveControl::NameFile(const std::string& path) {
  MutexLock lock(TheMutex());
  report_.file = path;
}

void LiveControl::ApplyFile(const std::string& text) {
  std::string changes;
  std::string file;
  Status status;
  {
    MutexLock lock(TheMutex());
    file = report_.file;
    FileSettings settings = policy_->settings();
    status = ParseControlText(file, text, &settings);
    if (status.ok()) {
      changes = Set(settings);
      report_.error.clear();
      report_.applied_ms = NowMilliseconds();
      ++report_.applied;
    }
  }
  if (status.ok()) {
    LogChanges("the control file " + file, changes);
  } else {
    ReportError(status.getState());
  }
}

// Once for each error: the file is looked at every second.
void LiveControl::ReportError(const std::string& error) {
  {
    MutexLock lock(TheMutex());
    if (report_.error == error) {
      return;
    }
    report_.error = error;
  }
  Log(InfoLogLevel::WARN_LEVEL, error + "; nothing of it was applied");
}

void LiveControl::ReportMissing() {
  MutexLock lock(TheMutex());
  report_.error.clear();
}

void LiveControl::AddLogger(const std::shared_ptr<ReportedLogger>& logger) {
  MutexLock lock(TheMutex());
  loggers_.erase(std::remove_if(loggers_.begin(), loggers_.end(),
                                [](const std::weak_ptr<ReportedLogger>& known) {
                                  return known.expired();
                                }),
                 loggers_.end());
  loggers_.push_back(logger);
}

ControlReport LiveControl::report() const {
  MutexLock lock(TheMutex());
  ControlReport report = report_;
  report.settings = policy_->settings();
  return report;
}

std::vector<std::shared_ptr<ReportedLogger>> LiveControl::Loggers() const {
  MutexLock lock(TheMutex());
  std::vector<std::shared_ptr<ReportedLogger>> loggers;
  for (const std::weak_ptr<ReportedLogger>& known : loggers_) {
    if (std::shared_ptr<ReportedLogger> logger = known.lock()) {
      loggers.push_back(std::move(logger));
    }
  }
  return loggers;
}

void LiveControl::Log(InfoLogLevel level, const std::string& line) const {
  if (DebugLogEnabled()) {
    DebugLog("%s", line.c_str());
  }
  for (const std::shared_ptr<ReportedLogger>& logger : Loggers()) {
    logger->Report(level, line);
  }
}

void LiveControl::LogChanges(const std::string& source,
                             const std::string& changes) const {
  if (!changes.empty()) {
    Log(InfoLogLevel::INFO_LEVEL, source + " changed " + changes);
  }
}

}  // namespace rocksdb_uring
