// A real filesystem, mounted through FUSE, with faults that a test controls.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "tests/faults/fuse/fuse_control.h"
#include "tests/support/engine/test_support.h"

namespace rocksdb_uring {

// An empty filesystem on top of a directory of its own. Requires root. Requests
// take the kernel's real path, io_uring included, so that a fault reaches the
// caller as one of a disk does.
//
// A child process serves it, because a thread that waits for an answer cannot
// be killed: if this process served its own requests, a hung test would keep
// /dev/fuse open, and the kernel would never fail the request. The mount is
// visible to this process and its children only, and vanishes with them, even
// after SIGKILL.
//
// REQUIRES: the thread that creates it outlives it; the server ends with that
// thread.
class FuseFilesystem {
 public:
  FuseFilesystem();
  // Unmounts; a file that is still open fails the test.
  ~FuseFilesystem();
  FuseFilesystem(const FuseFilesystem&) = delete;
  FuseFilesystem& operator=(const FuseFilesystem&) = delete;

  // Why it is not mounted; empty if it is.
  const std::string& why_not() const { return why_not_; }
  const std::string& path() const { return mount_point_; }
  std::string file(const std::string& name) const {
    return mount_point_ + "/" + name;
  }

  // Fails the next `count` syncs of files and directories with `error`; later
  // ones succeed. Not for ENOSYS: the kernel then treats syncs as not supported
  // and returns 0 without asking the filesystem again.
  void FailSync(int error, uint32_t count) { control_->Fail(error, count); }
  // Reads of files wait from now on, or go on.
  void StallReads(bool stall) { control_->StallReads(stall); }
  // Counts of requests. Safe for concurrent use.
  const FuseControl& control() const { return *control_; }

 private:
  std::string Mount();
  std::string StartServer(int report_fd);

  const TempDir directory_;
  const std::string backing_ = directory_.file("backing");
  const std::string mount_point_ = directory_.file("mounted");
  FuseControl* control_ = nullptr;
  pid_t server_ = -1;
  std::string why_not_;
};

// Why such a filesystem cannot be mounted; empty if it can. Tries it once.
const std::string& WhyNoFuse();

// As SkipWithoutRing.
#define SkipWithoutFuse() SkipBecauseOf(WhyNoFuse())

}  // namespace rocksdb_uring
