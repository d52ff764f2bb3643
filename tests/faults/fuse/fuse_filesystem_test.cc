// The filesystem that the other tests rely on: it supports the operations that
// RocksDB needs, and fails the requested number of syncs.
//
// SPDX-License-Identifier: Apache-2.0
#include "tests/faults/fuse/fuse_filesystem.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "env/base/file_descriptor.h"
#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {
namespace {

namespace fs = std::filesystem;

class FuseFilesystemTest : public ::testing::Test {
 protected:
  void SetUp() override {
    SkipWithoutFuse();
    filesystem_ = std::make_unique<FuseFilesystem>();
    ASSERT_EQ(filesystem_->why_not(), "");
  }

  std::string file(const std::string& name) const {
    return filesystem_->file(name);
  }

  std::unique_ptr<FuseFilesystem> filesystem_;
};

TEST_F(FuseFilesystemTest, IsASeparateFilesystem) {
  struct stat mounted = {};
  struct stat parent = {};
  ASSERT_EQ(stat(filesystem_->path().c_str(), &mounted), 0);
  ASSERT_EQ(stat(file("..").c_str(), &parent), 0);
  EXPECT_NE(mounted.st_dev, parent.st_dev);
  struct statvfs space = {};
  ASSERT_EQ(statvfs(filesystem_->path().c_str(), &space), 0);
  EXPECT_GT(space.f_bavail, 0u);
}

TEST_F(FuseFilesystemTest, SupportsFilesAndDirectories) {
  const std::string contents = RandomBytes(300000, 1);
  WriteFile(file("a"), contents);
  ASSERT_TRUE(fs::create_directory(file("directory")));
  fs::rename(file("a"), file("directory/b"));
  fs::create_hard_link(file("directory/b"), file("c"));
  EXPECT_EQ(fs::hard_link_count(file("c")), 2u);
  EXPECT_TRUE(ReadWholeFile(file("c")) == contents);
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(filesystem_->path())) {
    names.push_back(entry.path().filename());
  }
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names, std::vector<std::string>({"c", "directory"}));
  EXPECT_TRUE(fs::remove(file("directory/b")));
  EXPECT_TRUE(fs::remove(file("directory")));
  fs::resize_file(file("c"), 1000);
  EXPECT_TRUE(ReadWholeFile(file("c")) == contents.substr(0, 1000));
}

TEST_F(FuseFilesystemTest, OpenFilesSurviveUnlink) {
  const FileDescriptor fd(
      open(file("a").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640));
  ASSERT_TRUE(fd.valid());
  struct stat attributes = {};
  ASSERT_EQ(fstat(fd.get(), &attributes), 0);
  EXPECT_EQ(attributes.st_mode & 0777, 0640u);
  ASSERT_EQ(unlink(file("a").c_str()), 0);
  EXPECT_EQ(fallocate(fd.get(), 0, 0, 4096), 0);
  EXPECT_EQ(pwrite(fd.get(), "abc", 3, 5), 3);
  EXPECT_EQ(fsync(fd.get()), 0);
  char read[4] = {};
  EXPECT_EQ(pread(fd.get(), read, 3, 5), 3);
  EXPECT_STREQ(read, "abc");
}

TEST_F(FuseFilesystemTest, FailsTheRequestedNumberOfSyncs) {
  WriteFile(file("a"), "abc");
  const FileDescriptor fd(open(file("a").c_str(), O_RDWR | O_CLOEXEC));
  const FileDescriptor directory(
      open(filesystem_->path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  filesystem_->FailSync(ENOSPC, 3);
  EXPECT_EQ(fsync(fd.get()), -1);
  EXPECT_EQ(errno, ENOSPC);
  EXPECT_EQ(fdatasync(fd.get()), -1);
  EXPECT_EQ(errno, ENOSPC);
  EXPECT_EQ(fsync(directory.get()), -1);
  EXPECT_EQ(errno, ENOSPC);
  EXPECT_EQ(fsync(fd.get()), 0);
  const FuseControl& control = filesystem_->control();
  EXPECT_EQ(control.failed(), 3u);
  EXPECT_EQ(control.seen(FuseRequest::kFsync), 2u);
  EXPECT_EQ(control.seen(FuseRequest::kFdatasync), 1u);
  EXPECT_EQ(control.seen(FuseRequest::kFsyncdir), 1u);
}

}  // namespace
}  // namespace rocksdb_uring
