// Operations as requests of a ring.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/engine/ring_request.h"

namespace rocksdb_uring {

namespace {

// The most that Linux transfers in one request.
constexpr uint64_t kRingBytesMax = 0x7ffff000;

// A ring takes it for the position of the descriptor, pread and pwrite for an
// error.
constexpr uint64_t kHere = UINT64_MAX;

}  // namespace

// One that does not fit goes through POSIX, whole: to split it would need a
// state for its parts, for requests of 2 GiB that RocksDB does not make.
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
  request.io_priority = op.kernel_priority;
  request.by_worker = op.by_worker;
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

}  // namespace rocksdb_uring
