// The only static initialiser of the shared library: loading the library is
// enough to register `uring`.
// Static and in-tree builds leave this file out and register through RocksDB's
// plugin table.
//
// SPDX-License-Identifier: Apache-2.0
#include "plugin/registration.h"
#include "rocksdb/utilities/object_registry.h"

namespace {

[[maybe_unused]] const int registered =
    ROCKSDB_NAMESPACE::RegisterUringFileSystem(
        *ROCKSDB_NAMESPACE::ObjectLibrary::Default(), "");

}  // namespace
