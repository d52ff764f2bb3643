// Fault injection: the next calls of one operation on one kind of file fail.
//
// Two seams use the injector. interpose.cc replaces libc's functions for both
// librocksdb and the plugin. InjectingRing (injecting_ring.h) covers requests
// on rings, which bypass libc.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "env/base/mutex.h"

namespace rocksdb_uring {

enum class Operation : uint8_t {
  kAppend,     // write, pwrite, writev, pwritev, pwritev2
  kRangeSync,  // sync_file_range
  kDataSync,   // fdatasync
  kSync,       // fsync
  kTruncate,   // ftruncate
  kClose,      // close of a file that was open for writing
  kAllocate,   // fallocate
};

enum class Target : uint8_t { kWal, kManifest, kTable, kBlob, kDirectory };

struct Fault {
  Operation operation = Operation::kAppend;
  Target target = Target::kWal;
  int error = 0;
  // Number of consecutive calls that fail.
  uint32_t count = 0;
};

// The place where a fault was injected.
enum class Seam : uint8_t { kSystemCall, kRing };

// Safe for concurrent use.
class Injector {
 public:
  // A singleton, because libc's functions are global, too.
  static Injector* Instance();

  // Applies `fault` to files below `directory`, or to the directory itself. The
  // path is absolute and has no symbolic links.
  void Arm(const Fault& fault, const std::string& directory)
      URING_EXCLUDES(mutex_);
  // Stops failing calls; given() keeps its value.
  void Disarm() URING_EXCLUDES(mutex_);

  // Returns the errno with which this call must fail, or 0 if the call must be
  // made. Preserves errno.
  int Take(Operation operation, int fd, Seam seam) URING_EXCLUDES(mutex_);
  // Undoes a Take that returned an errno, because the request was not queued.
  void PutBack(Seam seam) URING_EXCLUDES(mutex_);

  // Number of faults injected since the last Arm.
  uint32_t given(Seam seam) const URING_EXCLUDES(mutex_);
  uint32_t given() const {
    return given(Seam::kSystemCall) + given(Seam::kRing);
  }

 private:
  Injector() = default;

  bool Strikes(int fd) const URING_REQUIRES(mutex_);

  // Checked first, because a readlink for each call is slow.
  std::atomic<bool> armed_{false};
  mutable Mutex mutex_;
  Fault fault_ URING_GUARDED_BY(mutex_);
  std::string directory_ URING_GUARDED_BY(mutex_);
  uint32_t given_[2] URING_GUARDED_BY(mutex_) = {};
};

}  // namespace rocksdb_uring
