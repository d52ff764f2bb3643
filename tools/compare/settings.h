// What a comparison is asked to do, beside its workloads.
//
// SPDX-License-Identifier: Apache-2.0
#ifndef ROCKSDB_URING_TOOLS_COMPARE_SETTINGS_H_
#define ROCKSDB_URING_TOOLS_COMPARE_SETTINGS_H_

#include <string>
#include <utility>
#include <vector>

#include "tools/compare/database.h"
#include "tools/compare/page_cache.h"

namespace rocksdb_uring {

struct Side {
  std::string label;  // heads the columns
  std::string uri;    // for --fs_uri; empty is RocksDB's own POSIX file system
  std::vector<std::pair<std::string, std::string>> env;
};

struct Settings {
  std::string db_bench;
  std::string replay;  // the program uring_replay
  std::string plugin;
  std::string db;
  std::string scratch;  // directory of the databases that rows of their own
                        // make, and remove
  DatabaseShape shape;
  DatabaseShape write_shape;
  int pairs = 5;
  int seconds = 3;
  int threads = 0;  // 0: as the workload says
  int cold_share = 10;
  int cached_percent = 0;
  double min_found = 0.99;
  bool noise = false;
  unsigned limit_s = 300;
  DropMethod drop = DropMethod::kAuto;
  std::vector<std::string> db_bench_args;
  Side a;
  Side b;
};

}  // namespace rocksdb_uring

#endif  // ROCKSDB_URING_TOOLS_COMPARE_SETTINGS_H_
