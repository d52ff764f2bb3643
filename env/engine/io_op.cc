// What every kind of operation has of its own, whatever path it takes.
#include "env/engine/io_op.h"

#include <fcntl.h>

namespace rocksdb_uring {

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

}  // namespace rocksdb_uring
