// A listener that records what RocksDB reports about errors.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>
#include <vector>

#include "env/base/mutex.h"
#include "rocksdb/listener.h"

namespace rocksdb_uring {

// Safe for concurrent use.
class ErrorNotes final : public rocksdb::EventListener {
 public:
  // `recovers`: whether RocksDB may start its automatic recovery.
  explicit ErrorNotes(bool recovers) : recovers_(recovers) {}

  void OnBackgroundError(rocksdb::BackgroundErrorReason reason,
                         rocksdb::Status* status) override
      URING_EXCLUDES(mutex_);
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason reason,
                            rocksdb::Status status, bool* recover) override
      URING_EXCLUDES(mutex_);
  void OnErrorRecoveryCompleted(rocksdb::Status old_error) override
      URING_EXCLUDES(mutex_);
  // Without it RocksDB does not call OnIOError.
  bool ShouldBeNotifiedOnFileIO() override { return true; }
  void OnIOError(const rocksdb::IOErrorInfo& info) override
      URING_EXCLUDES(mutex_);

  bool recovers() const { return recovers_; }
  // Distinct background errors and recovery starts, in order of their first
  // occurrence. The number of repetitions is a race in RocksDB between the
  // flush thread and the caller.
  std::vector<std::string> events() const URING_EXCLUDES(mutex_);
  // Distinct statuses of failed file calls, with the flags of IOStatus. Number
  // and order are lost on purpose: a write in flight fails at a later call.
  std::set<std::string> io_errors() const URING_EXCLUDES(mutex_);
  // Blocks until the automatic recovery succeeds; false after a minute.
  bool AwaitRecovery() URING_EXCLUDES(mutex_);

 private:
  void AddEvent(const std::string& event) URING_REQUIRES(mutex_);

  const bool recovers_;
  mutable Mutex mutex_;
  CondVar changed_;
  std::vector<std::string> events_ URING_GUARDED_BY(mutex_);
  std::set<std::string> io_errors_ URING_GUARDED_BY(mutex_);
  bool recovered_ URING_GUARDED_BY(mutex_) = false;
};

}  // namespace rocksdb_uring
