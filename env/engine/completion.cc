// One function turns a completion into the operation's end, for batches and
// for asynchronous operations.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/engine/completion.h"

#include <cerrno>

#include "env/base/debug_log.h"
#include "env/base/errno_code.h"

namespace rocksdb_uring {

namespace {

// The kernel did not take the request up at that moment.
bool WasPostponed(int32_t result) {
  return result == -EAGAIN || result == -EINTR || result == -ECANCELED;
}

// The kernel does not do this with a ring (restrictions, a security module, an
// operation or a file that rings do not know), or not with this call at all:
// POSIX tells.
bool WasRefused(int32_t result) {
  return result == -EINVAL || result == -EOPNOTSUPP || result == -EACCES ||
         result == -EPERM || result == -EFAULT || result == -EBADF ||
         result == -ENOSYS;
}

bool WasNotBegun(const IoOp& op, int32_t result) {
  return !ReportsWriteErrors(op) &&
         (WasPostponed(result) || WasRefused(result) ||
          // No memory for the request itself.
          (result == -ENOMEM && IsTransfer(op)));
}

// What a completion with `ring_result` comes to. True: `op->result` and
// `op->end` are final. False: the ring did not do all of it, and POSIX is to go
// on from `*done`.
bool IsFinal(IoOp* op, int32_t ring_result, uint64_t* done) {
  *done = 0;
  op->result = ring_result;
  if (op->cancel_requested() && WasPostponed(ring_result)) {
    EndCancelled(op);
    return true;
  }
  if (ring_result < 0) {
    return !IsRead(*op) && !WasNotBegun(*op, ring_result);
  }
  if (!IsTransfer(*op)) {
    return true;
  }
  *done = static_cast<uint64_t>(ring_result);
  return *done >= TransferLength(*op);
}

// Whether the result speaks against the ring and not the file, when POSIX can
// do what the ring failed. What a thread leaves behind when it exits (-EFAULT,
// -ECANCELED) does not.
bool SpeaksAgainstRing(int32_t ring_result) {
  return ring_result < 0 && !WasPostponed(ring_result) &&
         ring_result != -EFAULT;
}

void LogRescue(const IoOp& op, int32_t ring_result) {
  if (DebugLogEnabled()) {
    DebugLog(
        "POSIX goes on with %s of descriptor %d at offset %llu len %llu: "
        "the ring said %s",
        StatKindName(op.stat_kind), op.fd,
        static_cast<unsigned long long>(op.offset),
        static_cast<unsigned long long>(op.length),
        Errno::FromResult(ring_result).text(Errno::Buffer()));
  }
}

}  // namespace

void Completer::EndAnswered(IoOp* op, int32_t ring_result,
                            RingEvidence* seen) const {
  uint64_t done = 0;
  op->path = IoPath::kRing;
  // POSIX might wait for the device, and the caller has gone. It says nothing
  // of the ring either.
  if (op->abandoned() &&
      ring_result < static_cast<int64_t>(TransferLength(*op))) {
    EndCancelled(op);
    return;
  }
  if (IsFinal(op, ring_result, &done)) {
    ++seen->worked;
    return;
  }
  // Only a failure changes the path: the end of a file is no rescue.
  if (ring_result < 0) {
    op->path = IoPath::kPosix;
    statistics_->Count(StatEvent::kPosixRescue);
    LogRescue(*op, ring_result);
  }
  op->result = posix_->Finish(*op, done);
  // Judged only now: what POSIX fails too is the file's fault.
  if (SpeaksAgainstRing(ring_result) && op->result >= 0) {
    ++seen->refused;
    seen->last_refusal = ring_result;
  } else {
    ++seen->worked;
  }
}

void Completer::EndUntaken(IoOp* op) const {
  op->path = IoPath::kPosix;
  if (op->cancel_requested()) {
    EndCancelled(op);
    return;
  }
  statistics_->Count(StatEvent::kPosixRescue);
  op->result = posix_->Finish(*op, 0);
}

void EndCancelled(IoOp* op) {
  op->result = -ECANCELED;
  op->end = IoEnd::kCancelled;
}

bool RefusesSyncs(int64_t result) {
  return result == -EACCES || result == -EPERM || result == -EINVAL ||
         result == -EOPNOTSUPP || result == -ENOSYS;
}

}  // namespace rocksdb_uring
