// Files whose names are gone, and whose blocks are freed beside the thread that
// has removed them.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "env/base/file_descriptor.h"
#include "env/base/mutex.h"
#include "env/file/rocksdb_compat.h"

namespace rocksdb_uring {

// A compaction removes its inputs on its own thread, and the last name of a
// file takes its blocks with it: unlink(2) drops the cached pages, changes the
// maps of the filesystem, and on some filesystems mounted with `discard` waits
// for the device, 10 ms for 62 MB. An open descriptor puts that off until it is
// closed, here by a thread that ends when it has had nothing to do for a
// second.
//
// Safe for concurrent use.
class RemovedFiles {
 public:
  // Smaller files are removed as usual, and so is every file while this many
  // wait.
  static constexpr uint64_t kFileBytesMin = 1 << 20;
  static constexpr size_t kWaitingMax = 64;
  // Blocks are freed at once unless the filesystem has so much space left,
  // besides four times what waits: who removes files for their space must not
  // find that it has not come yet.
  static constexpr uint64_t kSpaceLeftMin = uint64_t{1} << 30;

  RemovedFiles();
  // Waits until all blocks are freed. In a forked child, which has no such
  // thread, it leaves everything as it is.
  ~RemovedFiles();
  RemovedFiles(const RemovedFiles&) = delete;
  RemovedFiles& operator=(const RemovedFiles&) = delete;

  // Calls `remove`, which removes the name `path`, and returns its status. If
  // `*deferred` is set, blocks are freed later.
  rocksdb::IOStatus Remove(const std::string& path,
                           const std::function<rocksdb::IOStatus()>& remove,
                           bool* deferred) URING_EXCLUDES(mutex_);

 private:
  struct File {
    FileDescriptor fd;
    uint64_t bytes = 0;
  };

  // The file, if its blocks are to be freed later; else one without descriptor.
  File Hold(const std::string& path) URING_EXCLUDES(mutex_);
  // False if the file has to be closed by the caller.
  bool Enqueue(File* file) URING_EXCLUDES(mutex_);
  bool EnsureThread() URING_REQUIRES(mutex_);
  void CloseAll() URING_EXCLUDES(mutex_);

  const uint32_t generation_;
  Mutex mutex_;
  CondVar changed_;
  std::deque<File> files_ URING_GUARDED_BY(mutex_);
  // Of those that wait, and of the one that is being closed.
  uint64_t bytes_ URING_GUARDED_BY(mutex_) = 0;
  bool stopping_ URING_GUARDED_BY(mutex_) = false;
  bool running_ URING_GUARDED_BY(mutex_) = false;
  std::unique_ptr<std::thread> thread_ URING_GUARDED_BY(mutex_);
};

}  // namespace rocksdb_uring
