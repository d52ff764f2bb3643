// sync_file_range in flight, one at a time for each file.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/file/write_out.h"

#include <fcntl.h>
#include <sys/vfs.h>

#include <algorithm>
#include <cerrno>

namespace rocksdb_uring {

// The default file system knows the same two cases: ZFS, and kernels without
// the call (WSL).
bool SyncFileRangeWorks(int fd) {
  constexpr __fsword_t kZfsMagic = 0x2fc12fc1;
  struct statfs attributes = {};
  if (fstatfs(fd, &attributes) == 0 && attributes.f_type == kZfsMagic) {
    return false;
  }
  return sync_file_range(fd, 0, 0, 0) == 0 || errno != ENOSYS;
}

WriteOut::~WriteOut() { (void)Finish(); }

bool WriteOut::supported() {
  if (!supported_) {
    supported_ = SyncFileRangeWorks(file_->fd.get());
  }
  return *supported_;
}

int64_t WriteOut::Finish() {
  if (op_.state() == IoState::kIdle) {
    return 0;
  }
  file_->engine->engine()->Wait(&op_);
  const int64_t result = op_.result;
  op_.Reset();
  return result;
}

// RocksDB requests a range for each bytes_per_sync that it has appended. While
// a range is in flight, another one is only noted: the device is busy with this
// file, and the next call submits all that is noted as one range. Bytes that
// are not in the kernel yet are noted as well.
int64_t WriteOut::Request(uint64_t begin, uint64_t end, uint64_t complete) {
  begin_ = std::min(begin_.value_or(begin), begin);
  end_ = std::max(end_, end);
  const uint64_t stop = std::min(end_, complete);
  IoEngine* const engine = file_->engine->engine();
  const PathChoice path = file_->syncs();
  if (op_.state() != IoState::kIdle) {
    // A range in flight on a ring that is no longer wanted is waited for.
    if (MayUseRings(path) && !engine->Wait(&op_, 0)) {
      return 0;
    }
    const int64_t result = Finish();
    if (result < 0) {
      return result;
    }
  }
  if (stop <= *begin_) {
    return 0;
  }
  file_->Describe(IoKind::kSyncFileRange, StatKind::kSyncFileRange, *begin_,
                  stop - *begin_, nullptr, &op_, IoPriority::kAhead);
  op_.flags = SYNC_FILE_RANGE_WRITE;
  begin_ = stop;
  // A ring with syncs=auto too: the system call blocks while the queue of the
  // device is full, and through a ring a thread of the kernel blocks instead.
  if (!MayUseRings(path) || !engine->Submit(&op_)) {
    file_->Run(&op_, MayUseRings(path) ? PathChoice::kPosix : path);
    return Finish();
  }
  return 0;
}

int64_t WriteOut::RunStrictly(uint64_t end) const {
  // From the beginning of the file, and after what is being written out: the
  // amount of dirty data stays bounded.
  IoOp op;
  file_->Describe(IoKind::kSyncFileRange, StatKind::kSyncFileRange, 0, end,
                  nullptr, &op);
  op.flags = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE;
  return file_->Run(&op, file_->syncs());
}

}  // namespace rocksdb_uring
