// SPDX-License-Identifier: Apache-2.0

#include "tests/faults/crash/loop_filesystem.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "tests/support/engine/private_mounts.h"
#include "tests/support/file/child.h"

namespace rocksdb_uring {

namespace {

constexpr char kMkfs[] = "/sbin/mkfs.ext4";
constexpr char kMount[] = "/bin/mount";
constexpr uint64_t kBlockBytes = 4096;
constexpr char kBallast[] = "ballast";

std::string FailureOf(const std::vector<std::string>& command) {
  if (access(command[0].c_str(), X_OK) != 0) {
    return command[0] + " is not there: install e2fsprogs and mount";
  }
  const ChildResult result = RunChild(command);
  return result.exit_code == 0
             ? std::string()
             : command[0] +
                   " has failed, as it does without root or loop "
                   "devices: " +
                   result.output;
}

}  // namespace

LoopFilesystem::LoopFilesystem(uint64_t bytes, unsigned inodes) {
  why_not_ = WhyNoPrivateMounts();
  if (!why_not_.empty()) {
    return;
  }
  const std::string image = directory_.file("image");
  const FileDescriptor fd(
      open(image.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0 ||
      mkdir(mount_point_.c_str(), 0755) != 0) {
    why_not_ = image + ": " + strerror(errno);
    return;
  }
  std::vector<std::string> mkfs = {
      kMkfs, "-q", "-F", "-m", "0", "-b", std::to_string(kBlockBytes)};
  if (inodes > 0) {
    mkfs.insert(mkfs.end(), {"-N", std::to_string(inodes)});
  }
  mkfs.push_back(image);
  why_not_ = FailureOf(mkfs);
  if (why_not_.empty()) {
    why_not_ = FailureOf({kMount, "-o", "loop", image, mount_point_});
    mounted_ = why_not_.empty();
  }
}

LoopFilesystem::~LoopFilesystem() {
  if (mounted_) {
    Unmount(mount_point_);
  }
}

uint64_t LoopFilesystem::FreeBytes() const {
  struct statvfs info = {};
  EXPECT_EQ(statvfs(mount_point_.c_str(), &info), 0);
  return info.f_bavail * info.f_frsize;
}

void LoopFilesystem::LeaveFree(uint64_t bytes) {
  const FileDescriptor fd(
      open(file(kBallast).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  // What others have written and not allocated comes first.
  syncfs(fd.get());
  uint64_t size = 0;
  for (uint64_t step = 16 << 20; step >= kBlockBytes;) {
    if (fallocate(fd.get(), 0, static_cast<off_t>(size),
                  static_cast<off_t>(step)) == 0) {
      size += step;
    } else {
      ASSERT_EQ(errno, ENOSPC) << strerror(errno);
      step /= 2;
    }
  }
  ASSERT_GT(size, bytes) << "it was full before";
  ASSERT_EQ(ftruncate(fd.get(), static_cast<off_t>(size - bytes)), 0);
  // Blocks can be used again when the journal knows that they are free.
  ASSERT_EQ(syncfs(fd.get()), 0);
}

void LoopFilesystem::FreeAll() {
  ASSERT_EQ(unlink(file(kBallast).c_str()), 0);
  const FileDescriptor fd(
      open(mount_point_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ASSERT_EQ(syncfs(fd.get()), 0);
}

const std::string& WhyNoLoopFilesystem() {
  static const std::string why = LoopFilesystem(16 << 20).why_not();
  return why;
}

}  // namespace rocksdb_uring
