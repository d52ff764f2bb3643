// A program with a RocksDB of its own inside: linked statically, and, in a
// second build, exported to all libraries that it loads.
//
// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <cstring>
#include <memory>

#include "plugin/open_database.h"
#include "rocksdb/db.h"
#include "rocksdb/file_system.h"

namespace {

// Whether a library of that name was loaded.
bool Loaded(const char* name) {
  FILE* const maps = fopen("/proc/self/maps", "r");
  char line[4096];
  bool found = false;
  while (maps != nullptr && fgets(line, sizeof(line), maps) != nullptr) {
    found = found || strstr(line, name) != nullptr;
  }
  if (maps != nullptr) {
    fclose(maps);
  }
  return found;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    return 2;
  }
  rocksdb::Options options;
  options.create_if_missing = true;
  std::unique_ptr<rocksdb::DB> db;
  rocksdb::Status status =
      rocksdb::DB::Open(options, argv[1], rocksdb_uring::DatabaseOut(&db));
  std::string value;
  if (status.ok()) {
    status = db->Put(rocksdb::WriteOptions(), "key", "value");
  }
  if (status.ok()) {
    status = db->Get(rocksdb::ReadOptions(), "key", &value);
  }
  printf("status=%s\nname=%s\nshared=%d\nplugin=%d\n",
         status.ToString().c_str(), rocksdb::FileSystem::Default()->Name(),
         Loaded("/librocksdb.so"), Loaded("/librocksdb_uring.so"));
  return 0;
}
