// The file that RocksDB reads from front to back: WAL and MANIFEST at
// recovery, CURRENT, OPTIONS, and WALs that are still growing.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "env/file/open_file.h"
#include "env/file/rocksdb_compat.h"

namespace rocksdb_uring {

// REQUIRES: external synchronization.
//
// Keeps nothing between calls but the position: a read gives what the kernel
// holds at that moment, and goes on where it stopped when the file has grown
// since. A tailing reader depends on both.
class UringSequentialFile final : public rocksdb::FSSequentialFile {
 public:
  explicit UringSequentialFile(std::shared_ptr<const OpenFile> file)
      : file_(std::move(file)) {}

  rocksdb::IOStatus Read(size_t n, const rocksdb::IOOptions& options,
                         rocksdb::Slice* result, char* scratch,
                         rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus PositionedRead(uint64_t offset, size_t n,
                                   const rocksdb::IOOptions& options,
                                   rocksdb::Slice* result, char* scratch,
                                   rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus Skip(uint64_t n) override;
  rocksdb::IOStatus InvalidateCache(size_t offset, size_t length) override;
  bool use_direct_io() const override { return file_->direct(); }
  size_t GetRequiredBufferAlignment() const override;

 private:
  rocksdb::IOStatus ReadAt(uint64_t offset, size_t n,
                           const std::string& context, rocksdb::Slice* result,
                           char* scratch);

  const std::shared_ptr<const OpenFile> file_;
  uint64_t position_ = 0;
};

}  // namespace rocksdb_uring
