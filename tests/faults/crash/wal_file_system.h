// File systems whose WALs differ from those of the file system below: one with
// a mistake, to show that the tests would find it, and one without a mistake of
// RocksDB's, which they do find.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "env/file/rocksdb_compat.h"

namespace rocksdb_uring {

// A WAL that writes behind: Append keeps the bytes in the memory of the
// process, and Flush does not wait until they are in the kernel. Sync and Close
// do, so that only a killed process shows the difference.
std::shared_ptr<rocksdb::FileSystem> WithUnflushedWal(
    const std::shared_ptr<rocksdb::FileSystem>& base);

// A WAL that allocates nothing ahead, and has nothing to trim when it is
// closed.
//
// RocksDB 7.8 puts an old WAL on the list of those to be recycled before it
// closes it. Another thread may by then have written to the recycled file, and
// the file system's Close, which takes off what was allocated ahead, cuts away
// acknowledged writes.
std::shared_ptr<rocksdb::FileSystem> WithUntrimmedWal(
    const std::shared_ptr<rocksdb::FileSystem>& base);

}  // namespace rocksdb_uring
