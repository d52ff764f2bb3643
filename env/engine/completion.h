// What a completion of a ring means for its operation, and for the ring.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "env/engine/io_op.h"
#include "env/engine/posix_engine.h"
#include "env/engine/statistics.h"

namespace rocksdb_uring {

// What completions say about the ring that they came from.
struct RingEvidence {
  // Answered as the file and the device would have it, errors included.
  size_t worked = 0;
  // Failed by the ring, and possible without it.
  size_t refused = 0;
  int32_t last_refusal = 0;
};

// Gives operations of rings their results. States and callbacks are the
// caller's (CompleteAll). Safe for concurrent use, for different operations.
//
// A read is never reported as failed before POSIX was tried: a ring answers
// -EFAULT or -ECANCELED for a read whose submitting thread has exited, for
// example. A short transfer is finished by POSIX, which also decides where the
// end of the file is. The error of a write is final unless it says that nothing
// was begun. The error of a sync (ReportsWriteErrors) is always final: NFS and
// FUSE pass any errno of their server on, and the same sync, repeated, returns
// 0 for pages that are lost.
class Completer {
 public:
  // Nothing is owned.
  Completer(PosixEngine* posix, Statistics* statistics)
      : posix_(posix), statistics_(statistics) {}

  // The ring has answered `ring_result`. Blocks if POSIX has to go on.
  void EndAnswered(IoOp* op, int32_t ring_result, RingEvidence* seen) const;
  // No ring has taken it, or the one that should have died before: POSIX does
  // all of it, unless it was cancelled meanwhile. Blocks.
  void EndUntaken(IoOp* op) const;

  PosixEngine* posix() const { return posix_; }
  Statistics* statistics() const { return statistics_; }

 private:
  PosixEngine* const posix_;
  Statistics* const statistics_;
};

// Ends an operation that no ring has taken because it was cancelled before.
void EndCancelled(IoOp* op);

// Whether `result`, of a sync of no descriptor, says that rings do no syncs
// here: restrictions, a security module, a kernel without the operation. A ring
// that does them answers -EBADF.
bool RefusesSyncs(int64_t result);

// Why a ring was given up, where that was no system call (Breaker).
constexpr char kRingOperation[] = "an operation on a ring";
constexpr char kRingSync[] = "a sync on a ring";

}  // namespace rocksdb_uring
