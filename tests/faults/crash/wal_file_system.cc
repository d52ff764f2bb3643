// SPDX-License-Identifier: Apache-2.0

#include "tests/faults/crash/wal_file_system.h"

#include <string>
#include <utility>

#include "env/base/mutex.h"
#include "env/file/file_kind.h"

namespace rocksdb_uring {

using rocksdb::FileOptions;
using rocksdb::FileSystem;
using rocksdb::FSWritableFile;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

namespace {

constexpr size_t kBehindMax = 16 << 10;

class UnflushedFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  using FSWritableFileOwnerWrapper::FSWritableFileOwnerWrapper;

  IOStatus Append(const Slice& data, const IOOptions& options,
                  IODebugContext* dbg) override {
    MutexLock lock(&mutex_);
    behind_.append(data.data(), data.size());
    return behind_.size() > kBehindMax ? WriteBehind(options, dbg)
                                       : IOStatus::OK();
  }
  IOStatus Append(const Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo& /*info*/,
                  IODebugContext* dbg) override {
    return Append(data, options, dbg);
  }

  // The mistake.
  IOStatus Flush(const IOOptions& /*options*/,
                 IODebugContext* /*dbg*/) override {
    return IOStatus::OK();
  }

  IOStatus Sync(const IOOptions& options, IODebugContext* dbg) override {
    const IOStatus status = CatchUp(options, dbg);
    return status.ok() ? target()->Sync(options, dbg) : status;
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* dbg) override {
    const IOStatus status = CatchUp(options, dbg);
    return status.ok() ? target()->Fsync(options, dbg) : status;
  }
  IOStatus Close(const IOOptions& options, IODebugContext* dbg) override {
    const IOStatus status = CatchUp(options, dbg);
    return status.ok() ? target()->Close(options, dbg) : status;
  }

 private:
  IOStatus CatchUp(const IOOptions& options, IODebugContext* dbg) {
    MutexLock lock(&mutex_);
    return WriteBehind(options, dbg);
  }
  IOStatus WriteBehind(const IOOptions& options, IODebugContext* dbg)
      URING_REQUIRES(mutex_) {
    const std::string bytes = std::exchange(behind_, std::string());
    return bytes.empty() ? IOStatus::OK()
                         : target()->Append(bytes, options, dbg);
  }

  Mutex mutex_;
  std::string behind_ URING_GUARDED_BY(mutex_);
};

class UntrimmedFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  using FSWritableFileOwnerWrapper::FSWritableFileOwnerWrapper;

  void PrepareWrite(size_t /*offset*/, size_t /*length*/,
                    const IOOptions& /*options*/,
                    IODebugContext* /*dbg*/) override {}
};

// Wraps the WALs that are opened for writing.
template <typename File>
class WalFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  using FileSystemWrapper::FileSystemWrapper;

  const char* Name() const override { return "WalFileSystem"; }

  IOStatus NewWritableFile(const std::string& name, const FileOptions& options,
                           std::unique_ptr<FSWritableFile>* result,
                           IODebugContext* dbg) override {
    return Wrap(name, target()->NewWritableFile(name, options, result, dbg),
                result);
  }
  IOStatus ReuseWritableFile(const std::string& name,
                             const std::string& old_name,
                             const FileOptions& options,
                             std::unique_ptr<FSWritableFile>* result,
                             IODebugContext* dbg) override {
    return Wrap(
        name, target()->ReuseWritableFile(name, old_name, options, result, dbg),
        result);
  }

 private:
  static IOStatus Wrap(const std::string& name, const IOStatus& opened,
                       std::unique_ptr<FSWritableFile>* result) {
    if (opened.ok() && ClassifyFile(name) == FileKind::kWal) {
      *result = std::make_unique<File>(std::move(*result));
    }
    return opened;
  }
};

}  // namespace

std::shared_ptr<FileSystem> WithUnflushedWal(
    const std::shared_ptr<FileSystem>& base) {
  return std::make_shared<WalFileSystem<UnflushedFile>>(base);
}

std::shared_ptr<FileSystem> WithUntrimmedWal(
    const std::shared_ptr<FileSystem>& base) {
  return std::make_shared<WalFileSystem<UntrimmedFile>>(base);
}

}  // namespace rocksdb_uring
