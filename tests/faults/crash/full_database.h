// A database on a filesystem that gets full, and has space again.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "env/base/mutex.h"
#include "rocksdb/db.h"
#include "rocksdb/env.h"
#include "rocksdb/listener.h"
#include "tests/faults/crash/loop_filesystem.h"

namespace rocksdb_uring {

// Notes background errors, and whether the database recovers by itself.
class ErrorListener final : public rocksdb::EventListener {
 public:
  explicit ErrorListener(bool recovers) : recovers_(recovers) {}

  void OnBackgroundError(rocksdb::BackgroundErrorReason reason,
                         rocksdb::Status* status) override
      URING_EXCLUDES(mutex_);
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason reason,
                            rocksdb::Status status, bool* recover) override;
  void OnErrorRecoveryCompleted(rocksdb::Status old_error) override
      URING_EXCLUDES(mutex_);

  // Reason and status of the first error; empty if there was none.
  std::string first_error() const URING_EXCLUDES(mutex_);
  // Blocks until the database has recovered by itself.
  void AwaitRecovery() URING_EXCLUDES(mutex_);

 private:
  const bool recovers_;
  mutable Mutex mutex_;
  CondVar changed_;
  std::string first_error_ URING_GUARDED_BY(mutex_);
  bool recovered_ URING_GUARDED_BY(mutex_) = false;
};

struct FullDatabaseSetup {
  bool direct = false;
  // Whether the database may recover by itself, or waits for Resume.
  bool recovers = false;
  // Whether space is allocated ahead of writes.
  bool preallocates = true;
};

// What it goes through is noted step by step, so that two runs, on two file
// systems, can be compared. Failed steps are no failures of the test; lost
// writes are.
class FullDatabase {
 public:
  // The filesystem's size and that of a memtable, which is never full.
  static constexpr uint64_t kDiskBytes = 64 << 20;
  static constexpr size_t kMemtableBytes = 16 << 20;

  // `env` must outlive it.
  FullDatabase(rocksdb::Env* env, const FullDatabaseSetup& setup);
  ~FullDatabase();

  // Puts keys of about 1 KiB in the model if they are acknowledged, until
  // `count` are or one fails; notes the status of the last one as `step`.
  void Put(const std::string& step, size_t count,
           const rocksdb::WriteOptions& options = rocksdb::WriteOptions());
  void Flush(const std::string& step);
  void Compact(const std::string& step);
  void LeaveFree(uint64_t bytes) { disk_.LeaveFree(bytes); }
  void FreeAll() { disk_.FreeAll(); }
  void NoteBackgroundError();
  void Resume();
  void AwaitRecovery() { listener_->AwaitRecovery(); }
  // All acknowledged keys are there, and no table is damaged; also after the
  // database was closed and opened with the default file system.
  void ExpectWhole();

  const std::vector<std::string>& steps() const { return steps_; }
  // Whether a step has told that the disk is full.
  bool was_full() const { return was_full_; }

 private:
  void Open(rocksdb::Env* env);
  void Note(const std::string& step, const rocksdb::Status& status);
  void ExpectAll();

  const FullDatabaseSetup setup_;
  const TempDir log_directory_;
  LoopFilesystem disk_{kDiskBytes};
  std::shared_ptr<ErrorListener> listener_;
  std::unique_ptr<rocksdb::DB> db_;
  std::map<std::string, std::string> model_;
  std::vector<std::string> steps_;
  bool was_full_ = false;
};

}  // namespace rocksdb_uring
