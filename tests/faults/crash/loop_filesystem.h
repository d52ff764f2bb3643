// A real filesystem so small that a test can fill it.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "env/base/file_descriptor.h"
#include "tests/support/engine/test_support.h"

namespace rocksdb_uring {

// An empty ext4 in a file, behind a loop device: for root only. Mounts are seen
// by this process and its children alone, and go with it, however it ends.
class LoopFilesystem {
 public:
  // `inodes` limits the number of files; 0 leaves it to mkfs.
  explicit LoopFilesystem(uint64_t bytes, unsigned inodes = 0);
  // Unmounts, lazily if a file is still open.
  ~LoopFilesystem();
  LoopFilesystem(const LoopFilesystem&) = delete;
  LoopFilesystem& operator=(const LoopFilesystem&) = delete;

  // Why there is none; empty if it is mounted.
  const std::string& why_not() const { return why_not_; }
  std::string file(const std::string& name) const {
    return mount_point_ + "/" + name;
  }
  uint64_t FreeBytes() const;

  // Fills it to the last block with one file, and takes `bytes` off that file:
  // so much is free then, less what the filesystem needs for itself.
  void LeaveFree(uint64_t bytes);
  // Removes that file.
  void FreeAll();

 private:
  const TempDir directory_;
  const std::string mount_point_ = directory_.file("mounted");
  std::string why_not_;
  bool mounted_ = false;
};

// Whether such a filesystem can be made: empty, or the reason. Tries it once.
const std::string& WhyNoLoopFilesystem();

// As SkipWithoutRing.
#define SkipWithoutLoopFilesystem() SkipBecauseOf(WhyNoLoopFilesystem())

}  // namespace rocksdb_uring
