// The file that RocksDB writes: tables, blobs, WAL, MANIFEST and all others.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "env/file/early_write_out.h"
#include "env/file/open_file.h"
#include "env/file/rocksdb_compat.h"
#include "env/file/write_behind.h"
#include "env/file/write_out.h"

namespace rocksdb_uring {

// Appends to tables and blobs may be in flight when Append returns; all other
// files are written before it does. What Flush, RangeSync, Sync and Close wait
// for is in plugin/README.md ("What it does with a write").
//
// Errors: a call that waits returns its own failure and keeps nothing, so that
// later calls answer as those of the default file system do: RocksDB decides
// whether the file goes on (a WAL does, after ENOSPC and Resume). Bytes that
// were in flight when Append returned exist nowhere else: the first such write
// that fails makes every later call fail, and no sync is tried. A
// sync_file_range in flight that fails is returned once, by the next RangeSync
// or by Close; the kernel keeps that error for the next sync as well.
//
// REQUIRES: external synchronization, except that Sync and Fsync may run beside
// Append and Flush.
class UringWritableFile final : public rocksdb::FSWritableFile {
 public:
  // `size`: bytes that the file holds already, behind which Append writes.
  UringWritableFile(std::shared_ptr<OpenFile> file,
                    const rocksdb::FileOptions& options, uint64_t size);
  // Closes the file if Close was never called.
  ~UringWritableFile() override;

  // `data` is the caller's again when these return.
  rocksdb::IOStatus Append(const rocksdb::Slice& data,
                           const rocksdb::IOOptions& /*options*/,
                           rocksdb::IODebugContext* /*dbg*/) override {
    return AppendAt(size_.load(std::memory_order_relaxed), data, nullptr);
  }
  // Corruption, and nothing is written, if the data do not match the checksum
  // that was handed over.
  rocksdb::IOStatus Append(const rocksdb::Slice& data,
                           const rocksdb::IOOptions& /*options*/,
                           const rocksdb::DataVerificationInfo& verification,
                           rocksdb::IODebugContext* /*dbg*/) override {
    return AppendAt(size_.load(std::memory_order_relaxed), data, &verification);
  }
  rocksdb::IOStatus PositionedAppend(
      const rocksdb::Slice& data, uint64_t offset,
      const rocksdb::IOOptions& /*options*/,
      rocksdb::IODebugContext* /*dbg*/) override {
    return AppendAt(offset, data, nullptr);
  }
  rocksdb::IOStatus PositionedAppend(
      const rocksdb::Slice& data, uint64_t offset,
      const rocksdb::IOOptions& /*options*/,
      const rocksdb::DataVerificationInfo& verification,
      rocksdb::IODebugContext* /*dbg*/) override {
    return AppendAt(offset, data, &verification);
  }
  rocksdb::IOStatus Truncate(uint64_t size, const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus Close(const rocksdb::IOOptions& options,
                          rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus Flush(const rocksdb::IOOptions& options,
                          rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus Sync(const rocksdb::IOOptions& options,
                         rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options,
                          rocksdb::IODebugContext* dbg) override;
  bool IsSyncThreadSafe() const override { return true; }
  bool use_direct_io() const override { return file_->direct(); }
  size_t GetRequiredBufferAlignment() const override {
    return file_->buffer_alignment();
  }
  void SetWriteLifeTimeHint(rocksdb::Env::WriteLifeTimeHint hint) override;
  uint64_t GetFileSize(const rocksdb::IOOptions& /*options*/,
                       rocksdb::IODebugContext* /*dbg*/) override {
    return size_.load(std::memory_order_relaxed);
  }
  size_t GetUniqueId(char* id, size_t max_size) const override {
    return GetUniqueIdOf(file_->fd.get(), id, max_size);
  }
  rocksdb::IOStatus InvalidateCache(size_t offset, size_t length) override;
  // Does not wait for the device, unless the options say strict_bytes_per_sync.
  rocksdb::IOStatus RangeSync(uint64_t offset, uint64_t nbytes,
                              const rocksdb::IOOptions& options,
                              rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus Allocate(uint64_t offset, uint64_t len,
                             const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* dbg) override;

 private:
  using Verification = const rocksdb::DataVerificationInfo*;

  // The status of a call that has failed with `result`, a negated errno.
  rocksdb::IOStatus Failed(const std::string& what, int64_t result) const;
  // The first write in flight that is known to have failed, or OK.
  rocksdb::IOStatus CheckWrites();
  // The same, after all writes that were started have completed.
  rocksdb::IOStatus DrainWrites();
  // The same, and returns the buffers; of a closed file nothing is known.
  // REQUIRES: write_behind() != nullptr.
  rocksdb::IOStatus LeaveWriteBehind();
  // The kernel has all of the file below this offset.
  uint64_t CompleteBelow();
  // The file has grown. Starts its write-out if a step is due.
  rocksdb::IOStatus WriteOutEarly();

  rocksdb::IOStatus AppendAt(uint64_t offset, const rocksdb::Slice& data,
                             Verification verification);
  rocksdb::IOStatus Write(uint64_t offset, const rocksdb::Slice& data,
                          Verification verification);
  // For an append by `path`; null if it is to be written before it returns.
  WriteBehind* WriteBehindFor(PathChoice path, size_t size);
  // Of the next write: `otherwise` if the file is not a compaction's.
  IoPriority PriorityOf(IoPriority otherwise);
  rocksdb::IOStatus WriteBehindPiece(WriteBehind* behind, PathChoice path,
                                     uint64_t offset,
                                     const rocksdb::Slice& data,
                                     Verification verification);
  rocksdb::IOStatus WriteNow(PathChoice path, uint64_t offset,
                             const rocksdb::Slice& data,
                             Verification verification);
  rocksdb::IOStatus Verify(uint64_t offset, const rocksdb::Slice& data,
                           Verification verification) const;
  rocksdb::IOStatus SyncWith(IoKind kind, StatKind stat_kind,
                             const std::string& what);

  const std::shared_ptr<OpenFile> file_;
  const bool allow_fallocate_;
  const bool fallocate_keeps_size_;
  const bool verifies_crc32c_;
  const bool flush_waits_;
  WriteBehind* write_behind() const {
    return write_behind_.load(std::memory_order_acquire);
  }
  // Owned. Null until an append is to be in flight when it returns: that append
  // makes it, and a sync beside it may read the pointer.
  std::atomic<WriteBehind*> write_behind_{nullptr};
  WriteOut write_out_;
  // Null where nothing is ever written out before a sync or RangeSync.
  std::unique_ptr<EarlyWriteOut> early_write_out_;
  std::atomic<uint64_t> size_;
};

}  // namespace rocksdb_uring
