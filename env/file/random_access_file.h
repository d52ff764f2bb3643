// The file that RocksDB reads tables and blobs from.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>

#include "env/base/sharing.h"
#include "env/base/small_vector.h"
#include "env/file/open_file.h"
#include "env/file/page_cache_ahead.h"
#include "env/file/read_advice.h"
#include "env/file/read_ahead.h"
#include "env/file/rocksdb_compat.h"
#include "env/file/stream.h"

namespace rocksdb_uring {

// Safe for concurrent use, as FSRandomAccessFile demands. Reads keep
// IOOptions::timeout (microseconds) where rings are used (read_deadline.h):
// what has not come by then is TimedOut.
class UringRandomAccessFile final : public rocksdb::FSRandomAccessFile {
 public:
  // `file_size` in bytes; used only where the file cannot change.
  UringRandomAccessFile(std::shared_ptr<const OpenFile> file,
                        uint64_t file_size);
  ~UringRandomAccessFile() override;

  rocksdb::IOStatus Read(uint64_t offset, size_t n,
                         const rocksdb::IOOptions& options,
                         rocksdb::Slice* result, char* scratch,
                         rocksdb::IODebugContext* dbg) const override;
  // Each request gets a status and a result of its own; the call itself
  // returns OK.
  rocksdb::IOStatus MultiRead(rocksdb::FSReadRequest* requests, size_t count,
                              const rocksdb::IOOptions& options,
                              rocksdb::IODebugContext* dbg) override;
  // NotSupported where there is no ring for as long as the process lives:
  // RocksDB then reads by itself. With no ring or no room at this moment, where
  // the settings allow no ring now, and where the page cache has it all
  // (page_cache_hint.h), the read is made before the call returns; where
  // RocksDB understands it (kNullHandleMeansDelivered) the callback has run,
  // too, and the handle is null.
  rocksdb::IOStatus ReadAsync(rocksdb::FSReadRequest& request,
                              const rocksdb::IOOptions& options,
                              ReadAsyncCallback callback, void* argument,
                              void** io_handle,
                              rocksdb::IOHandleDeleter* deleter,
                              rocksdb::IODebugContext* dbg) override;
  // For a coroutine on a loop of the engine (ring_loop.h): starts the read and
  // returns true. The loop's thread calls `callback` with `request`, which must
  // stay until then; inside this call if the page cache has it all. On any
  // other thread, where the settings allow no ring now, and with a timeout, the
  // read is made by Read, the callback is called inside, and the result is
  // false.
  bool SubmitReadAsync(
      rocksdb::FSReadRequest& request, const rocksdb::IOOptions& options,
      SubmitReadCallback callback,
      rocksdb::IODebugContext* dbg) ROCKSDB_URING_OVERRIDE_SINCE_11_8;
  rocksdb::IOStatus Prefetch(uint64_t offset, size_t n,
                             const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* dbg) override;
  void Hint(AccessPattern pattern) override;
  rocksdb::IOStatus InvalidateCache(size_t offset, size_t length) override;
  size_t GetUniqueId(char* id, size_t max_size) const override;
  bool use_direct_io() const override { return file_->direct(); }
  size_t GetRequiredBufferAlignment() const override;
  rocksdb::IOStatus GetFileSize(uint64_t* result)
      ROCKSDB_URING_OVERRIDE_SINCE_10_5;

 private:
  using ReadOps = SmallVector<IoOp, 32>;

  // What a window of the read-ahead has of a read.
  struct FromWindow {
    // Its first bytes, copied.
    size_t done = 0;
    // The file ends behind them.
    bool at_end = false;
    // More was on its way at the deadline.
    bool late = false;
  };
  // Whether windows are to serve reads of `n` bytes by this path.
  bool HasWindowsFor(size_t n, const rocksdb::IOOptions& options,
                     PathChoice path) const;
  // Null if memory is short.
  ReadAhead* MakeReadAhead() const;
  void ForgetWindows() const;
  FromWindow ReadFromWindow(ReadAhead* windows, const ReadStream* stream,
                            uint64_t offset, size_t n, char* scratch,
                            const ReadTerms& terms) const;
  // What MultiRead does, for as many requests as `ops`, empty, has room for.
  void ReadPiece(rocksdb::FSReadRequest* requests, size_t count,
                 const rocksdb::IOOptions& options, ReadOps* ops);
  // Whether all `length` bytes of it were cached; it is complete then. Defined
  // in the .cc: only this class uses it.
  template <typename AnyRead>
  bool ReadFromPageCache(PathChoice path, size_t length, AnyRead* read);
  rocksdb::IOStatus ReadError(const IoOp& op) const;

  const std::shared_ptr<const OpenFile> file_;
  const uint64_t file_size_;
  // Whether windows may ever serve its reads. They need rings: they are in
  // flight while the caller works.
  const bool may_have_windows_;
  // Null where streams are not read ahead, and for direct files.
  const std::unique_ptr<PageCacheAhead> page_cache_ahead_;
  // Owned. Null until a read may be served by it: few of a database's files are
  // read in streams. Keeps the address of `streams_`.
  mutable std::atomic<ReadAhead*> read_ahead_{nullptr};
  // Of a buffered file.
  mutable ReadAdvice advice_;
  // What reads write to, on lines of its own: what every read looks at, above,
  // stays in the caches of all processors.
  alignas(kCacheLineBytes) mutable StreamHistory streams_;
  alignas(kCacheLineBytes) mutable PageCacheHint page_cache_;
};

}  // namespace rocksdb_uring
