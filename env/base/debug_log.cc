// Opens ROCKSDB_URING_LOG once, and writes a line with one call.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/base/debug_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "env/base/file_descriptor.h"
#include "env/base/process_path.h"
#include "env/base/thread_number.h"

namespace rocksdb_uring {

namespace {

std::atomic<bool> switched_on{true};

struct Log {
  // Absolute: the process may change its directory.
  std::string path;
  int fd = -1;
  int error = 0;
  // What `fd` was opened on.
  dev_t device = 0;
  ino_t inode = 0;
};

// O_APPEND: lines of threads and of forked processes do not overwrite each
// other.
int Open(const std::string& path) {
  return open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

Log OpenLog() {
  // Not for a set-uid program: its user must not choose what it writes to.
  const char* const path = secure_getenv("ROCKSDB_URING_LOG");
  Log log;
  if (path == nullptr || *path == '\0') {
    return log;
  }
  log.path = AbsolutePath(ExpandProcessId(path));
  log.fd = Open(log.path);
  log.error = log.fd < 0 ? errno : 0;
  struct stat attributes = {};
  if (log.fd >= 0 && fstat(log.fd, &attributes) == 0) {
    log.device = attributes.st_dev;
    log.inode = attributes.st_ino;
  }
  return log;
}

// Open as long as the process lives.
const Log& TheLog() {
  static const Log log = OpenLog();
  return log;
}

// Daemons close all descriptors that they have inherited: the number may be
// that of a table by now.
bool IsStillTheLog(const Log& log) {
  struct stat attributes = {};
  return fstat(log.fd, &attributes) == 0 && attributes.st_dev == log.device &&
         attributes.st_ino == log.inode;
}

}  // namespace

bool DebugLogEnabled() {
  return TheLog().fd >= 0 && switched_on.load(std::memory_order_relaxed);
}

void SwitchDebugLog(bool on) {
  switched_on.store(on, std::memory_order_relaxed);
}

int DebugLogError() { return TheLog().error; }

void DebugLog(const char* format, ...) {
  if (!DebugLogEnabled()) {
    return;
  }
  const int saved_errno = errno;
  const auto now_us = std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::system_clock::now().time_since_epoch());
  char line[1024];
  int length = snprintf(line, sizeof(line), "%lld.%06lld %d/%zu ",
                        static_cast<long long>(now_us.count() / 1000000),
                        static_cast<long long>(now_us.count() % 1000000),
                        static_cast<int>(getpid()), ThreadNumber());
  va_list arguments;
  va_start(arguments, format);
  length += vsnprintf(line + length, sizeof(line) - static_cast<size_t>(length),
                      format, arguments);
  va_end(arguments);
  const size_t size =
      std::min<size_t>(static_cast<size_t>(length), sizeof(line) - 1);
  line[size] = '\n';
  const Log& log = TheLog();
  const bool still = IsStillTheLog(log);
  const FileDescriptor again(still ? -1 : Open(log.path));
  // A log that cannot be written is not worth a failure.
  const ssize_t ignored = write(still ? log.fd : again.get(), line, size + 1);
  (void)ignored;
  errno = saved_errno;
}

}  // namespace rocksdb_uring
