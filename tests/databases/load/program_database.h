// What the programs of these tests do with a database: they write, read and
// check known keys, and print one `name=value` a line.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "rocksdb/db.h"
#include "rocksdb/env.h"
#include "rocksdb/file_system.h"
#include "rocksdb/options.h"

namespace load_test {

void Print(const std::string& name, const std::string& value);

// The names of a file system and of those that it sits on.
std::string Chain(rocksdb::FileSystem* file_system);

rocksdb::Options MakeOptions(rocksdb::Env* env);

rocksdb::Status Open(const rocksdb::Options& options, const std::string& path,
                     std::unique_ptr<rocksdb::DB>* result);

// Puts the keys from `first` to `end`, which is not among them.
rocksdb::Status Fill(rocksdb::DB* db, uint64_t first, uint64_t end);

// Adds the number of keys to `*count`.
rocksdb::Status CountKeys(rocksdb::DB* db, uint64_t* count);

// Get, MultiGet and an iterator find keys 0 to `count` and nothing else.
rocksdb::Status Check(rocksdb::DB* db, uint64_t count);

// A database at `path`, written, closed, opened again and read.
rocksdb::Status RoundTrip(const rocksdb::Options& options,
                          const std::string& path);

}  // namespace load_test
