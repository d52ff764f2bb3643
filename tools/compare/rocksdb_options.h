// RocksDB's own options as a row compares them: two OPTIONS files that differ
// in nothing else. db_bench has no flag for some options, and reads any from
// such a file.
//
// SPDX-License-Identifier: Apache-2.0
#ifndef ROCKSDB_URING_TOOLS_COMPARE_ROCKSDB_OPTIONS_H_
#define ROCKSDB_URING_TOOLS_COMPARE_ROCKSDB_OPTIONS_H_

#include <string>
#include <utility>
#include <vector>

namespace rocksdb_uring {

// Names and values, as in an OPTIONS file.
using RocksDbOptions = std::vector<std::pair<std::string, std::string>>;

// Sets the options in the text of an OPTIONS file. Returns false with *error
// for one that this RocksDB does not have.
bool SetOptions(const RocksDbOptions& options, std::string* text,
                std::string* error);

// Takes the newest OPTIONS file of the database: copies it to `without`, and
// with the options set to `with`.
bool WriteOptionsFiles(const std::string& db, const RocksDbOptions& options,
                       const std::string& without, const std::string& with,
                       std::string* error);

// Returns false with *error unless the newest OPTIONS file of the database has
// these values: RocksDB silently replaces values that it does not accept.
bool CheckOptions(const std::string& db, const RocksDbOptions& options,
                  std::string* error);

// "a=1, b=2".
std::string Describe(const RocksDbOptions& options);

}  // namespace rocksdb_uring

#endif  // ROCKSDB_URING_TOOLS_COMPARE_ROCKSDB_OPTIONS_H_
