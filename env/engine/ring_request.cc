#include "env/engine/ring_request.h"

#include <cerrno>

#include "env/base/debug_log.h"
#include "env/base/errno_code.h"

namespace rocksdb_uring {

namespace {

// The most that Linux transfers in one request.
constexpr uint64_t kRingBytesMax = 0x7ffff000;

// A ring takes it for the position of the descriptor, pread and pwrite for an
// error.
constexpr uint64_t kHere = UINT64_MAX;

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

}  // namespace

bool FitsRing(const IoOp& op) {
  const uint64_t length =
      op.kind == IoKind::kSyncFileRange ? op.length : TransferLength(op);
  return length <= kRingBytesMax && op.offset != kHere;
}

RingRequest MakeRequest(const IoOp& op, uint64_t user_data) {
  RingRequest request;
  request.fd = op.fd;
  request.offset = op.offset;
  request.address = op.buffer;
  request.length = op.length;
  request.flags = op.flags;
  request.user_data = user_data;
  switch (op.kind) {
    case IoKind::kRead:
      request.opcode = RingOpcode::kRead;
      break;
    case IoKind::kWrite:
      request.opcode = RingOpcode::kWrite;
      break;
    case IoKind::kReadv:
    case IoKind::kWritev:
      request.opcode =
          op.kind == IoKind::kReadv ? RingOpcode::kReadv : RingOpcode::kWritev;
      request.address = const_cast<iovec*>(op.iov);
      request.length = static_cast<uint64_t>(op.iov_count);
      break;
    case IoKind::kFsync:
      request.opcode = RingOpcode::kFsync;
      request.flags = 0;
      break;
    case IoKind::kFdatasync:
      request.opcode = RingOpcode::kFsync;
      request.flags = kRingFsyncDataOnly;
      break;
    case IoKind::kSyncFileRange:
      request.opcode = RingOpcode::kSyncFileRange;
      break;
    case IoKind::kFallocate:
      request.opcode = RingOpcode::kFallocate;
      break;
  }
  return request;
}

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

void EndCancelled(IoOp* op) {
  op->result = -ECANCELED;
  op->end = IoEnd::kCancelled;
}

bool RefusesSyncs(int64_t result) {
  return result == -EACCES || result == -EPERM || result == -EINVAL ||
         result == -EOPNOTSUPP || result == -ENOSYS;
}

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

}  // namespace rocksdb_uring
