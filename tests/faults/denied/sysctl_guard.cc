// SPDX-License-Identifier: Apache-2.0

#include "tests/faults/denied/sysctl_guard.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

namespace rocksdb_uring {

namespace {

constexpr char kPath[] = "/proc/sys/kernel/io_uring_disabled";

bool Set(int value) {
  const std::string text = std::to_string(value);
  const int fd = open(kPath, O_WRONLY | O_CLOEXEC);
  const bool written = fd >= 0 && write(fd, text.data(), text.size()) ==
                                      static_cast<ssize_t>(text.size());
  close(fd);
  return written;
}

}  // namespace

int SysctlGuard::Value() {
  std::ifstream file(kPath);
  int value = -1;
  return file >> value ? value : -1;
}

SysctlGuard::SysctlGuard(int value) {
  const int before = Value();
  int ends[2];
  if (before < 0 || pipe2(ends, O_CLOEXEC) != 0) {
    why_not_ = "this kernel has no kernel.io_uring_disabled";
    return;
  }
  restorer_ = fork();
  if (restorer_ == 0) {
    // What ends a whole group or session of tests must not end it.
    setsid();
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
      (void)::signal(signal, SIG_IGN);
    }
    close(ends[1]);
    char ignored = 0;
    while (read(ends[0], &ignored, 1) < 0 && errno == EINTR) {
    }
    _exit(Set(before) ? 0 : 1);
  }
  close(ends[0]);
  alive_ = ends[1];
  if (restorer_ < 0 || !Set(value)) {
    why_not_ = std::string(kPath) + " cannot be set: " + strerror(errno);
  }
}

SysctlGuard::~SysctlGuard() {
  if (alive_ >= 0) {
    close(alive_);
  }
  if (restorer_ > 0) {
    waitpid(restorer_, nullptr, 0);
  }
}

}  // namespace rocksdb_uring
