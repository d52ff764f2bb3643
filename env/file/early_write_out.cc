// When steps begin, and when the device is too slow for them.
//
// A step is one sync_file_range on a ring. It waits for the pages of the step
// before it (WAIT_BEFORE), and starts the write-out of its own. Its completion
// therefore shows that the device has taken the previous step. Without the wait
// it would only show that the block layer has queued the pages, and a throttled
// control group queues without limit.
//
// If a step is still in flight when two more are due, the device is slower than
// the writer. It is the bottleneck then, so writing early gains little, and the
// steps would keep its queue full between the syncs, where other operations of
// the process (WAL syncs, reads) find it idle otherwise. The rest of the file
// is left to the sync, as on POSIX. The next file tries again.
//
// The wait has a price: the kernel reports a failed page once for each open
// file, and the step takes the report. So its failure stays, and a sync waits
// for the step first.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/file/early_write_out.h"

#include <fcntl.h>

#include <cerrno>
#include <utility>

#include "env/file/write_out.h"

namespace rocksdb_uring {

namespace {

// The kernel does not do this for this file or process, and has not begun: no
// page has failed.
bool WasRefused(int64_t result) {
  switch (-result) {
    case EPERM:
    case EACCES:
    case ENOSYS:
    case EINVAL:
    case EOPNOTSUPP:
    case ESPIPE:
    case EAGAIN:
    case EINTR:
    case ECANCELED:
      return true;
    default:
      return false;
  }
}

}  // namespace

// Only on rings: the system call waits, and the compaction with it. Whether the
// file may use rings is asked for each step, by the caller of Grown.
std::unique_ptr<EarlyWriteOut> EarlyWriteOut::Make(
    const std::shared_ptr<const OpenFile>& file, uint64_t bytes_per_sync) {
  const bool may =
      file->kind == FileKind::kTable || file->kind == FileKind::kBlob;
  return may && !file->direct() && file->write_out_bytes > 0 &&
                 bytes_per_sync == 0 && file->engine->has_rings()
             ? std::make_unique<EarlyWriteOut>(file)
             : nullptr;
}

EarlyWriteOut::EarlyWriteOut(std::shared_ptr<const OpenFile> file)
    : file_(std::move(file)),
      step_bytes_(file_->write_out_bytes),
      due_(2 * step_bytes_) {}

void EarlyWriteOut::Collect() {
  file_->engine->engine()->Wait(&op_);
  if (op_.result < 0) {
    StopLocked();
    if (!WasRefused(op_.result)) {
      failure_.store(op_.result, std::memory_order_release);
    }
  }
  op_.Reset();
}

void EarlyWriteOut::StopLocked() {
  due_.store(kNever, std::memory_order_release);
}

void EarlyWriteOut::StartStep(uint64_t end) {
  file_->Describe(IoKind::kSyncFileRange, StatKind::kSyncFileRange, begin_,
                  end - begin_, nullptr, &op_, IoPriority::kAhead);
  op_.flags = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE;
  if (!file_->engine->engine()->Submit(&op_)) {
    // No ring any more, or no room: the sync does it.
    op_.Reset();
    StopLocked();
    return;
  }
  begin_ = end_;
  end_ = end;
  due_.store(end + step_bytes_, std::memory_order_release);
}

int64_t EarlyWriteOut::Grown(uint64_t size) {
  if (size < due_.load(std::memory_order_acquire)) {
    return failure();
  }
  MutexLock lock(&mutex_);
  const uint64_t due = due_.load(std::memory_order_relaxed);
  if (end_ == 0 && !SyncFileRangeWorks(file_->fd.get())) {
    StopLocked();
    return 0;
  }
  if (op_.state() != IoState::kIdle) {
    if (!file_->engine->engine()->Wait(&op_, 0)) {
      if (size >= due + step_bytes_) {
        StopLocked();
        file_->engine->statistics()->Count(StatEvent::kWriteOutStopped);
      }
      return 0;
    }
    Collect();
  }
  if (due_.load(std::memory_order_relaxed) != kNever) {
    StartStep(size);
  }
  return failure();
}

void EarlyWriteOut::Stop() {
  MutexLock lock(&mutex_);
  StopLocked();
}

int64_t EarlyWriteOut::Finish() {
  MutexLock lock(&mutex_);
  if (op_.state() != IoState::kIdle) {
    Collect();
  }
  return failure();
}

}  // namespace rocksdb_uring
