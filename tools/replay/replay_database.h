// Opens a database for the replay of a trace: with its own options and all of
// its column families, on the file system that is to be measured.
//
// SPDX-License-Identifier: Apache-2.0
#ifndef ROCKSDB_URING_TOOLS_REPLAY_REPLAY_DATABASE_H_
#define ROCKSDB_URING_TOOLS_REPLAY_REPLAY_DATABASE_H_

#include <memory>
#include <string>
#include <vector>

#include "rocksdb/db.h"
#include "rocksdb/env.h"

namespace rocksdb_uring {

struct ReplayDatabaseSettings {
  std::string directory;
  std::string fs_uri;   // empty: RocksDB's POSIX file system
  bool direct = false;  // direct I/O for reads, flushes and compactions
};

class ReplayDatabase {
 public:
  ReplayDatabase() = default;
  ~ReplayDatabase();
  ReplayDatabase(const ReplayDatabase&) = delete;
  ReplayDatabase& operator=(const ReplayDatabase&) = delete;

  // REQUIRES: called once. The database is written to.
  rocksdb::Status Open(const ReplayDatabaseSettings& settings);

  rocksdb::DB* db() const { return db_.get(); }
  const std::vector<rocksdb::ColumnFamilyHandle*>& families() const {
    return families_;
  }

 private:
  std::shared_ptr<rocksdb::Env> env_guard_;
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> families_;
};

}  // namespace rocksdb_uring

#endif  // ROCKSDB_URING_TOOLS_REPLAY_REPLAY_DATABASE_H_
