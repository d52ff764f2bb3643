// SPDX-License-Identifier: Apache-2.0

#include "tests/faults/power/mutation.h"

#include <cstring>
#include <deque>
#include <functional>
#include <string>
#include <utility>

#include "env/base/aligned_buffer.h"

namespace rocksdb_uring {

using rocksdb::FileOptions;
using rocksdb::FileSystem;
using rocksdb::FSDirectory;
using rocksdb::FSWritableFile;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

namespace {

bool EndsWith(const std::string& text, const std::string& end) {
  return text.size() >= end.size() &&
         text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// Drops some calls.
class LossyFile : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  struct Drops {
    bool sync = false;
    bool fsync = false;
    bool truncate = false;
  };

  LossyFile(std::unique_ptr<FSWritableFile> file, Drops drops)
      : FSWritableFileOwnerWrapper(std::move(file)), drops_(drops) {}

  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    return drops_.sync ? IOStatus::OK() : target()->Sync(options, debug);
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return drops_.fsync ? IOStatus::OK() : target()->Fsync(options, debug);
  }
  IOStatus Truncate(uint64_t size, const IOOptions& options,
                    IODebugContext* debug) override {
    return drops_.truncate ? IOStatus::OK()
                           : target()->Truncate(size, options, debug);
  }

 private:
  const Drops drops_;
};

// Writes behind, and syncs before what it has not yet written.
class HastyFile : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  explicit HastyFile(std::unique_ptr<FSWritableFile> file)
      : FSWritableFileOwnerWrapper(std::move(file)) {}
  ~HastyFile() override { Drain().PermitUncheckedError(); }

  IOStatus Append(const Slice& data, const IOOptions& options,
                  IODebugContext*) override {
    Keep([this, copy = data.ToString(), options] {
      return target()->Append(copy, options, nullptr);
    });
    return IOStatus::OK();
  }
  IOStatus Append(const Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo&,
                  IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  IOStatus PositionedAppend(const Slice& data, uint64_t offset,
                            const IOOptions& options,
                            IODebugContext*) override {
    // Direct writes need aligned memory, also when they come later.
    auto copy = std::make_shared<AlignedBuffer>(data.size(), kAlignment);
    memcpy(copy->data(), data.data(), data.size());
    Keep([this, copy, size = data.size(), offset, options] {
      return target()->PositionedAppend(Slice(copy->data(), size), offset,
                                        options, nullptr);
    });
    return IOStatus::OK();
  }
  IOStatus PositionedAppend(const Slice& data, uint64_t offset,
                            const IOOptions& options,
                            const rocksdb::DataVerificationInfo&,
                            IODebugContext* debug) override {
    return PositionedAppend(data, offset, options, debug);
  }
  IOStatus Truncate(uint64_t size, const IOOptions& options,
                    IODebugContext*) override {
    Keep([this, size, options] {
      return target()->Truncate(size, options, nullptr);
    });
    return IOStatus::OK();
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    const IOStatus status = target()->Sync(options, debug);
    return status.ok() ? Drain() : status;
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    const IOStatus status = target()->Fsync(options, debug);
    return status.ok() ? Drain() : status;
  }
  IOStatus Close(const IOOptions& options, IODebugContext* debug) override {
    const IOStatus status = Drain();
    return status.ok() ? target()->Close(options, debug) : status;
  }

 private:
  static constexpr size_t kAlignment = 4096;

  void Keep(std::function<IOStatus()> call) {
    kept_.push_back(std::move(call));
  }
  IOStatus Drain() {
    IOStatus status;
    while (!kept_.empty() && status.ok()) {
      status = kept_.front()();
      kept_.pop_front();
    }
    return status;
  }

  std::deque<std::function<IOStatus()>> kept_;
};

class LossyDirectory : public rocksdb::FSDirectoryWrapper {
 public:
  using FSDirectoryWrapper::FSDirectoryWrapper;
  IOStatus Fsync(const IOOptions&, IODebugContext*) override {
    return IOStatus::OK();
  }
  IOStatus FsyncWithDirOptions(const IOOptions&, IODebugContext*,
                               const rocksdb::DirFsyncOptions&) override {
    return IOStatus::OK();
  }
};

class MutatedFileSystem : public rocksdb::FileSystemWrapper {
 public:
  MutatedFileSystem(const std::shared_ptr<FileSystem>& file_system,
                    Mutation mutation)
      : FileSystemWrapper(file_system), mutation_(mutation) {}

