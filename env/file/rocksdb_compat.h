// What differs between the RocksDB versions that the project supports, in one
// place. Selected by RocksDB's own version macros.
#pragma once

#include <functional>

#include "rocksdb/file_system.h"
#include "rocksdb/version.h"

// True if the RocksDB that is compiled against is major.minor or newer.
#define ROCKSDB_URING_ROCKSDB_GE(major, minor) \
  (ROCKSDB_MAJOR > (major) ||                  \
   (ROCKSDB_MAJOR == (major) && ROCKSDB_MINOR >= (minor)))

namespace rocksdb_uring {

namespace rocksdb = ROCKSDB_NAMESPACE;

#if ROCKSDB_URING_ROCKSDB_GE(9, 0)
using ReadAsyncCallback = std::function<void(rocksdb::FSReadRequest&, void*)>;
#else
using ReadAsyncCallback =
    std::function<void(const rocksdb::FSReadRequest&, void*)>;
#endif

}  // namespace rocksdb_uring
