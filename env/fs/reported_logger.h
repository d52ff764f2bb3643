// A log of RocksDB that the file system writes to as well.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "env/base/mutex.h"
#include "env/file/rocksdb_compat.h"
#include "rocksdb/env.h"

namespace rocksdb_uring {

// Passes everything on to the log below. RocksDB closes a log before it drops
// it, and its own loggers write to a closed file if they are asked to: a report
// of another thread must not come after that.
class ReportedLogger final : public rocksdb::Logger {
 public:
  explicit ReportedLogger(std::shared_ptr<rocksdb::Logger> target);

  // Writes a line, unless the log is closed or was opened before a fork. Safe
  // for concurrent use.
  void Report(rocksdb::InfoLogLevel level, const std::string& line)
      URING_EXCLUDES(mutex_);

  using rocksdb::Logger::Logv;
  void LogHeader(const char* format, va_list arguments) override;
  void Logv(const char* format, va_list arguments) override;
  void Logv(rocksdb::InfoLogLevel level, const char* format,
            va_list arguments) override;
  size_t GetLogFileSize() const override;
  void Flush() override;
  rocksdb::InfoLogLevel GetInfoLogLevel() const override;
  void SetInfoLogLevel(rocksdb::InfoLogLevel level) override;

 protected:
  rocksdb::Status CloseImpl() override URING_EXCLUDES(mutex_);

 private:
  const uint32_t generation_;
  const std::shared_ptr<rocksdb::Logger> target_;
  // Held while a report is written.
  Mutex mutex_{SharedBy::kFileSystem};
  bool open_ URING_GUARDED_BY(mutex_) = true;
};

}  // namespace rocksdb_uring
