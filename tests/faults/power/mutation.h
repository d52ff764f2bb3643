// File systems with one mistake each: what the harness must catch.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <ostream>

#include "rocksdb/file_system.h"

namespace rocksdb_uring {

enum class Mutation {
  // Passes everything on.
  kNone,
  // Sync of one kind of file returns OK and does nothing.
  kDropWalSync,
  kDropManifestSync,
  kDropTableSync,
  kDropBlobSync,
  // Writes of tables are kept back, as write-behind may; Sync and Fsync do not
  // wait for them, but overtake them: the file system below gets the sync
  // first, and then the writes that it should have covered.
  kSyncBeforeWrites,
  // Not made by Mutate, but in the log, by Recorder::CompleteLate: the sync of
  // a table is submitted while its writes are in flight.
  kSyncBeforeCompletions,
  // At the end of a table that is written directly RocksDB calls Truncate,
  // Fsync, Close.
  kDropTruncate,
  kDropFsync,
  kDropDirectorySync,
};
const char* MutationName(Mutation mutation);
inline void PrintTo(Mutation mutation, std::ostream* out) {
  *out << MutationName(mutation);
}

std::shared_ptr<rocksdb::FileSystem> Mutate(
    const std::shared_ptr<rocksdb::FileSystem>& file_system, Mutation mutation);

}  // namespace rocksdb_uring
