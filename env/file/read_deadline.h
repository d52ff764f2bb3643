// Deadlines of RocksDB's reads: ReadOptions::deadline and io_timeout come down
// as IOOptions::timeout.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>

#include "env/base/clock.h"
#include "env/engine/io_engine.h"
#include "env/file/open_file.h"
#include "env/file/rocksdb_compat.h"

namespace rocksdb_uring {

// When a read by `path` that is asked for now is to end. None if RocksDB gives
// no timeout, or where it cannot be kept, because only a ring can: as in
// RocksDB's own file system, the read then takes as long as it takes.
inline Deadline DeadlineOf(const OpenFile& file,
                           const rocksdb::IOOptions& options, PathChoice path) {
  // A negative one has passed already; RocksDB passes none.
  return options.timeout.count() > 0 && MayUseRings(path) &&
                 file.engine->deadline_reads() != nullptr
             ? Deadline::In(static_cast<uint64_t>(options.timeout.count()))
             : Deadline();
}

// What RocksDB asks of a read besides its bytes.
struct ReadTerms {
  Deadline deadline;
  IoPriority priority = IoPriority::kForeground;
};
inline ReadTerms TermsOf(const OpenFile& file,
                         const rocksdb::IOOptions& options, PathChoice path) {
  return {DeadlineOf(file, options, path), file.PriorityOf(options)};
}

// Runs reads and waits for them, until the deadline if there is one.
inline void RunReads(const std::shared_ptr<const OpenFile>& file, IoOp* ops,
                     size_t count, const RunOptions& run, Deadline deadline) {
  if (deadline.exists()) {
    file->engine->deadline_reads()->Run(ops, count, file, deadline);
  } else {
    file->EngineOf(run.path)->Run(ops, count, run);
  }
}

// The same of one read; returns its result.
inline int64_t RunRead(const std::shared_ptr<const OpenFile>& file, IoOp* op,
                       PathChoice path, Deadline deadline) {
  RunOptions run;
  run.path = path;
  run.polls = file->polls;
  RunReads(file, op, 1, run, deadline);
  return op->result;
}

}  // namespace rocksdb_uring
