// Reads of tables and blobs: single ones, batches and asynchronous ones.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/file/random_access_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <new>
#include <utility>

#include "env/base/aligned_buffer.h"
#include "env/engine/sampling.h"
#include "env/file/async_read.h"
#include "env/file/fadvise.h"
#include "env/file/io_status.h"
#include "env/file/read_deadline.h"
#include "env/file/submitted_read.h"

namespace rocksdb_uring {

using rocksdb::FSReadRequest;
using rocksdb::IODebugContext;
using rocksdb::IOHandleDeleter;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

namespace {

// Whether streams of the file are read ahead at all. Only tables and blobs are:
// other files may change after they were read ahead.
bool HasStreams(const OpenFile& file) {
  return (file.kind == FileKind::kTable || file.kind == FileKind::kBlob) &&
         file.engine->options().readahead_bytes > 0;
}

std::unique_ptr<PageCacheAhead> MakePageCacheAhead(
    const std::shared_ptr<const OpenFile>& file) {
  return HasStreams(*file) && !file->direct()
             ? std::make_unique<PageCacheAhead>(file)
             : nullptr;
}

// RocksDB keeps to this with direct I/O; the kernel would answer EINVAL.
void AssertAligned(const OpenFile& file, uint64_t offset, size_t size,
                   const void* scratch) {
  assert(!file.direct() ||
         (IsAligned(offset, file.alignment) &&
          IsAligned(size, file.alignment) &&
          IsAligned(reinterpret_cast<uintptr_t>(scratch), file.alignment)));
  (void)file;
  (void)offset;
  (void)size;
  (void)scratch;
}

void EndLate(IoOp* op) {
  op->result = -ETIMEDOUT;
  op->end = IoEnd::kTimedOut;
}

}  // namespace

UringRandomAccessFile::UringRandomAccessFile(
    std::shared_ptr<const OpenFile> file, uint64_t file_size)
    : file_(std::move(file)),
      file_size_(file_size),
      may_have_windows_(HasStreams(*file_) && file_->engine->has_rings()),
      page_cache_ahead_(MakePageCacheAhead(file_)) {}

UringRandomAccessFile::~UringRandomAccessFile() {
  delete read_ahead_.load(std::memory_order_acquire);
}

IOStatus UringRandomAccessFile::ReadError(const IoOp& op) const {
  return MakeIOStatus("While pread offset " + std::to_string(op.offset) +
                          " len " + std::to_string(op.length),
                      file_->name, op);
}

// A buffered read of what the page cache has does not wait, but costs a system
// call. For a compaction a kernel thread reads 128 blocks at once, on another
// processor, and the compaction copies them out of a buffer. A scan reads by
// itself: there may be no other processor for it. Large reads gain nothing
// (env/MEASUREMENTS.md, Buffered compactions).
bool UringRandomAccessFile::HasWindowsFor(size_t n, const IOOptions& options,
                                          PathChoice path) const {
  return may_have_windows_ && MayUseRings(path) &&
         (file_->direct() ||
          (n < ReadAhead::kLargeReadMin && IsBackground(options)));
}

// If several threads make one at once, that of the first stays.
ReadAhead* UringRandomAccessFile::MakeReadAhead() const {
  ReadAhead* made = read_ahead_.load(std::memory_order_acquire);
  // In a forked child the lock of the paces may be held for ever.
  if (made != nullptr || file_->engine->forked()) {
    return made;
  }
  std::unique_ptr<ReadAhead> mine(new (std::nothrow)
                                      ReadAhead(file_, file_size_, &streams_));
  if (mine != nullptr && read_ahead_.compare_exchange_strong(
                             made, mine.get(), std::memory_order_acq_rel)) {
    return mine.release();
  }
  return made;
}

// The settings do not allow them any more.
void UringRandomAccessFile::ForgetWindows() const {
  if (ReadAhead* const made = read_ahead_.load(std::memory_order_acquire)) {
    made->ForgetAll();
  }
}

UringRandomAccessFile::FromWindow UringRandomAccessFile::ReadFromWindow(
    ReadAhead* windows, const ReadStream* stream, uint64_t offset, size_t n,
    char* scratch, const ReadTerms& terms) const {
  const StartTime start = TakeSample() ? StartTime::Exact() : StartTime();
  FromWindow read;
  read.done = windows->Read(stream, offset, n, scratch, terms, &read.late);
  Statistics* const statistics = file_->engine->statistics();
  if (read.late) {
    statistics->Count(StatEvent::kDeadlineMissed);
    return read;
  }
  if (read.done > 0) {
    statistics->Count(StatKind::kRead, IoPath::kReadAhead, 1, read.done, 0);
    if (start.exact()) {
      statistics->CountLatency(StatKind::kRead, IoPath::kReadAhead,
                               start.ElapsedNs(), 1);
    }
  }
  if (!file_->direct()) {
    return read;
  }
  // A window that ends inside a sector ends where the file did. A table still
  // ends there, and a read of the rest would have an offset that direct I/O
  // refuses. A blob file may have grown since, so its last sector is read
  // again.
  read.at_end = file_->kind == FileKind::kTable &&
                !IsAligned(read.done, file_->alignment);
  if (!read.at_end) {
    read.done -= read.done % file_->alignment;
  }
  return read;
}

IOStatus UringRandomAccessFile::Read(uint64_t offset, size_t n,
                                     const IOOptions& options, Slice* result,
                                     char* scratch,
                                     IODebugContext* /*dbg*/) const {
  AssertAligned(*file_, offset, n, scratch);
  // Windows copy what they have, and the rest is read. A buffered file without
  // them makes the read, and announces what comes next. All others just read.
  const PathChoice path = file_->reads();
  const ReadTerms terms = TermsOf(*file_, options, path);
  const bool has_windows = HasWindowsFor(n, options, path);
  const bool announces = page_cache_ahead_ != nullptr && !has_windows &&
                         path != PathChoice::kPlain;
  ReadStream* const stream =
      announces || has_windows ? NoteRead(&streams_, offset, n) : nullptr;
  ReadAhead* const windows =
      has_windows && ReadAhead::Serves(stream, n) ? MakeReadAhead() : nullptr;
  FromWindow read;
  if (windows != nullptr) {
    read = ReadFromWindow(windows, stream, offset, n, scratch, terms);
  } else if (!MayUseRings(path)) {
    ForgetWindows();
  }
  if (!file_->direct() && (IsBackground(options) || stream != nullptr)) {
    advice_.NoteRead(*file_, has_windows, n, read.done);
  }
  if (read.done < n && !read.at_end) {
    IoOp op;
    file_->Describe(IoKind::kRead, StatKind::kRead, offset + read.done,
                    n - read.done, scratch + read.done, &op, terms.priority);
    if (read.late) {
      EndLate(&op);
    } else if (announces && stream != nullptr) {
      page_cache_ahead_->Read(streams_, stream, path, terms.deadline, &op);
    } else if (windows != nullptr) {
      windows->ReadRest(&op, path, terms.deadline);
    } else {
      RunRead(file_, &op, path, terms.deadline);
    }
    if (op.result < 0) {
      *result = Slice(scratch, 0);
      return ReadError(op);
    }
    read.done += static_cast<size_t>(op.result);
  }
  *result = Slice(scratch, read.done);
  return IOStatus::OK();
}

IOStatus UringRandomAccessFile::MultiRead(FSReadRequest* requests, size_t count,
                                          const IOOptions& options,
                                          IODebugContext* /*dbg*/) {
  // The call itself returns OK whatever the reads return: RocksDB would apply
  // its error to all requests, and one bad block would fail the whole batch.
  ReadOps ops(count);
  // One piece, unless memory is short.
  for (size_t done = 0; done < count;) {
    const size_t piece = std::min(count - done, ops.capacity());
    ops.clear();
    ReadPiece(requests + done, piece, options, &ops);
    done += piece;
  }
  return IOStatus::OK();
}

void UringRandomAccessFile::ReadPiece(FSReadRequest* requests, size_t count,
                                      const IOOptions& options, ReadOps* ops) {
  const IoPriority priority = file_->PriorityOf(options);
  for (size_t i = 0; i < count; ++i) {
    const FSReadRequest& request = requests[i];
    AssertAligned(*file_, request.offset, request.len, request.scratch);
    file_->Describe(IoKind::kRead, StatKind::kMultiRead, request.offset,
                    request.len, request.scratch, &ops->emplace_back(),
                    priority);
  }
  RunOptions run;
  run.path = file_->reads();
  run.page_cache = &page_cache_;
  run.polls = file_->polls;
  RunReads(file_, ops->data(), count, run,
           DeadlineOf(*file_, options, run.path));
  for (size_t i = 0; i < count; ++i) {
    FSReadRequest& request = requests[i];
    const IoOp& op = (*ops)[i];
    const int64_t result = op.result;
    request.status = result < 0 ? ReadError(op) : IOStatus::OK();
    request.result =
        Slice(request.scratch, result < 0 ? 0 : static_cast<size_t>(result));
  }
}

// A read that hits needs no request, no submission and no completion: 9 % more
// keys from an asynchronous MultiGet that finds all of them cached
// (env/MEASUREMENTS.md). With reads=uring the user has chosen the ring.
template <typename AnyRead>
bool UringRandomAccessFile::ReadFromPageCache(PathChoice path, size_t length,
                                              AnyRead* read) {
  if (file_->direct() || path != PathChoice::kAuto ||
      !page_cache_.SingleAsks(length)) {
    return false;
  }
  const bool found = read->ReadIfCached();
  page_cache_.RecordSingle(found);
  return found;
}

IOStatus UringRandomAccessFile::ReadAsync(FSReadRequest& request,
                                          const IOOptions& options,
                                          ReadAsyncCallback callback,
                                          void* argument, void** io_handle,
                                          IOHandleDeleter* deleter,
                                          IODebugContext* /*dbg*/) {
  AssertAligned(*file_, request.offset, request.len, request.scratch);
  // RocksDB accepts NotSupported when a scan begins, and fails a scan that gets
  // it later. So only permanent causes return it. A ring that is refused now or
  // fails later makes the read synchronous instead, and so do settings that
  // have changed.
  const PathChoice path = file_->reads();
  const bool rings = MayUseRings(path);
  if (!file_->engine->has_rings() ||
      (path == PathChoice::kPosix && !file_->policy->changed())) {
    return IOStatus::NotSupported("ReadAsync");
  }
  // RocksDB now reads this stream ahead itself. A window as well would read
  // every byte twice.
  if (ReadAhead* const windows = read_ahead_.load(std::memory_order_acquire)) {
    windows->ForgetStreamAt(request.offset);
  }
  auto read =
      std::make_unique<AsyncRead>(file_, request, std::move(callback), argument,
                                  TermsOf(*file_, options, path));
  bool complete = ReadFromPageCache(path, request.len, read.get());
  if (!complete && !(rings && read->Start())) {
    read->ReadNow(rings ? PathChoice::kPosix : path);
    complete = true;
  }
  // Without a handle RocksDB need not poll. The callback may run here: this is
  // the caller's thread.
  if (complete && kNullHandleMeansDelivered) {
    read->Deliver();
    *io_handle = nullptr;
    return IOStatus::OK();
  }
  *io_handle = read.release();
  *deleter = [](void* handle) { delete static_cast<AsyncRead*>(handle); };
  return IOStatus::OK();
}

bool UringRandomAccessFile::SubmitReadAsync(FSReadRequest& request,
                                            const IOOptions& options,
                                            SubmitReadCallback callback,
                                            IODebugContext* dbg) {
  AssertAligned(*file_, request.offset, request.len, request.scratch);
  const PathChoice path = file_->reads();
  RingLoop* const loop = RingLoop::Current();
  if (loop == nullptr || !MayUseRings(path)) {
    request.status = Read(request.offset, request.len, options, &request.result,
                          request.scratch, dbg);
    callback(request);
    return false;
  }
  auto read =
      std::make_unique<SubmittedRead>(file_, &request, std::move(callback));
  if (ReadFromPageCache(path, request.len, read.get())) {
    read->Deliver();
  } else {
    SubmittedRead::Submit(std::move(read), DeadlineOf(*file_, options, path),
                          loop);
  }
  return true;
}

IOStatus UringRandomAccessFile::Prefetch(uint64_t offset, size_t n,
                                         const IOOptions& /*options*/,
                                         IODebugContext* /*dbg*/) {
  if (file_->direct()) {
    return IOStatus::OK();
  }
  // RocksDB prefetches ahead of forward scans, and PageCacheAhead may have
  // found the same scan. Each notes in the stream's horizon how far it has
  // gone, so the other does not announce the same bytes again.
  ReadStream* const stream =
      page_cache_ahead_ != nullptr && file_->reads() != PathChoice::kPlain
          ? StreamExpecting(streams_, offset)
          : nullptr;
  if (stream != nullptr && offset + n <= stream->horizon) {
    // On its way already.
    return IOStatus::OK();
  }
  if (readahead(file_->fd.get(), static_cast<off64_t>(offset), n) != 0) {
    return MakeIOStatus("While prefetching offset " + std::to_string(offset) +
                            " len " + std::to_string(n),
                        file_->name, Errno::FromErrno(errno));
  }
  if (stream != nullptr) {
    stream->horizon = offset + n;
  }
  return IOStatus::OK();
}

void UringRandomAccessFile::Hint(AccessPattern pattern) {
  if (file_->direct()) {
    return;
  }
  advice_.Give(*file_, pattern,
               may_have_windows_ && MayUseRings(file_->reads()));
}

IOStatus UringRandomAccessFile::InvalidateCache(size_t offset, size_t length) {
  return DropFromPageCache(*file_, offset, length);
}

size_t UringRandomAccessFile::GetUniqueId(char* id, size_t max_size) const {
  return GetUniqueIdOf(file_->fd.get(), id, max_size);
}

size_t UringRandomAccessFile::GetRequiredBufferAlignment() const {
  return file_->buffer_alignment();
}

IOStatus UringRandomAccessFile::GetFileSize(uint64_t* result) {
  struct stat attributes = {};
  if (fstat(file_->fd.get(), &attributes) != 0) {
    return MakeIOStatus("While fstat", file_->name, Errno::FromErrno(errno));
  }
  *result = static_cast<uint64_t>(attributes.st_size);
  return IOStatus::OK();
}

}  // namespace rocksdb_uring
