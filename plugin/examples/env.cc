// A database on io_uring, in C++.
//
// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <map>
#include <memory>
#include <string>

#include "rocksdb/db.h"
#include "rocksdb/version.h"
#include "rocksdb_uring/uring.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
    return 2;
  }
  std::unique_ptr<rocksdb::Env> env;  // must outlive the database
  rocksdb::Status status = rocksdb_uring::NewUringEnv("queue_depth=64", &env);
  rocksdb::Options options;
  options.create_if_missing = true;
  options.env = env.get();
  std::unique_ptr<rocksdb::DB> db;
  if (status.ok()) {
#if ROCKSDB_MAJOR >= 11
    status = rocksdb::DB::Open(options, argv[1], &db);
#else
    rocksdb::DB* opened = nullptr;
    status = rocksdb::DB::Open(options, argv[1], &opened);
    db.reset(opened);
#endif
  }
  std::string value;
  if (status.ok()) {
    status = db->Put(rocksdb::WriteOptions(), "greeting", "hello");
  }
  if (status.ok()) {
    status = db->Get(rocksdb::ReadOptions(), "greeting", &value);
  }
  std::map<std::string, uint64_t> statistics;
  if (status.ok()) {
    status = rocksdb_uring::GetUringStatistics(env->GetFileSystem().get(),
                                               &statistics);
  }
  printf("%s: %s, %lu files opened through the plugin\n",
         status.ToString().c_str(), value.c_str(),
         static_cast<unsigned long>(statistics["opens"]));
  return status.ok() ? 0 : 1;
}
