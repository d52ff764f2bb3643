// The FileSystem that RocksDB uses.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "env/file/open_file.h"
#include "env/file/rocksdb_compat.h"
#include "env/fs/configured_file_system.h"
#include "env/fs/file_system_engine.h"
#include "env/fs/options.h"
#include "env/fs/removed_files.h"

namespace rocksdb_uring {

// Opens files and directories itself, and reads, writes and syncs them through
// the shared engine. Passes names, attributes, locks and memory-mapped files on
// to the default file system below it. Safe for concurrent use.
class UringFileSystem final : public ConfiguredFileSystem {
 public:
  // `base` must be RocksDB's POSIX file system, because this class opens files
  // without it, and must not be a uring file system. Null means
  // FileSystem::Default(). Options are set by ConfigureFromMap or
  // ConfigureFromString, and take effect in PrepareOptions.
  explicit UringFileSystem(const std::shared_ptr<rocksdb::FileSystem>& base);

  // Creates a file system and configures it (ConfiguredFileSystem::Configure).
  static rocksdb::Status Create(const std::string& text, bool ready,
                                std::unique_ptr<UringFileSystem>* result);

  static const char* kClassName() { return "UringFileSystem"; }
  static const char* kNickName() { return kFileSystemId; }
  const char* Name() const override { return kClassName(); }
  const char* NickName() const override { return kNickName(); }
  // This id and the options, as a string, re-create the object.
  std::string GetId() const override { return kNickName(); }

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
  // The name is gone when it returns, the blocks of a large table or blob file
  // soon after (removed_files.h).
  rocksdb::IOStatus DeleteFile(const std::string& name,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* dbg) override;
  // The base file system's logger, with one line about how reads are served,
  // and one for each change of the settings while it exists.
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

  // True while the engine is on rings, and `reads` and `share` allow them.
  std::optional<bool> ReadsAsynchronously() override;

  // Statistics as in the statistics file.
  std::string StatisticsJson() { return engine_.StatisticsJson(); }
  // The same for Prometheus.
  std::string PrometheusText() { return engine_.PrometheusText(); }

 protected:
  rocksdb::Status Start() override;
  rocksdb::Status ChangeSettings(
      const std::unordered_map<std::string, std::string>& values) override {
    return engine_.control()->Change(values);
  }
#if ROCKSDB_URING_ROCKSDB_GE(11, 8) && ROCKSDB_URING_COROUTINES
  // Without a ring there is no executor, and RocksDB reads on the threads of
  // its callers: those of an executor would do it one read after the other.
  folly::IOExecutor* OwnReadExecutor() override {
    return engine_.read_executor();
  }
  void SetOwnReadThreads(int threads) override {
    engine_.SetReadThreads(static_cast<size_t>(std::max(threads, 0)));
  }
#endif

 private:
  // ROCKSDB_URING=off: the base file system serves everything.
  bool switched_off() const { return options().switched_off; }
  // For a new log of RocksDB: how reads are served, and what differs from the
  // defaults.
  void LogPath(rocksdb::Logger* logger);
  void LogPolling(const std::string& name, rocksdb::Logger* logger);
  void LogSettings(rocksdb::Logger* logger);
  // What a file of this file system needs.
  rocksdb::IOStatus Context(FileContext* context);
  // Opens a file with `open`, which gets that, and counts it. Defined in the
  // .cc: only this class uses it.
  template <typename Open>
  rocksdb::IOStatus OpenWith(const Open& open);
  bool ServesWritesOf(const rocksdb::FileOptions& options) const {
    return !switched_off() && !options.use_mmap_writes;
  }
  rocksdb::Status CheckBase() const;

  FileSystemEngine engine_;
  RemovedFiles removed_;
};

}  // namespace rocksdb_uring
