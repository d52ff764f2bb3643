// Files whose names are gone, and whose blocks are freed beside the thread that
// has removed them.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

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
                           bool* deferred);

 private:
  class Closer;
  struct File;

  // The file, if its blocks are to be freed later; else one without descriptor.
  File Hold(const std::string& path);

  const uint32_t generation_;
  std::unique_ptr<Closer> closer_;
};

}  // namespace rocksdb_uring
