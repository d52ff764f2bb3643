// Makes the name `uring` known to RocksDB.
#pragma once

#include <string>

#include "rocksdb/rocksdb_namespace.h"

namespace ROCKSDB_NAMESPACE {

class ObjectLibrary;

// Adds the factories of the file system and of an Env around it to `library`,
// both under `uring` and `uring://...`; `arg` is not used. Returns how many
// factories it added. In RocksDB's namespace because RocksDB's plugin table
// calls it by name.
int RegisterUringFileSystem(ObjectLibrary& library, const std::string& arg);

}  // namespace ROCKSDB_NAMESPACE
