// A directory, opened to make the names in it durable.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "env/file/open_file.h"
#include "env/file/rocksdb_compat.h"

namespace rocksdb_uring {

// Fsync is safe for concurrent use.
class UringDirectory final : public rocksdb::FSDirectory {
 public:
  static rocksdb::IOStatus Open(const std::string& name,
                                const FileContext& context,
                                std::unique_ptr<rocksdb::FSDirectory>* result);

  rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options,
                          rocksdb::IODebugContext* dbg) override;
  // On btrfs a new file's sync makes its name durable, and after a rename
  // syncing the new file does: what the default file system leaves out is left
  // out here, unless IOOptions::force_dir_fsync is set.
  rocksdb::IOStatus FsyncWithDirOptions(
      const rocksdb::IOOptions& options, rocksdb::IODebugContext* dbg,
      const rocksdb::DirFsyncOptions& dir_options) override;
  rocksdb::IOStatus Close(const rocksdb::IOOptions& options,
                          rocksdb::IODebugContext* dbg) override;

 private:
  UringDirectory(std::shared_ptr<OpenFile> file, bool on_btrfs)
      : file_(std::move(file)), on_btrfs_(on_btrfs) {}

  rocksdb::IOStatus SyncRenamed(const std::string& name) const;

  const std::shared_ptr<OpenFile> file_;
  const bool on_btrfs_;
};

}  // namespace rocksdb_uring
