// Syncs of a directory, and where filesystems need none.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/file/directory.h"

#include <linux/magic.h>
#include <sys/vfs.h>

#include "env/file/io_status.h"

namespace rocksdb_uring {

using rocksdb::DirFsyncOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

namespace {

int64_t SyncFile(const OpenFile& file) {
  IoOp op;
  file.Describe(IoKind::kFsync, StatKind::kFsync, 0, 0, nullptr, &op);
  return file.Run(&op, file.syncs());
}

}  // namespace

IOStatus UringDirectory::Open(const std::string& name,
                              const FileContext& context,
                              std::unique_ptr<rocksdb::FSDirectory>* result) {
  std::shared_ptr<OpenFile> file;
  const IOStatus status =
      OpenToSync(name, "While open directory", context, &file);
  if (!status.ok()) {
    return status;
  }
  struct statfs attributes = {};
  const bool on_btrfs = fstatfs(file->fd.get(), &attributes) == 0 &&
                        attributes.f_type == BTRFS_SUPER_MAGIC;
  result->reset(new UringDirectory(std::move(file), on_btrfs));
  return status;
}

IOStatus UringDirectory::Fsync(const IOOptions& options, IODebugContext* dbg) {
  return FsyncWithDirOptions(options, dbg, DirFsyncOptions());
}

IOStatus UringDirectory::SyncRenamed(const std::string& name) const {
  std::shared_ptr<OpenFile> renamed;
  const IOStatus status =
      OpenToSync(name, "While open renaming file",
                 FileContext{file_->policy, file_->engine}, &renamed);
  if (!status.ok()) {
    return status;
  }
  const int64_t result = SyncFile(*renamed);
  return result < 0 ? MakeIOStatus("While fsync renaming file", name,
                                   Errno::FromResult(result))
                    : IOStatus::OK();
}

IOStatus UringDirectory::FsyncWithDirOptions(
    const IOOptions& options, IODebugContext* /*dbg*/,
    const DirFsyncOptions& dir_options) {
  if (on_btrfs_ && !options.force_dir_fsync) {
    if (dir_options.reason == DirFsyncOptions::kNewFileSynced) {
      return IOStatus::OK();
    }
    if (dir_options.reason == DirFsyncOptions::kFileRenamed) {
      return SyncRenamed(dir_options.renamed_new_name);
    }
  }
  if (!file_->fd.valid()) {
    // As in the default file system: once closed, there is nothing to sync.
    return IOStatus::OK();
  }
  const int64_t result = SyncFile(*file_);
  // Reported once, as the kernel does: a directory object lives as long as its
  // database, which may recover from the error. A failure that stayed would
  // make every later flush and compaction fail.
  return result < 0 ? MakeIOStatus("While fsync a directory", file_->name,
                                   Errno::FromResult(result))
                    : IOStatus::OK();
}

IOStatus UringDirectory::Close(const IOOptions& /*options*/,
                               IODebugContext* /*dbg*/) {
  const int closed = file_->fd.Close();
  return closed < 0 ? MakeIOStatus("While closing directory", file_->name,
                                   Errno::FromResult(closed))
                    : IOStatus::OK();
}

}  // namespace rocksdb_uring
