// Turns an operation into what a ring takes.
#pragma once

#include "env/engine/io_op.h"
#include "env/ring/ring.h"

namespace rocksdb_uring {

// Requests handed to the kernel at once: few enough that the device starts on
// the first ones while the later ones are prepared (measured: env/README.md).
constexpr unsigned kSubmitChunk = 8;

// Whether one request can carry the whole operation: lengths are 32 bits wide
// on a ring, and one offset has another meaning there.
bool FitsRing(const IoOp& op);

// REQUIRES: FitsRing(op).
RingRequest MakeRequest(const IoOp& op, uint64_t user_data);

// What a completion with `ring_result` comes to. True: `op->result` and
// `op->end` are final. False: the ring did not do all of it, and POSIX is to go
// on from `*done`.
//
// A read is never reported as failed before POSIX was tried: a ring answers
// -EFAULT or -ECANCELED for a read whose submitting thread has exited, for
// example. A short transfer is finished by POSIX, which also decides where the
// end of the file is. The error of a write is final unless it says that nothing
// was begun. The error of a sync (ReportsWriteErrors) is always final: NFS and
// FUSE pass any errno of their server on, and the same sync, repeated, returns
// 0 for pages that are lost.
bool IsFinal(IoOp* op, int32_t ring_result, uint64_t* done);

// Ends an operation that no ring has taken because it was cancelled before.
void EndCancelled(IoOp* op);

// Whether `result`, of a sync of no descriptor, says that rings do no syncs
// here: restrictions, a security module, a kernel without the operation. A ring
// that does them answers -EBADF.
bool RefusesSyncs(int64_t result);

// What the breaker is told of a ring whose requests fail one and all.
constexpr char kRingOperation[] = "an operation on a ring";

// The same of a ring that does no syncs.
constexpr char kRingSync[] = "a sync on a ring";

// Whether the result speaks against the ring and not the file, when POSIX can
// do what the ring failed. What a thread leaves behind when it exits does not.
bool SpeaksAgainstRing(int32_t ring_result);

// Notes in the debug log that POSIX has to do what a ring failed.
void LogRescue(const IoOp& op, int32_t ring_result);

}  // namespace rocksdb_uring
