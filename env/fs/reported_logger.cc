// Forwards, and keeps reports from a closed log.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/fs/reported_logger.h"

#include <utility>

#include "env/engine/fork_generation.h"

namespace rocksdb_uring {

using rocksdb::InfoLogLevel;
using rocksdb::Logger;

ReportedLogger::ReportedLogger(std::shared_ptr<Logger> target)
    : generation_(ForkGeneration::AtBirth()), target_(std::move(target)) {}

// Not in a forked child: the log is the parent's, and one of its threads may
// have held the lock.
void ReportedLogger::Report(InfoLogLevel level, const std::string& line) {
  if (generation_ != ForkGeneration::Now()) {
    return;
  }
  MutexLock lock(&mutex_);
  if (open_) {
    rocksdb::Log(level, target_.get(), "uring file system: %s", line.c_str());
  }
}

void ReportedLogger::LogHeader(const char* format, va_list arguments) {
  target_->LogHeader(format, arguments);
}

void ReportedLogger::Logv(const char* format, va_list arguments) {
  target_->Logv(format, arguments);
}

void ReportedLogger::Logv(InfoLogLevel level, const char* format,
                          va_list arguments) {
  target_->Logv(level, format, arguments);
}

size_t ReportedLogger::GetLogFileSize() const {
  return target_->GetLogFileSize();
}

void ReportedLogger::Flush() { target_->Flush(); }

InfoLogLevel ReportedLogger::GetInfoLogLevel() const {
  return target_->GetInfoLogLevel();
}

void ReportedLogger::SetInfoLogLevel(InfoLogLevel level) {
  target_->SetInfoLogLevel(level);
}

rocksdb::Status ReportedLogger::CloseImpl() {
  // In a forked child no report is written, and a thread of the parent may have
  // held the lock.
  if (generation_ == ForkGeneration::Now()) {
    MutexLock lock(&mutex_);
    open_ = false;
  }
  return target_->Close();
}

}  // namespace rocksdb_uring
