// Operations as system calls: whole transfers from partial ones, and parallel
// batches of buffered reads without a ring.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/engine/posix_engine.h"

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "env/base/aligned_buffer.h"
#include "env/engine/op_queue.h"
#include "env/engine/run_watch.h"

namespace rocksdb_uring {

namespace {

// Linux transfers at most 0x7ffff000 bytes a call; a round limit below it
// keeps direct I/O aligned.
constexpr uint64_t kTransferBytesMax = 1ULL << 30;

// A read from the page cache takes less than this; one that waits for a device
// takes longer by kMissTimeMin at least. Wrong guesses only cost speed.
constexpr std::chrono::nanoseconds kHitTimeMax{1500};
constexpr uint64_t kHitPicosPerByte = 200;
constexpr std::chrono::nanoseconds kMissTimeMin{30000};

// Transfers in a row that end in the sector that they begin in, without the
// file ending there, before the device counts as broken.
constexpr int kStallsMax = 3;

// Pieces of a vector that one call transfers: they are on the stack, so that no
// operation fails because memory is short.
constexpr int kPiecesMax = 64;

}  // namespace

// Direct I/O that stops inside a sector has met the end of the file, or was cut
// short. It can only go on from the beginning of the sector.
bool PosixEngine::EndsInSector(const IoOp& op, uint64_t done) {
  const int64_t size = calls_->FileSize(op.fd);
  return size < 0 || op.offset + done >= static_cast<uint64_t>(size);
}

// What the step came to: go on, or the result of the operation.
bool PosixEngine::TransferEnded(const IoOp& op, int64_t step, Progress* at,
                                int64_t* result) {
  if (step < 0) {
    *result = step;
    return true;
  }
  if (step == 0) {
    // A read has met the end of the file. A write that makes no progress and
    // names no error is a broken device.
    *result = IsRead(op) ? static_cast<int64_t>(at->done) : -EIO;
    return true;
  }
  const uint64_t before = at->done;
  at->done += static_cast<uint64_t>(step);
  if (op.alignment == 0 || IsAligned(at->done, op.alignment) ||
      at->done >= TransferLength(op)) {
    at->stalls = 0;
    return false;
  }
  if (IsRead(op) && EndsInSector(op, at->done)) {
    *result = static_cast<int64_t>(at->done);
    return true;
  }
  at->done -= at->done % op.alignment;
  at->stalls = at->done > before ? 0 : at->stalls + 1;
  *result = -EIO;
  return at->stalls > kStallsMax;
}

// Goes on until all is transferred, the file ends, or an error comes: a ring
// and a system call may both stop short for reasons of their own (a signal, a
// limit of the kernel), of which RocksDB should see nothing.
int64_t PosixEngine::FinishTransfer(const IoOp& op, uint64_t done) {
  Progress at = {done, 0};
  int64_t result = 0;
  while (at.done < op.length) {
    const uint64_t size = std::min(op.length - at.done, kTransferBytesMax);
    char* const buffer = op.buffer + at.done;
    const uint64_t offset = op.offset + at.done;
    const int64_t step = op.kind == IoKind::kRead
                             ? calls_->Pread(op.fd, buffer, size, offset)
                             : calls_->Pwrite(op.fd, buffer, size, offset);
    if (step != -EINTR && TransferEnded(op, step, &at, &result)) {
      return result;
    }
  }
  return static_cast<int64_t>(at.done);
}

// Up to `max` pieces of the operation's memory, from byte `done` on; how many.
int PiecesFrom(const IoOp& op, uint64_t done, iovec* pieces, int max) {
  int count = 0;
  for (int i = 0; i < op.iov_count && count < max; ++i) {
    const size_t length = op.iov[i].iov_len;
    if (done >= length) {
      done -= length;
      continue;
    }
    pieces[count++] = {static_cast<char*>(op.iov[i].iov_base) + done,
                       length - done};
    done = 0;
  }
  return count;
}

int64_t PosixEngine::FinishVector(const IoOp& op, uint64_t done) {
  Progress at = {done, 0};
  int64_t result = 0;
  iovec pieces[kPiecesMax];
  for (;;) {
    // From the beginning each time: a step may go back to that of a sector.
    const int count = PiecesFrom(op, at.done, pieces, kPiecesMax);
    if (count == 0) {
      return static_cast<int64_t>(at.done);
    }
    const uint64_t offset = op.offset + at.done;
    const int64_t step = op.kind == IoKind::kReadv
                             ? calls_->Preadv(op.fd, pieces, count, offset)
                             : calls_->Pwritev(op.fd, pieces, count, offset);
    if (step != -EINTR && TransferEnded(op, step, &at, &result)) {
      return result;
    }
  }
}

int64_t PosixEngine::Finish(const IoOp& op, uint64_t done) {
  int64_t result = 0;
  if (op.alignment != 0 && IsTransfer(op) && !IsAligned(done, op.alignment)) {
    if (IsRead(op) && EndsInSector(op, done)) {
      return static_cast<int64_t>(done);
    }
    done -= done % op.alignment;
  }
  switch (op.kind) {
    case IoKind::kRead:
    case IoKind::kWrite:
      return FinishTransfer(op, done);
    case IoKind::kReadv:
    case IoKind::kWritev:
      return FinishVector(op, done);
    case IoKind::kFsync:
    case IoKind::kFdatasync:
    case IoKind::kSyncFileRange:
    case IoKind::kFallocate:
      break;
  }
  do {
    result = CallOnce(op);
    // A sync that was interrupted may have reported, and so used up, the error
    // of a page that is lost: it fails, as in the default file system.
  } while (result == -EINTR && !ReportsWriteErrors(op));
  return result;
}

int64_t PosixEngine::CallOnce(const IoOp& op) {
  switch (op.kind) {
    case IoKind::kFsync:
      return calls_->Fsync(op.fd);
    case IoKind::kFdatasync:
      return calls_->Fdatasync(op.fd);
    case IoKind::kSyncFileRange:
      return calls_->SyncFileRange(op.fd, op.offset, op.length, op.flags);
    case IoKind::kFallocate:
      return calls_->Fallocate(op.fd, op.flags, op.offset, op.length);
    case IoKind::kRead:
    case IoKind::kWrite:
    case IoKind::kReadv:
    case IoKind::kWritev:
      break;
  }
  return -EINVAL;
}

void PosixEngine::RunOne(IoOp* op) {
  op->result = Finish(*op, 0);
  op->path = IoPath::kPosix;
}

bool PosixEngine::ReadWithoutWaiting(IoOp* op, uint64_t* done, bool* can_ask) {
  *done = 0;
  const int64_t step =
      calls_->PreadNoWait(op->fd, op->buffer, op->length, op->offset);
  // EOPNOTSUPP: the filesystem (FUSE, some NFS, ZFS). ENOSYS: a sandbox.
  if (step == -EOPNOTSUPP || step == -ENOSYS) {
    *can_ask = false;
  }
  if (step <= 0) {
    // Zero is not the end of the file: pread decides that.
    return false;
  }
  *done = static_cast<uint64_t>(step);
  if (*done != op->length) {
    return false;
  }
  op->result = step;
  op->path = IoPath::kPageCache;
  return true;
}

bool PosixEngine::ReadAsFastAsCached(IoOp* ops, size_t count) {
  const auto start = std::chrono::steady_clock::now();
  std::chrono::nanoseconds expected = kMissTimeMin;
  for (size_t i = 0; i < count; ++i) {
    RunOne(&ops[i]);
    expected += kHitTimeMax + std::chrono::nanoseconds(ops[i].length *
                                                       kHitPicosPerByte / 1000);
  }
  return std::chrono::steady_clock::now() - start <= expected;
}

// The time tells whether all was cached: to ask each read would cost more than
// this look at the clock for the whole batch.
void PosixEngine::RunHotReads(IoOp* ops, size_t count, PageCacheHint* hint) {
  if (!ReadAsFastAsCached(ops, count)) {
    hint->Cool();
  }
}

// A few announcements too many until the file counts as hot: reads that are not
// announced would wait for the device one after the other.
void PosixEngine::RunUnaskedReads(IoOp* ops, size_t count,
                                  PageCacheHint* hint) {
  for (size_t i = 0; i < count; ++i) {
    calls_->WillNeed(ops[i].fd, ops[i].offset, ops[i].length);
  }
  hint->RecordBatch(count, ReadAsFastAsCached(ops, count) ? 0 : count);
}

void PosixEngine::RunBufferedReads(IoOp* ops, size_t count,
                                   PageCacheHint* hint) {
  if (!hint->can_be_asked()) {
    RunUnaskedReads(ops, count, hint);
    return;
  }
  // `result` is how many bytes of a miss there are already.
  OpQueue misses;
  bool can_ask = true;
  const auto read = [&](IoOp* op) {
    uint64_t done = 0;
    const bool found = can_ask && ReadWithoutWaiting(op, &done, &can_ask);
    if (!found) {
      op->result = static_cast<int64_t>(done);
      misses.push_back(op);
    }
    return found;
  };
  // One probe tells whether the batch of a cold file is cold too; if so the
  // others are spared the attempt.
  const bool probed = hint->cold();
  const bool cold = probed && !read(&ops[0]);
  for (size_t i = probed ? 1 : 0; i < count; ++i) {
    if (cold) {
      ops[i].result = 0;
      misses.push_back(&ops[i]);
    } else {
      read(&ops[i]);
    }
  }
  // All misses are announced before the first is read, so that the device has
  // them all at once; one alone is read at once by the pread itself.
  const size_t missed = misses.size();
  for (const IoOp* op = misses.front(); missed > 1 && op != nullptr;
       op = op->next) {
    calls_->WillNeed(op->fd, op->offset, op->length);
  }
  while (!misses.empty()) {
    IoOp* const op = misses.pop_front();
    op->result = Finish(*op, static_cast<uint64_t>(op->result));
    op->path = IoPath::kPosix;
  }
  hint->RecordBatch(count, missed);
  if (!can_ask) {
    hint->NoteCannotBeAsked();
  }
}

// Flattened, because each return that follows a system call is mispredicted:
// fewer functions above pread save a cached read of 1 KiB 12 ns of 600.
[[gnu::flatten]] void PosixEngine::Run(IoOp* ops, size_t count,
                                       const RunOptions& options) {
  if (count == 0) {
    return;
  }
  RunWatch watch(ops, count, StartOf(ops, count), statistics_);
  if (count == 1) {
    // The way of every small append: nothing is looked at twice.
    RunOne(ops);
    watch.End(ops);
    CompleteAll(ops, 1);
    return;
  }
  const bool parallel = batches_ == Batches::kParallel &&
                        std::all_of(ops, ops + count, [](const IoOp& op) {
                          return op.kind == IoKind::kRead && op.alignment == 0;
                        });
  if (parallel) {
    PageCacheHint none;
    PageCacheHint* const hint =
        options.page_cache != nullptr ? options.page_cache : &none;
    if (hint->hot()) {
      RunHotReads(ops, count, hint);
    } else {
      RunBufferedReads(ops, count, hint);
    }
  } else {
    std::for_each(ops, ops + count, [this](IoOp& op) { RunOne(&op); });
  }
  statistics_->CountBatch(count);
  watch.End(ops);
  CompleteAll(ops, count);
}

// Runs no callback: the caller has the result before it could be called back.
bool PosixEngine::RunIfCached(IoOp* op) {
  // Nothing that waits: there is no use in showing it as in flight, nor in
  // looking whether it was slow.
  const StartTime start = TakeSample() ? StartTime::Exact() : StartTime();
  uint64_t done = 0;
  bool can_ask = true;
  if (batches_ == Batches::kOneByOne ||
      !ReadWithoutWaiting(op, &done, &can_ask)) {
    return false;
  }
  op->set_state(IoState::kCompleted);
  CountCompleted(op, 1, start, statistics_);
  return true;
}

size_t PosixEngine::Submit(IoOp* const* ops, size_t count) {
  (void)ops;
  (void)count;
  return 0;
}

bool PosixEngine::Wait(IoOp* op, uint64_t timeout_us) {
  (void)timeout_us;
  return op->completed();
}

}  // namespace rocksdb_uring
