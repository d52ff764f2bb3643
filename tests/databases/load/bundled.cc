// Stands for a library that brings its own RocksDB and exports it, as RocksJava
// does: FileSystem::Default() under its usual name, and another version.
//
// SPDX-License-Identifier: Apache-2.0
#include <memory>

namespace rocksdb {

class FileSystem {
 public:
  static std::shared_ptr<FileSystem> Default();
  const char* version = "bundled 1.2.3";
};

__attribute__((visibility("default"))) std::shared_ptr<FileSystem>
FileSystem::Default() {
  return std::make_shared<FileSystem>();
}

}  // namespace rocksdb

extern "C" __attribute__((visibility("default"))) const char*
bundled_default_version() {
  return rocksdb::FileSystem::Default()->version;
}
