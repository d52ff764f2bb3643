// The FileSystem that RocksDB uses.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "env/base/mutex.h"
#include "env/engine/shared_engine.h"
#include "env/file/open_file.h"
#include "env/file/rocksdb_compat.h"
#include "env/fs/options.h"
#include "env/fs/stats_file.h"

namespace rocksdb_uring {

// Opens files and directories itself, and reads, writes and syncs them through
// the shared engine. Passes names, attributes, locks and memory-mapped files on
// to the default file system below it. Safe for concurrent use.
class UringFileSystem final : public VersionedFileSystem {
 public:
  // `base` must be RocksDB's POSIX file system, because this class opens files
  // without it, and must not be a uring file system. Null means
  // FileSystem::Default(). Options are set by ConfigureFromMap or
  // ConfigureFromString, and take effect in PrepareOptions.
  explicit UringFileSystem(const std::shared_ptr<rocksdb::FileSystem>& base);
  ~UringFileSystem() override;

  // Creates a file system with the options of the environment (ROCKSDB_URING,
  // ROCKSDB_URING_OPTIONS), overridden by those of `text`, in any form that
  // ParseOptionText accepts. If `ready`, also prepares it; otherwise more
  // options may follow.
  static rocksdb::Status Create(const std::string& text, bool ready,
                                std::unique_ptr<UringFileSystem>* result);
  // What Create does to a new object. Needs Env::Default(), as every parser of
  // RocksDB's options does.
  // REQUIRES: external synchronization, and no other call before it.
  rocksdb::Status Configure(const std::string& text, bool ready);

  static const char* kClassName() { return "UringFileSystem"; }
  static const char* kNickName() { return kFileSystemId; }
  const char* Name() const override { return kClassName(); }
  const char* NickName() const override { return kNickName(); }
  // This id and the options, as a string, re-create the object.
  std::string GetId() const override { return kNickName(); }
  rocksdb::Status PrepareOptions(const rocksdb::ConfigOptions& config) override;

  // Files that are not regular files (pipes, terminals, devices) are opened by
  // the base file system, for reading and for writing.
  rocksdb::IOStatus NewSequentialFile(
      const std::string& name, const rocksdb::FileOptions& options,
      std::unique_ptr<rocksdb::FSSequentialFile>* result,
      rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus NewRandomAccessFile(
      const std::string& name, const rocksdb::FileOptions& options,
      std::unique_ptr<rocksdb::FSRandomAccessFile>* result,
      rocksdb::IODebugContext* dbg) override;
  // Memory-mapped files are opened by the base file system too.
  rocksdb::IOStatus NewWritableFile(
      const std::string& name, const rocksdb::FileOptions& options,
      std::unique_ptr<rocksdb::FSWritableFile>* result,
      rocksdb::IODebugContext* dbg) override;
  // Appends to the existing content.
  rocksdb::IOStatus ReopenWritableFile(
      const std::string& name, const rocksdb::FileOptions& options,
      std::unique_ptr<rocksdb::FSWritableFile>* result,
      rocksdb::IODebugContext* dbg) override;
  // Writes from the beginning of the renamed file and keeps its blocks.
  rocksdb::IOStatus ReuseWritableFile(
      const std::string& name, const std::string& old_name,
      const rocksdb::FileOptions& options,
      std::unique_ptr<rocksdb::FSWritableFile>* result,
      rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus NewRandomRWFile(
      const std::string& name, const rocksdb::FileOptions& options,
      std::unique_ptr<rocksdb::FSRandomRWFile>* result,
      rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus NewDirectory(const std::string& name,
                                 const rocksdb::IOOptions& options,
                                 std::unique_ptr<rocksdb::FSDirectory>* result,
                                 rocksdb::IODebugContext* dbg) override;
  // The base file system's logger, with one line about how reads are served.
  rocksdb::IOStatus NewLogger(const std::string& name,
                              const rocksdb::IOOptions& options,
                              std::shared_ptr<rocksdb::Logger>* result,
                              rocksdb::IODebugContext* dbg) override;

  // Waits for every handle, whatever `min_completions` says, as the default
  // file system does, and runs the callbacks that have not run yet.
  rocksdb::IOStatus Poll(std::vector<void*>& handles,
                         size_t min_completions) override;
  // Ends the reads, early if possible, and runs their callbacks. Afterwards
  // nothing writes to their buffers.
  rocksdb::IOStatus AbortIO(std::vector<void*>& handles) override;

  // True while the engine is on rings and `reads` allows them.
  std::optional<bool> ReadsAsynchronously() override;

  // Around fork(), so that the child finds everything unlocked.
  void LockForFork() URING_ACQUIRE(mutex_) { mutex_.Lock(); }
  void UnlockAfterFork() URING_RELEASE(mutex_) { mutex_.Unlock(); }

  // Statistics as in the statistics file.
  std::string StatisticsJson() URING_EXCLUDES(mutex_);

 protected:
  // Rejects text that names no option; RocksDB would ignore it.
  rocksdb::Status ParseStringOptions(const rocksdb::ConfigOptions& config,
                                     const std::string& text) override;
  // Opens and starts nothing before the whole configuration is accepted.
  rocksdb::Status ConfigureOptions(
      const rocksdb::ConfigOptions& config,
      const std::unordered_map<std::string, std::string>& options,
      std::unordered_map<std::string, std::string>* unused) override;

 private:
  // ROCKSDB_URING=off: the base file system serves everything.
  bool switched_off() const { return switched_off_; }
  // The engine of this process; null, with `*status` set, if there is none.
  std::shared_ptr<SharedEngine> Engine(rocksdb::Status* status)
      URING_EXCLUDES(mutex_);
  rocksdb::Status AcquireEngine() URING_REQUIRES(mutex_);
  // What a file of this file system needs.
  rocksdb::IOStatus Context(FileContext* context) URING_EXCLUDES(mutex_);
  // Opens a file with `open`, which gets that, and counts it. Defined in the
  // .cc: only this class uses it.
  template <typename Open>
  rocksdb::IOStatus OpenWith(const Open& open) URING_EXCLUDES(mutex_);
  bool ServesWritesOf(const rocksdb::FileOptions& options) const {
    return !switched_off() && !options.use_mmap_writes;
  }
  rocksdb::Status ConfigureFromText(const rocksdb::ConfigOptions& config,
                                    const std::string& text);
  rocksdb::Status CheckBase() const;
  void StartReporting() URING_REQUIRES(mutex_);
  std::string Report(const SharedEngine* engine) const;
  FallbackState WhyPosix(const SharedEngine* engine) const;

  FileSystemOptions options_;
  // Options are being set; preparing must wait.
  bool configuring_ = false;
  bool switched_off_ = false;

  mutable Mutex mutex_{SharedBy::kFileSystem};
  std::shared_ptr<SharedEngine> engine_ URING_GUARDED_BY(mutex_);
  // The same for threads that have no lock: RocksDB 9 asks for every block that
  // it fetches whether reads are asynchronous. What it points to lives as long
  // as this object: only a forked child replaces it, and there the parent's
  // engine is never destroyed.
  std::atomic<SharedEngine*> published_engine_{nullptr};
  // After `engine_`: its destructor still reports on the engine.
  std::unique_ptr<StatsFile> stats_file_ URING_GUARDED_BY(mutex_);
};

}  // namespace rocksdb_uring
