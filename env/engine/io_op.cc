// What every kind of operation has of its own, whatever path it takes.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/engine/io_op.h"

#include <fcntl.h>

#include <algorithm>

namespace rocksdb_uring {

// The switches below name each kind and have no default: the compiler then
// reports a kind that was added and not thought of here.
bool IsTransfer(const IoOp& op) {
  switch (op.kind) {
    case IoKind::kRead:
    case IoKind::kWrite:
    case IoKind::kReadv:
    case IoKind::kWritev:
      return true;
    case IoKind::kFsync:
    case IoKind::kFdatasync:
    case IoKind::kSyncFileRange:
    case IoKind::kFallocate:
      return false;
  }
  return false;
}

bool AnyCompleted(IoOp* const* ops, size_t count) {
  return std::any_of(ops, ops + count,
                     [](const IoOp* op) { return op->completed(); });
}

uint64_t TransferLength(const IoOp& op) {
  switch (op.kind) {
    case IoKind::kRead:
    case IoKind::kWrite:
      return op.length;
    case IoKind::kReadv:
    case IoKind::kWritev: {
      uint64_t sum = 0;
      for (int i = 0; i < op.iov_count; ++i) {
        sum += op.iov[i].iov_len;
      }
      return sum;
    }
    case IoKind::kFsync:
    case IoKind::kFdatasync:
    case IoKind::kSyncFileRange:
    case IoKind::kFallocate:
      return 0;
  }
  return 0;
}

bool ReportsWriteErrors(const IoOp& op) {
  switch (op.kind) {
    case IoKind::kFsync:
    case IoKind::kFdatasync:
      return true;
    case IoKind::kSyncFileRange:
      // To start the write-out reports nothing of it; to wait for it does.
      return (op.flags &
              (SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WAIT_AFTER)) != 0;
    case IoKind::kRead:
    case IoKind::kWrite:
    case IoKind::kReadv:
    case IoKind::kWritev:
    case IoKind::kFallocate:
      return false;
  }
  return false;
}

void CountCompleted(const IoOp* ops, size_t count, StartTime start,
                    Statistics* statistics) {
  const bool timed = start.exact();
  const uint64_t elapsed_ns = timed ? start.ElapsedNs() : 0;
  // Counters are atomic and cost some nanoseconds each: a batch, whose
  // operations are nearly always alike, visits them once.
  size_t i = 0;
  while (i < count) {
    const StatKind kind = ops[i].stat_kind;
    const IoPath path = ops[i].path;
    uint64_t same = 0;
    uint64_t bytes = 0;
    uint64_t errors = 0;
    for (; i < count && ops[i].stat_kind == kind && ops[i].path == path; ++i) {
      ++same;
      if (ops[i].result < 0) {
        ++errors;
      } else {
        bytes += static_cast<uint64_t>(ops[i].result);
      }
    }
    statistics->Count(kind, path, same, bytes, errors);
    if (timed) {
      statistics->CountLatency(kind, path, elapsed_ns, same);
    }
  }
}

// The state comes last, and the callback is read before it: from then on the
// operation is its owner's, who may be another thread and may free it.
void CompleteAll(IoOp* ops, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const IoOp::Callback callback = ops[i].callback;
    ops[i].set_state(IoState::kCompleted);
    if (callback != nullptr) {
      callback(&ops[i]);
    }
  }
}

}  // namespace rocksdb_uring
