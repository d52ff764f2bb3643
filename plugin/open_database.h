// Opening a database in a way that every RocksDB understands.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "env/file/rocksdb_compat.h"
#include "rocksdb/db.h"

namespace rocksdb_uring {

// The last argument of DB::Open, OpenForReadOnly and OpenAsSecondary: they give
// a raw pointer before RocksDB 11, and a std::unique_ptr since. `db` has the
// database, or nothing, when the expression with the call ends:
//
//   std::unique_ptr<DB> db;
//   const Status status = DB::Open(options, path, DatabaseOut(&db));
#if ROCKSDB_URING_ROCKSDB_GE(11, 0)
inline std::unique_ptr<rocksdb::DB>* DatabaseOut(
    std::unique_ptr<rocksdb::DB>* db) {
  return db;
}
#else
class DatabaseOut {
 public:
  explicit DatabaseOut(std::unique_ptr<rocksdb::DB>* db) : db_(db) {}
  ~DatabaseOut() { db_->reset(opened_); }
  DatabaseOut(const DatabaseOut&) = delete;
  DatabaseOut& operator=(const DatabaseOut&) = delete;

  operator rocksdb::DB**() { return &opened_; }  // NOLINT: as an argument

 private:
  std::unique_ptr<rocksdb::DB>* const db_;
  rocksdb::DB* opened_ = nullptr;
};
#endif

}  // namespace rocksdb_uring
