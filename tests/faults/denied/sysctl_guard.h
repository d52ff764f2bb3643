// kernel.io_uring_disabled, set for a while.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>

namespace rocksdb_uring {

// It belongs to the whole machine: nobody else may test meanwhile. A process of
// its own puts the old value back when the guard goes and however this process
// ends, by SIGKILL too.
class SysctlGuard {
 public:
  explicit SysctlGuard(int value);
  // Waits until the old value is back.
  ~SysctlGuard();
  SysctlGuard(const SysctlGuard&) = delete;
  SysctlGuard& operator=(const SysctlGuard&) = delete;

  // Why it could not be set; empty if it is.
  const std::string& why_not() const { return why_not_; }
  // -1 where the kernel has none.
  static int Value();

 private:
  std::string why_not_;
  pid_t restorer_ = -1;
  int alive_ = -1;
};

}  // namespace rocksdb_uring
