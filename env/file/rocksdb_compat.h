// What differs between the RocksDB versions that the project supports, in one
// place: no other file asks for a version. Selected by RocksDB's own macros.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "rocksdb/file_system.h"
#include "rocksdb/version.h"

// True if the RocksDB that is compiled against is major.minor or newer.
#define ROCKSDB_URING_ROCKSDB_GE(major, minor) \
  (ROCKSDB_MAJOR > (major) ||                  \
   (ROCKSDB_MAJOR == (major) && ROCKSDB_MINOR >= (minor)))

#if !ROCKSDB_URING_ROCKSDB_GE(7, 8)
#error "rocksdb-uring works with RocksDB 7.8 to 11.8; these headers are older"
#endif

// `override` from RocksDB 10.5 on; before, the function is an ordinary one.
#if ROCKSDB_URING_ROCKSDB_GE(10, 5)
#define ROCKSDB_URING_OVERRIDE_SINCE_10_5 override
#else
#define ROCKSDB_URING_OVERRIDE_SINCE_10_5
#endif

// The same from 11.8 on.
#if ROCKSDB_URING_ROCKSDB_GE(11, 8)
#define ROCKSDB_URING_OVERRIDE_SINCE_11_8 override
#else
#define ROCKSDB_URING_OVERRIDE_SINCE_11_8
#endif

namespace rocksdb_uring {

namespace rocksdb = ROCKSDB_NAMESPACE;

#if ROCKSDB_URING_ROCKSDB_GE(9, 0)
using ReadAsyncCallback = std::function<void(rocksdb::FSReadRequest&, void*)>;
#else
using ReadAsyncCallback =
    std::function<void(const rocksdb::FSReadRequest&, void*)>;
#endif

using SubmitReadCallback = std::function<void(rocksdb::FSReadRequest&)>;

// Whether a null handle from ReadAsync tells RocksDB that the read is complete
// and its callback has run. From 10.7 on a MultiScan takes it for a file that
// cannot read asynchronously and reads once more, or asserts.
inline constexpr bool kNullHandleMeansDelivered =
    !ROCKSDB_URING_ROCKSDB_GE(10, 7);

// The version that is compiled against, without its last part: "7.8". Objects
// of another one are laid out in other ways.
inline std::string RocksDBVersionOfHeaders() {
  return std::to_string(ROCKSDB_MAJOR) + "." + std::to_string(ROCKSDB_MINOR);
}

// Whether a read is a compaction's, or of another whom RocksDB's rate limiter
// lets through last. A compaction that writers wait for has IO_USER.
inline bool IsBackground(const rocksdb::IOOptions& options) {
  if (options.rate_limiter_priority == rocksdb::Env::IO_LOW) {
    return true;
  }
#if ROCKSDB_URING_ROCKSDB_GE(8, 3)
  return options.rate_limiter_priority == rocksdb::Env::IO_TOTAL &&
         options.io_activity == rocksdb::Env::IOActivity::kCompaction;
#else
  return false;
#endif
}

// Whether RocksDB has promised not to read a file before the one who writes it
// has closed it. It never does before 11.5.
inline bool NobodyReadsWhileWritten(const rocksdb::FileOptions& options) {
#if ROCKSDB_URING_ROCKSDB_GE(11, 5)
  return rocksdb::HasFileOpenContract(
      options.open_contract,
      rocksdb::FileOpenContract::kNoReadersWhileOpenForWrite);
#else
  (void)options;
  return false;
#endif
}

// What the file systems of the project derive from: FileSystemWrapper, with
// what it forwards to the one below in some version and should not, and the
// other way round.
class VersionedFileSystem : public rocksdb::FileSystemWrapper {
 public:
  using FileSystemWrapper::FileSystemWrapper;

  // Whether ReadAsync of its files starts a read; nothing where it opens no
  // files itself, and the one below is to be asked. Safe for concurrent use.
  virtual std::optional<bool> ReadsAsynchronously() { return std::nullopt; }

  // FileSystemWrapper forwards neither, in no version.
  rocksdb::Status RegisterDbPaths(
      const std::vector<std::string>& paths) override {
    return target()->RegisterDbPaths(paths);
  }
  rocksdb::Status UnregisterDbPaths(
      const std::vector<std::string>& paths) override {
    return target()->UnregisterDbPaths(paths);
  }

#if ROCKSDB_URING_ROCKSDB_GE(8, 4)
  // What the files below could do does not matter, nor RocksDB's default, which
  // says that everyone reads asynchronously.
  void SupportedOps(int64_t& supported_ops) override {
    const std::optional<bool> asynchronous = ReadsAsynchronously();
    if (!asynchronous) {
      target()->SupportedOps(supported_ops);
      return;
    }
    supported_ops =
        *asynchronous ? int64_t{1} << rocksdb::FSSupportedOps::kAsyncIO : 0;
#if ROCKSDB_URING_ROCKSDB_GE(10, 8)
    // Without it Prefetch is never called.
    supported_ops |= int64_t{1} << rocksdb::FSSupportedOps::kFSPrefetch;
#endif
  }
#elif ROCKSDB_URING_ROCKSDB_GE(8, 1)
  bool use_async_io() override {
    const std::optional<bool> asynchronous = ReadsAsynchronously();
    return asynchronous ? *asynchronous : target()->use_async_io();
  }
#endif

#if ROCKSDB_URING_ROCKSDB_GE(11, 5)
  // Through ReopenWritableFile of this object, not of the one below.
  rocksdb::IOStatus SyncFile(const std::string& name,
                             const rocksdb::FileOptions& file_options,
                             const rocksdb::IOOptions& io_options,
                             bool use_fsync,
                             rocksdb::IODebugContext* dbg) override {
    return FileSystem::SyncFile(name, file_options, io_options, use_fsync, dbg);
  }
#endif

#if ROCKSDB_URING_ROCKSDB_GE(11, 8)
  // The executor below would read our files one by one on its threads. Without
  // an executor GetAsync and MultiGetAsync go through MultiRead.
  folly::IOExecutor* GetReadExecutor() override {
    const std::optional<bool> asynchronous = ReadsAsynchronously();
    if (!asynchronous) {
      return target()->GetReadExecutor();
    }
    return *asynchronous ? OwnReadExecutor() : nullptr;
  }
  // Called whenever a database is opened.
  void SetReadIOExecutorThreads(int threads) override {
    if (ReadsAsynchronously()) {
      SetOwnReadThreads(threads);
    } else {
      target()->SetReadIOExecutorThreads(threads);
    }
  }

 protected:
  // The executor of a file system that opens files itself, and the least number
  // of its threads.
  virtual folly::IOExecutor* OwnReadExecutor() { return nullptr; }
  virtual void SetOwnReadThreads(int /*threads*/) {}
#endif
};

}  // namespace rocksdb_uring