  const char* Name() const override { return "MutatedFileSystem"; }

  IOStatus NewWritableFile(const std::string& path, const FileOptions& options,
                           std::unique_ptr<FSWritableFile>* result,
                           IODebugContext* debug) override {
    const IOStatus status =
        target()->NewWritableFile(path, options, result, debug);
    return Wrapped(status, path, result);
  }
  IOStatus ReopenWritableFile(const std::string& path,
                              const FileOptions& options,
                              std::unique_ptr<FSWritableFile>* result,
                              IODebugContext* debug) override {
    const IOStatus status =
        target()->ReopenWritableFile(path, options, result, debug);
    return Wrapped(status, path, result);
  }
  IOStatus ReuseWritableFile(const std::string& path,
                             const std::string& old_path,
                             const FileOptions& options,
                             std::unique_ptr<FSWritableFile>* result,
                             IODebugContext* debug) override {
    const IOStatus status =
        target()->ReuseWritableFile(path, old_path, options, result, debug);
    return Wrapped(status, path, result);
  }
  IOStatus NewDirectory(const std::string& path, const IOOptions& options,
                        std::unique_ptr<FSDirectory>* result,
                        IODebugContext* debug) override {
    const IOStatus status =
        target()->NewDirectory(path, options, result, debug);
    if (status.ok() && mutation_ == Mutation::kDropDirectorySync) {
      *result = std::make_unique<LossyDirectory>(std::move(*result));
    }
    return status;
  }

 private:
  IOStatus Wrapped(const IOStatus& status, const std::string& path,
                   std::unique_ptr<FSWritableFile>* result) const {
    if (!status.ok()) {
      return status;
    }
    const bool is_table = EndsWith(path, ".sst");
    const bool is_blob = EndsWith(path, ".blob");
    const bool is_log = EndsWith(path, ".log");
    const bool is_manifest = path.find("MANIFEST-") != std::string::npos;
    LossyFile::Drops drops;
    drops.sync = (mutation_ == Mutation::kDropWalSync && is_log) ||
                 (mutation_ == Mutation::kDropManifestSync && is_manifest) ||
                 (mutation_ == Mutation::kDropTableSync && is_table) ||
                 (mutation_ == Mutation::kDropBlobSync && is_blob);
    drops.fsync = drops.sync || (mutation_ == Mutation::kDropFsync && is_table);
    drops.truncate = mutation_ == Mutation::kDropTruncate && is_table;
    if (mutation_ == Mutation::kSyncBeforeWrites && is_table) {
      *result = std::make_unique<HastyFile>(std::move(*result));
    } else {
      *result = std::make_unique<LossyFile>(std::move(*result), drops);
    }
    return status;
  }

  const Mutation mutation_;
};

}  // namespace

const char* MutationName(Mutation mutation) {
  switch (mutation) {
    case Mutation::kNone:
      return "None";
    case Mutation::kDropWalSync:
      return "DropWalSync";
    case Mutation::kDropManifestSync:
      return "DropManifestSync";
    case Mutation::kDropTableSync:
      return "DropTableSync";
    case Mutation::kDropBlobSync:
      return "DropBlobSync";
    case Mutation::kSyncBeforeWrites:
      return "SyncBeforeWrites";
    case Mutation::kSyncBeforeCompletions:
      return "SyncBeforeCompletions";
    case Mutation::kDropTruncate:
      return "DropTruncate";
    case Mutation::kDropFsync:
      return "DropFsync";
    case Mutation::kDropDirectorySync:
      return "DropDirectorySync";
  }
  return "Unknown";
}

std::shared_ptr<FileSystem> Mutate(
    const std::shared_ptr<FileSystem>& file_system, Mutation mutation) {
  return std::make_shared<MutatedFileSystem>(file_system, mutation);
}

}  // namespace rocksdb_uring
