// Which file systems the tests of this folder run on.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "env/engine/shared_engine.h"
#include "rocksdb/file_system.h"

namespace rocksdb_uring {

struct FileSystemCase {
  // Letters and digits: part of the test's name.
  const char* name;
  // Of the plugin's URI; null for the default file system.
  const char* options;

  bool is_plugin() const { return options != nullptr; }
};
inline void PrintTo(const FileSystemCase& file_system, std::ostream* out) {
  *out << file_system.name;
}

// The default file system, and the plugin with each set of options. The one
// place to add more: options that choose another path for writes or syncs get
// a line here, and nothing else changes.
std::vector<FileSystemCase> FileSystemCases();

// A file system whose every operation the recorder sees: the plugin's runs on
// an engine of its own with recording rings.
class RecordedFileSystem {
 public:
  explicit RecordedFileSystem(const FileSystemCase& options);
  // Fails the test if the plugin was not entered.
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
  std::shared_ptr<SharedEngine> engine_;
  std::shared_ptr<rocksdb::FileSystem> file_system_;
};

}  // namespace rocksdb_uring
