// Registers the name `uring` with RocksDB.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "rocksdb/rocksdb_namespace.h"

namespace ROCKSDB_NAMESPACE {

class ObjectLibrary;

// Adds the factories of the file system and of an Env around it to `library`,
// both under `uring` and `uring://...`. `arg` is unused. Returns the number of
// factories added. extern "C", because RocksDB's plugin table declares it so,
// outside any namespace.
extern "C" int RegisterUringFileSystem(ObjectLibrary& library,
                                       const std::string& arg);

}  // namespace ROCKSDB_NAMESPACE
