// Changes the settings of a file system in use, and reports each change to
// RocksDB's LOG.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "env/file/file_policy.h"
#include "env/file/rocksdb_compat.h"
#include "env/fs/reported_logger.h"

namespace rocksdb_uring {

// For the statistics.
struct ControlReport {
  FileSettings settings;
  // The control file; empty if there is none to look at.
  std::string file;
  // How often its content was accepted, and when last: milliseconds since 1970.
  uint64_t applied = 0;
  uint64_t applied_ms = 0;
  // What is wrong with its content now; empty if nothing is.
  std::string error;
};

// Safe for concurrent use. Changes come one after the other; the last one wins.
class LiveControl {
 public:
  explicit LiveControl(std::shared_ptr<FilePolicy> policy);

  // Changes all settings that `values` names, or nothing: InvalidArgument that
  // says what can change while the file system is in use.
  rocksdb::Status Change(
      const std::unordered_map<std::string, std::string>& values);

  // The control file that the statistics name.
  void NameFile(const std::string& path);
  // Applies the text of that file (ParseControlText), all of it or nothing.
  void ApplyFile(const std::string& text);
  // The file cannot be read: `error` says why.
  void ReportError(const std::string& error);
  // There is no file, which changes nothing and is no error.
  void ReportMissing();

  // A log of RocksDB, which gets a line for each change and each error. Not
  // owned: a log that its database has dropped is forgotten.
  void AddLogger(const std::shared_ptr<ReportedLogger>& logger);
  // Writes to all of these logs.
  void Log(rocksdb::InfoLogLevel level, const std::string& line) const;
  ControlReport report() const;

  // As SharedEngine::RegisterForkHandler. Its lock is taken while those of
  // other handlers are held.
  static void RegisterForkHandler();

 private:
  // Sets the policy, with the lock of the process held. Returns what has
  // changed, for the logs.
  std::string Set(const FileSettings& settings);
  void LogChanges(const std::string& source, const std::string& changes) const;
  // Returns the loggers; RocksDB's LOG is not written with the lock held.
  std::vector<std::shared_ptr<ReportedLogger>> Loggers() const;

  const std::shared_ptr<FilePolicy> policy_;
  // Guarded by the lock of the process (live_control.cc).
  std::vector<std::weak_ptr<ReportedLogger>> loggers_;
  ControlReport report_;
};

// Parses a control file: lines `name=value`, blank lines, and comments from `#`
// on. On failure changes nothing; the status names file, line, and what to
// write instead.
rocksdb::Status ParseControlText(const std::string& path,
                                 const std::string& text,
                                 FileSettings* settings);

}  // namespace rocksdb_uring
