// A file that is read and written in place: RocksDB patches the sequence number
// of ingested tables through it.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "env/file/open_file.h"
#include "env/file/rocksdb_compat.h"

namespace rocksdb_uring {

// Buffered. Safe for concurrent use, except Close. Every call waits and returns
// its own result; none is kept, as in the default file system.
class UringRandomRWFile final : public rocksdb::FSRandomRWFile {
 public:
  explicit UringRandomRWFile(std::shared_ptr<OpenFile> file)
      : file_(std::move(file)) {}

  rocksdb::IOStatus Write(uint64_t offset, const rocksdb::Slice& data,
                          const rocksdb::IOOptions& options,
                          rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus Read(uint64_t offset, size_t n,
                         const rocksdb::IOOptions& options,
                         rocksdb::Slice* result, char* scratch,
                         rocksdb::IODebugContext* dbg) const override;
  rocksdb::IOStatus Flush(const rocksdb::IOOptions& options,
                          rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus Sync(const rocksdb::IOOptions& options,
                         rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options,
                          rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus Close(const rocksdb::IOOptions& options,
                          rocksdb::IODebugContext* dbg) override;

 private:
  rocksdb::IOStatus SyncWith(IoKind kind, StatKind stat_kind,
                             const std::string& what);

  const std::shared_ptr<OpenFile> file_;
};

}  // namespace rocksdb_uring
