// The database that the workloads read: its shape, and how it is made.
//
// SPDX-License-Identifier: Apache-2.0
#ifndef ROCKSDB_URING_TOOLS_COMPARE_DATABASE_H_
#define ROCKSDB_URING_TOOLS_COMPARE_DATABASE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tools/compare/child.h"

namespace rocksdb_uring {

// What db_bench must be told about a database to find its keys.
struct DatabaseShape {
  int64_t num = 0;  // keys 0..num-1, each there
  int64_t key_size = 16;
  int64_t value_size = 400;
  int64_t block_size = 4096;

  int64_t bytes() const { return num * (key_size + value_size); }
};

// The arguments of db_bench that describe the shape.
std::vector<std::string> ShapeArgs(const DatabaseShape& shape);

// Reads the note that WriteShape left in the directory. Returns false when
// there is none.
bool ReadShape(const std::string& db, DatabaseShape* shape);

// Leaves the shape as a small file beside RocksDB's own, which RocksDB ignores
// and which stays with the database when it is copied or moved.
bool WriteShape(const std::string& db, const DatabaseShape& shape,
                std::string* error);

// Removes the files that each opening leaves, so that run 500 opens the same
// database as run 1: LOG.old files, and empty write-ahead logs, which RocksDB
// keeps and reads for ever if nothing is written. Only for databases that this
// tool made. REQUIRES: no process has the database open.
void RemoveLeftovers(const std::string& db);

// The command that makes a database of one single table file: MultiGet reads
// the keys of one file in parallel and goes through files one after the other,
// so only one file shows what a batch can do.
Command CreateCommand(const std::string& db_bench, const std::string& db,
                      const DatabaseShape& shape);

// Makes it and writes its shape. Checks the free space first: L0 files and the
// compacted file exist at the same time.
bool CreateDatabase(const std::string& db_bench, const std::string& db,
                    const DatabaseShape& shape, std::string* error);

}  // namespace rocksdb_uring

#endif  // ROCKSDB_URING_TOOLS_COMPARE_DATABASE_H_
