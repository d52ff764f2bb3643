// Keeps the end of a log's old writer and the reuse of the log apart.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "env/base/mutex.h"

namespace rocksdb_uring {

// RocksDB 7.8 renames a WAL for its next writer while, or before, the old
// writer closes it. Close cuts off what was preallocated, if the log still has
// its name: between the look at the name and the cut it must not be renamed and
// grow. Both hold this lock, which is one of a few, chosen by the inode.
//
// Nothing else is locked while it is held. A forked child finds it unlocked.
class URING_SCOPED_CAPABILITY LogReuseLock {
 public:
  // `fd`: the log, open under whatever name.
  explicit LogReuseLock(int fd) URING_ACQUIRE(mutex_);
  ~LogReuseLock() URING_RELEASE();
  LogReuseLock(const LogReuseLock&) = delete;
  LogReuseLock& operator=(const LogReuseLock&) = delete;

 private:
  Mutex* const mutex_;
};

}  // namespace rocksdb_uring
