// Appends, syncs and the end of one file that is written.
//
// Most calls begin in the same way: they wait for the writes in flight, if what
// they promise needs that, and return the failure of an earlier write. Such a
// failure stays. RocksDB has dropped its buffer, so the bytes exist nowhere
// else, and no later call can write them. The failure of an operation that the
// call itself waits for is returned once. RocksDB keeps track of what a call
// has returned, and a WAL must be able to continue after ENOSPC and Resume().
//
// SPDX-License-Identifier: Apache-2.0
#include "env/file/writable_file.h"

#include <fcntl.h>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <new>
#include <optional>
#include <utility>

#include "env/base/debug_log.h"
#include "env/file/fadvise.h"
#include "env/file/file_end.h"
#include "env/file/io_status.h"
#include "env/file/write_checksum.h"

namespace rocksdb_uring {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

namespace {

std::string WritingAt(uint64_t offset, uint64_t length) {
  return "While appending to file at offset " + std::to_string(offset) +
         " len " + std::to_string(length);
}

}  // namespace

UringWritableFile::UringWritableFile(std::shared_ptr<OpenFile> file,
                                     const rocksdb::FileOptions& options,
                                     uint64_t size)
    : FSWritableFile(options),
      file_(std::move(file)),
      allow_fallocate_(options.allow_fallocate),
      fallocate_keeps_size_(options.fallocate_with_keep_size),
      verifies_crc32c_(options.handoff_checksum_type ==
                       rocksdb::ChecksumType::kCRC32c),
      flush_waits_(file_->kind != FileKind::kTable &&
                   !(file_->kind == FileKind::kBlob &&
                     NobodyReadsWhileWritten(options))),
      write_out_(file_),
      early_write_out_(EarlyWriteOut::Make(file_, options.bytes_per_sync)),
      size_(size) {}

UringWritableFile::~UringWritableFile() {
  if (file_->fd.valid()) {
    // A destructor cannot report an error. Appends and syncs have reported
    // theirs.
    (void)UringWritableFile::Close(IOOptions(), nullptr);
  }
  delete write_behind();
}

IOStatus UringWritableFile::Failed(const std::string& what,
                                   int64_t result) const {
  const IOStatus status =
      MakeIOStatus(what, file_->name, Errno::FromResult(result));
  if (DebugLogEnabled()) {
    DebugLog("failed: %s", status.ToString().c_str());
  }
  return status;
}

// Does not wait. A failure is known when its write has been collected, by a
// later Append or by a call that drains.
IOStatus UringWritableFile::CheckWrites() {
  if (WriteBehind* const behind = write_behind()) {
    const std::optional<WriteFailure> failure = behind->failure();
    if (failure) {
      return Failed(WritingAt(failure->offset, failure->length),
                    failure->result);
    }
  }
  const int64_t written_out =
      early_write_out_ == nullptr ? 0 : early_write_out_->failure();
  return written_out < 0 ? Failed("While sync_file_range", written_out)
                         : IOStatus::OK();
}

IOStatus UringWritableFile::DrainWrites() {
  if (WriteBehind* const behind = write_behind()) {
    behind->Drain();
  }
  return CheckWrites();
}

// For an append that is written before it returns, in a file whose earlier
// appends may be in flight: the settings have changed since. Those come first,
// as they would have in a file that was never written behind.
IOStatus UringWritableFile::LeaveWriteBehind() {
  if (!file_->fd.valid()) {
    return IOStatus::OK();
  }
  write_behind()->Finish();
  return CheckWrites();
}

uint64_t UringWritableFile::CompleteBelow() {
  const uint64_t size = size_.load(std::memory_order_relaxed);
  WriteBehind* const behind = write_behind();
  return behind == nullptr ? size : behind->CompleteBelow(size);
}

IOStatus UringWritableFile::WriteOutEarly() {
  // Without rings no step begins; the failure of an earlier one stays.
  const int64_t result = MayUseRings(file_->syncs())
                             ? early_write_out_->Grown(CompleteBelow())
                             : early_write_out_->failure();
  return result < 0 ? Failed("While sync_file_range", result) : IOStatus::OK();
}

IOStatus UringWritableFile::Verify(uint64_t offset, const Slice& data,
                                   Verification verification) const {
  return verification == nullptr || !verifies_crc32c_
             ? IOStatus::OK()
             : VerifyHandedOver(data, *verification, file_->name, offset);
}

IOStatus UringWritableFile::WriteNow(PathChoice path, uint64_t offset,
                                     const Slice& data,
                                     Verification verification) {
  if (verification != nullptr) {
    const IOStatus verified = Verify(offset, data, verification);
    if (!verified.ok()) {
      return verified;
    }
  }
  IoOp op;
  file_->Describe(IoKind::kWrite, StatKind::kWrite, offset, data.size(),
                  const_cast<char*>(data.data()), &op,
                  PriorityOf(IoPriority::kForeground));
  const int64_t result = file_->Run(&op, path);
  return result < 0 ? Failed(WritingAt(offset, data.size()), result)
                    : IOStatus::OK();
}

// RocksDB sets the lowest for the tables of a compaction, unless writers wait
// for it, and the highest but one for those of a flush.
IoPriority UringWritableFile::PriorityOf(IoPriority otherwise) {
  return GetIOPriority() == rocksdb::Env::IO_LOW ? file_->policy->background()
                                                 : otherwise;
}

WriteBehind* UringWritableFile::WriteBehindFor(PathChoice path, size_t size) {
  WriteBehind* behind = write_behind();
  // Short appends behind long ones stay in line: to leave would wait for those.
  const size_t longest = behind == nullptr ? size : WriteBehind::kWriteBytesMax;
  // A write in flight reports its failure to a later call, and a closed file
  // gets none.
  if (!WriteBehind::Wants(*file_, path, longest, flush_waits_) ||
      !WriteBehind::Serves(*file_) || !file_->fd.valid()) {
    return nullptr;
  }
  if (behind == nullptr) {
    // Without memory for it the append is written before it returns.
    behind = new (std::nothrow) WriteBehind(file_);
    write_behind_.store(behind, std::memory_order_release);
  }
  return behind;
}

IOStatus UringWritableFile::WriteBehindPiece(WriteBehind* behind,
                                             PathChoice path, uint64_t offset,
                                             const Slice& data,
                                             Verification verification) {
  // Reserve may collect a write that has failed, so it comes before the check.
  char* const buffer = behind->Reserve(offset, data.size());
  const IOStatus earlier = CheckWrites();
  if (!earlier.ok()) {
    return earlier;
  }
  if (buffer == nullptr) {
    return WriteNow(path, offset, data, verification);
  }
  // The copy is verified, not the original: it is what will be written. A
  // buffer that does not match is not started, and serves the next Reserve.
  memcpy(buffer, data.data(), data.size());
  const IOStatus verified =
      Verify(offset, Slice(buffer, data.size()), verification);
  if (verified.ok()) {
    behind->Start(offset, data.size(), PriorityOf(IoPriority::kAhead));
  }
  return verified;
}

IOStatus UringWritableFile::Write(uint64_t offset, const Slice& data,
                                  Verification verification) {
  assert(
      !file_->direct() ||
      (IsAligned(offset, file_->alignment) &&
       IsAligned(data.size(), file_->alignment) &&
       IsAligned(reinterpret_cast<uintptr_t>(data.data()), file_->alignment)));
  const PathChoice path = file_->writes();
  WriteBehind* const behind = WriteBehindFor(path, data.size());
  if (behind == nullptr && write_behind() == nullptr) {
    return WriteNow(path, offset, data, verification);
  }
  if (behind == nullptr) {
    const IOStatus status = LeaveWriteBehind();
    return status.ok() ? WriteNow(path, offset, data, verification) : status;
  }
  if (verification != nullptr && data.size() > WriteBehind::kWriteBytesMax) {
    // One checksum for several buffers, of which none may be written before
    // all are known to be right: the original is verified, not the copies.
    const IOStatus verified = Verify(offset, data, verification);
    if (!verified.ok()) {
      return verified;
    }
    verification = nullptr;
  }
  IOStatus status;
  for (size_t done = 0; done < data.size() && status.ok();) {
    const size_t size =
        std::min(data.size() - done, WriteBehind::kWriteBytesMax);
    status = WriteBehindPiece(behind, path, offset + done,
                              Slice(data.data() + done, size), verification);
    done += size;
  }
  return status;
}

IOStatus UringWritableFile::AppendAt(uint64_t offset, const Slice& data,
                                     Verification verification) {
  const IOStatus status = Write(offset, data, verification);
  if (!status.ok()) {
    return status;
  }
  size_.store(offset + data.size(), std::memory_order_relaxed);
  return early_write_out_ == nullptr ? IOStatus::OK() : WriteOutEarly();
}

IOStatus UringWritableFile::Truncate(uint64_t size,
                                     const IOOptions& /*options*/,
                                     IODebugContext* /*dbg*/) {
  // A write that completes after the cut would make the file longer again.
  const IOStatus status = DrainWrites();
  if (!status.ok()) {
    return status;
  }
  const int64_t result = CutFile(*file_, size);
  if (result < 0) {
    return Failed("While ftruncate file to size " + std::to_string(size),
                  result);
  }
  size_.store(size, std::memory_order_relaxed);
  return IOStatus::OK();
}

// The order is fixed. Operations in flight use the descriptor, so they end
// first. Their failures decide the size, and the size decides what is trimmed.
// The descriptor is closed last, whatever failed before.
IOStatus UringWritableFile::Close(const IOOptions& /*options*/,
                                  IODebugContext* /*dbg*/) {
  WriteBehind* const behind = write_behind();
  if (behind != nullptr) {
    behind->Finish();
  }
  const int64_t written_out = write_out_.Finish();
  if (early_write_out_ != nullptr) {
    (void)early_write_out_->Finish();  // CheckWrites has its failure
  }
  IOStatus status = CheckWrites();
  if (status.ok() && written_out < 0) {
    status = Failed("While sync_file_range", written_out);
  }
  if (behind != nullptr && behind->failure()) {
    // The file ends before the hole, even if later writes succeeded.
    size_.store(std::min(size_.load(std::memory_order_relaxed),
                         behind->failure()->offset),
                std::memory_order_relaxed);
  }
  size_t block_size = 0;
  size_t last_block = 0;
  GetPreallocationStatus(&block_size, &last_block);
  if (last_block > 0) {
    TrimPreallocation(*file_, size_.load(std::memory_order_relaxed),
                      uint64_t{block_size} * last_block, allow_fallocate_);
  }
  const int closed = file_->fd.Close();
  return status.ok() && closed < 0
             ? Failed("While closing file after writing", closed)
             : status;
}

IOStatus UringWritableFile::Flush(const IOOptions& /*options*/,
                                  IODebugContext* /*dbg*/) {
  return flush_waits_ ? DrainWrites() : CheckWrites();
}

IOStatus UringWritableFile::SyncWith(IoKind kind, StatKind stat_kind,
                                     const std::string& what) {
  // A sync covers what completed before it was submitted. After a failed write
  // there is none: it could return success for a file with a hole.
  const IOStatus status = DrainWrites();
  if (!status.ok()) {
    return status;
  }
  // The step in flight may take the report of a failed page, which the sync
  // would not get again.
  if (early_write_out_ != nullptr && early_write_out_->Finish() < 0) {
    return CheckWrites();
  }
  // Never repeated: the kernel reports a lost page to one sync only, and the
  // next one returns success.
  IoOp op;
  file_->Describe(kind, stat_kind, 0, 0, nullptr, &op);
  const int64_t result = file_->Run(&op, file_->syncs());
  return result < 0 ? Failed(what, result) : IOStatus::OK();
}

IOStatus UringWritableFile::Sync(const IOOptions& /*options*/,
                                 IODebugContext* /*dbg*/) {
  return SyncWith(IoKind::kFdatasync, StatKind::kFdatasync, "While fdatasync");
}

IOStatus UringWritableFile::Fsync(const IOOptions& /*options*/,
                                  IODebugContext* /*dbg*/) {
  return SyncWith(IoKind::kFsync, StatKind::kFsync, "While fsync");
}

void UringWritableFile::SetWriteLifeTimeHint(
    rocksdb::Env::WriteLifeTimeHint hint) {
  if (hint == write_hint_) {
    return;
  }
  // The kernel reads 64 bits.
  uint64_t value = static_cast<uint64_t>(hint);
  if (fcntl(file_->fd.get(), F_SET_RW_HINT, &value) == 0) {
    write_hint_ = hint;
  }
}

IOStatus UringWritableFile::InvalidateCache(size_t offset, size_t length) {
  const IOStatus status = DrainWrites();
  return status.ok() ? DropFromPageCache(*file_, offset, length) : status;
}

IOStatus UringWritableFile::RangeSync(uint64_t offset, uint64_t nbytes,
                                      const IOOptions& options,
                                      IODebugContext* dbg) {
  // Without the call the base class serves: a full sync if strict, else
  // nothing.
  const bool supported = write_out_.supported();
  if (early_write_out_ != nullptr) {
    // RocksDB says what to write out and when.
    early_write_out_->Stop();
  }
  const bool strict = supported && strict_bytes_per_sync_;
  const IOStatus status = strict ? DrainWrites() : CheckWrites();
  if (!status.ok()) {
    return status;
  }
  if (!supported) {
    return FSWritableFile::RangeSync(offset, nbytes, options, dbg);
  }
  const int64_t result =
      strict ? write_out_.RunStrictly(offset + nbytes)
             : write_out_.Request(offset, offset + nbytes, CompleteBelow());
  return result < 0 ? Failed("While sync_file_range", result) : IOStatus::OK();
}

IOStatus UringWritableFile::Allocate(uint64_t offset, uint64_t len,
                                     const IOOptions& /*options*/,
                                     IODebugContext* /*dbg*/) {
  if (!allow_fallocate_) {
    return IOStatus::OK();
  }
  size_t block_size = 0;
  size_t last_block = 0;
  GetPreallocationStatus(&block_size, &last_block);
  // Close cuts off only what PrepareWrite has asked for, one block behind the
  // other.
  const bool may_set_size =
      block_size > 0 && offset == uint64_t{block_size} * last_block;
  const int64_t result =
      Preallocate(*file_, offset, len, fallocate_keeps_size_, may_set_size);
  return result < 0
             ? Failed("While fallocate offset " + std::to_string(offset) +
                          " len " + std::to_string(len),
                      result)
             : IOStatus::OK();
}

}  // namespace rocksdb_uring
