#include "env/base/debug_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "env/base/process_path.h"
#include "env/base/thread_number.h"

namespace rocksdb_uring {

namespace {

struct Log {
  int fd = -1;
  int error = 0;
};

Log OpenLog() {
  const char* const path = std::getenv("ROCKSDB_URING_LOG");
  Log log;
  if (path == nullptr || *path == '\0') {
    return log;
  }
  // O_APPEND: lines of threads and of forked processes do not overwrite each
  // other.
  log.fd = open(ExpandProcessId(path).c_str(),
                O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  log.error = log.fd < 0 ? errno : 0;
  return log;
}

// Open as long as the process lives.
const Log& TheLog() {
  static const Log log = OpenLog();
  return log;
}

}  // namespace

bool DebugLogEnabled() { return TheLog().fd >= 0; }

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
  // A log that cannot be written is not worth a failure.
  const ssize_t ignored = write(TheLog().fd, line, size + 1);
  (void)ignored;
  errno = saved_errno;
}

}  // namespace rocksdb_uring
