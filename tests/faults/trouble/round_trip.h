// A database that is made, closed, opened again and read.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "rocksdb/db.h"
#include "rocksdb/env.h"

namespace rocksdb_uring {

// Writes, flushes, compacts and reads in every way. Empty if all is well.
std::string RoundTrip(rocksdb::Env* env, const std::string& path);

// Its parts. Filling again changes nothing that a reader sees: the reads may go
// on beside it, in threads of their own.
rocksdb::Status OpenDatabase(rocksdb::Env* env, const std::string& path,
                             std::unique_ptr<rocksdb::DB>* db);
rocksdb::Status FillDatabase(rocksdb::DB* db);
// MultiGet and a scan of everything. Empty if all is well.
std::string ReadBatches(rocksdb::DB* db);
std::string ScanDatabase(rocksdb::DB* db);

}  // namespace rocksdb_uring
