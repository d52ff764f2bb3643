// Which file systems the tests of this folder run on.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "env/engine/shared_engine.h"
#include "rocksdb/file_system.h"
#include "tests/support/engine/test_support.h"
#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {

struct FileSystemCase {
  // Letters and digits: part of the test's name.
  const char* name;
  // Of the plugin's URI; null for the default file system.
  const char* options;
  // What must have grown by the end, so that the test has tested it: a name
  // of GetUringStatistics. Null for the default file system.
  const char* statistic;
  // Whether share and paths change all the time.
  bool switches = false;

  bool is_plugin() const { return options != nullptr; }
  bool needs_ring() const {
    return is_plugin() && strstr(statistic, ".ring.") != nullptr;
  }
};
inline void PrintTo(const FileSystemCase& file_system, std::ostream* out) {
  *out << file_system.name;
}

// The default file system, and the plugin with each set of options. The one
// place to add more: options that choose another path for writes or syncs get
// a line here, and nothing else changes.
std::vector<FileSystemCase> FileSystemCases();

// For SetUp: skips what this machine cannot run.
#define SkipWhatCannotRun(file_system, files)   \
  if ((file_system).needs_ring()) {             \
    SkipWithoutRing();                          \
  }                                             \
  const TempDir probe_directory;                \
  WriteFile(probe_directory.file("probe"), ""); \
  SkipWithoutDirectReads((files).direct, probe_directory.file("probe"))

// A file system whose every operation the recorder sees: the plugin's runs on
// an engine of its own with recording rings.
class RecordedFileSystem {
 public:
  explicit RecordedFileSystem(const FileSystemCase& options);
  // Fails the test if the statistic has not grown.
  ~RecordedFileSystem();
  RecordedFileSystem(const RecordedFileSystem&) = delete;
  RecordedFileSystem& operator=(const RecordedFileSystem&) = delete;

  const std::shared_ptr<rocksdb::FileSystem>& get() const {
    return file_system_;
  }
  // Null on the default file system.
  std::shared_ptr<rocksdb::FileSystem> plugin() const {
    return engine_ == nullptr ? nullptr : file_system_;
  }

 private:
  void Switch() const;

  const FileSystemCase options_;
  std::shared_ptr<SharedEngine> engine_;
  std::shared_ptr<rocksdb::FileSystem> file_system_;
  std::map<std::string, uint64_t> before_;
  std::atomic<bool> stop_{false};
  Threads switching_;
};

}  // namespace rocksdb_uring
