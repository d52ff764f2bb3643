// The engine that serves one file system, and the reports about it.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "env/base/mutex.h"
#include "env/engine/shared_engine.h"
#include "env/file/rocksdb_compat.h"
#include "env/fs/control_file.h"
#include "env/fs/live_control.h"
#include "env/fs/options.h"
#include "env/fs/read_executor.h"
#include "env/fs/reports.h"

namespace rocksdb_uring {

// Acquires the engine of the process by the file system's options, acquires a
// new one in a forked child, makes the reports and watches the control file
// that the options name. Safe for concurrent use.
class FileSystemEngine {
 public:
  // `options` are those of the file system; not owned. They must not change
  // after Start, which sets those of the engine to the values in force.
  explicit FileSystemEngine(FileSystemOptions* options);
  // Writes the files of the reports a last time.
  ~FileSystemEngine();
  FileSystemEngine(const FileSystemEngine&) = delete;
  FileSystemEngine& operator=(const FileSystemEngine&) = delete;

  // Acquires the engine, unless the file system is switched off, and starts
  // with the reports and the control file. InvalidArgument if the engine runs
  // with other options, NotSupported if fallback=require cannot be met.
  rocksdb::Status Start() URING_EXCLUDES(mutex_);

  // The engine of this process. Null if the file system is switched off, and if
  // there is none; then `*status` is that of Start.
  std::shared_ptr<SharedEngine> Get(rocksdb::Status* status)
      URING_EXCLUDES(mutex_);

  // Whether the engine of this process takes asynchronous operations now.
  // RocksDB 9 and newer ask for every block that they fetch: no lock, and
  // nothing shared is written to, once there is an engine.
  bool asynchronous() URING_EXCLUDES(mutex_);

#if ROCKSDB_URING_COROUTINES
  // Runs coroutines in this process; null if there can be no thread with a
  // ring, and with executor_threads=0. Starts its threads with the first call,
  // and takes no lock afterwards.
  folly::IOExecutor* read_executor() URING_EXCLUDES(mutex_);
  // The executor has at least so many threads, unless executor_threads=0.
  void SetReadThreads(size_t threads) URING_EXCLUDES(mutex_);
#endif

  // Why POSIX serves. `engine` is what Get returned.
  FallbackState WhyPosix(const SharedEngine* engine) const;
  // Statistics as in the statistics file, and as in that of Prometheus.
  std::string StatisticsJson() URING_EXCLUDES(mutex_);
  std::string PrometheusText() URING_EXCLUDES(mutex_);
  // Changes the settings of the file system.
  LiveControl* control() { return &control_; }

  // Around fork(), so that the child finds everything unlocked.
  void LockForFork() URING_ACQUIRE(mutex_) { mutex_.Lock(); }
  void UnlockAfterFork() URING_RELEASE(mutex_) { mutex_.Unlock(); }

 private:
  rocksdb::Status Acquire() URING_REQUIRES(mutex_);
  void StartReporting() URING_REQUIRES(mutex_);
  void StartControl() URING_REQUIRES(mutex_);
  std::string Json(const SharedEngine* engine) const;
  std::string Prometheus(const SharedEngine* engine, bool label_process) const;

  FileSystemOptions* const options_;
  LiveControl control_;
  Mutex mutex_{SharedBy::kFileSystem};
  std::shared_ptr<SharedEngine> engine_ URING_GUARDED_BY(mutex_);
  // The same for threads without the lock. What it points to lives as long as
  // this object: only a forked child replaces the engine, and never destroys
  // that of its parent.
  std::atomic<SharedEngine*> published_{nullptr};
  // After `engine_`: its destructor still reports on the engine.
  std::unique_ptr<Reports> reports_ URING_GUARDED_BY(mutex_);
  std::unique_ptr<ControlFile> control_file_ URING_GUARDED_BY(mutex_);
#if ROCKSDB_URING_COROUTINES
  ReadExecutor* StartReadExecutor() URING_EXCLUDES(mutex_);

  size_t read_threads_ URING_GUARDED_BY(mutex_) = 0;
  // Owned, and set with the lock held. A forked child makes its own and leaves
  // that of its parent alone, as it does with the engine.
  std::atomic<ReadExecutor*> read_executor_{nullptr};
#endif
};

}  // namespace rocksdb_uring
