// SPDX-License-Identifier: Apache-2.0

#include "tests/faults/errors/error_notes.h"

#include <algorithm>
#include <chrono>

#include "tests/support/file/brief_status.h"

namespace rocksdb_uring {

using rocksdb::BackgroundErrorReason;
using rocksdb::Status;

namespace {

std::string Described(BackgroundErrorReason reason, const Status& status) {
  return "reason " + std::to_string(static_cast<int>(reason)) + ", " +
         BriefOf(status);
}

}  // namespace

void ErrorNotes::OnBackgroundError(BackgroundErrorReason reason,
                                   Status* status) {
  MutexLock lock(&mutex_);
  AddEvent("background error: " + Described(reason, *status));
}

void ErrorNotes::AddEvent(const std::string& event) {
  if (std::find(events_.begin(), events_.end(), event) == events_.end()) {
    events_.push_back(event);
  }
}

void ErrorNotes::OnErrorRecoveryBegin(BackgroundErrorReason reason,
                                      Status status, bool* recover) {
  MutexLock lock(&mutex_);
  AddEvent(std::string("recovery, ") + (*recover ? "on" : "off") + ": " +
           Described(reason, status));
  *recover = *recover && recovers_;
}

void ErrorNotes::OnErrorRecoveryCompleted(Status old_error) {
  old_error.PermitUncheckedError();
  MutexLock lock(&mutex_);
  recovered_ = true;
  changed_.NotifyAll();
}

void ErrorNotes::OnIOError(const rocksdb::IOErrorInfo& info) {
  MutexLock lock(&mutex_);
  io_errors_.insert("I/O error: " + BriefOf(info.io_status));
}

std::vector<std::string> ErrorNotes::events() const {
  MutexLock lock(&mutex_);
  return events_;
}

std::set<std::string> ErrorNotes::io_errors() const {
  MutexLock lock(&mutex_);
  return io_errors_;
}

bool ErrorNotes::AwaitRecovery() {
  const auto deadline =
      std::chrono::steady_clock::now() + std::chrono::minutes(1);
  MutexLock lock(&mutex_);
  while (!recovered_ && changed_.WaitUntil(&mutex_, deadline)) {
  }
  return recovered_;
}

}  // namespace rocksdb_uring
