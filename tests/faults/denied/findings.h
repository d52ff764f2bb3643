// What a program without output tells the test that runs it.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "env/base/mutex.h"

namespace rocksdb_uring {

// Mistakes and verified operations. Safe for concurrent use.
class Findings {
 public:
  // An operation that gave `right`, or else a mistake.
  bool Check(bool right, const std::string& what) URING_EXCLUDES(mutex_) {
    MutexLock lock(&mutex_);
    ++verified_;
    // A few say as much as all of them.
    if (!right && mistakes_.size() < 5) {
      mistakes_.push_back(what);
    }
    return right;
  }
  uint64_t verified() URING_EXCLUDES(mutex_) {
    MutexLock lock(&mutex_);
    return verified_;
  }
  std::vector<std::string> mistakes() URING_EXCLUDES(mutex_) {
    MutexLock lock(&mutex_);
    return mistakes_;
  }

 private:
  Mutex mutex_;
  uint64_t verified_ URING_GUARDED_BY(mutex_) = 0;
  std::vector<std::string> mistakes_ URING_GUARDED_BY(mutex_);
};

}  // namespace rocksdb_uring
