// The injector fails only the calls and files for which it was armed.
//
// SPDX-License-Identifier: Apache-2.0
#include "tests/faults/errors/injector.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>

#include "env/base/file_descriptor.h"
#include "tests/support/engine/test_support.h"

namespace rocksdb_uring {
namespace {

class InjectorTest : public ::testing::Test {
 protected:
  ~InjectorTest() override { Injector::Instance()->Disarm(); }

  void Arm(Operation operation, Target target, int error, uint32_t count) {
    Injector::Instance()->Arm({operation, target, error, count}, root_);
  }
  FileDescriptor Open(const std::string& name) {
    const std::string path = root_ + "/" + name;
    return FileDescriptor(
        open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644));
  }

  const TempDir directory_;
  const std::string root_ =
      std::filesystem::canonical(directory_.path()).string();
};

TEST_F(InjectorTest, FailsAsOftenAsArmed) {
  const FileDescriptor wal = Open("000001.log");
  Arm(Operation::kAppend, Target::kWal, ENOSPC, 2);
  for (int i = 0; i < 2; ++i) {
    errno = 0;
    EXPECT_EQ(pwrite(wal.get(), "a", 1, 0), -1);
    EXPECT_EQ(errno, ENOSPC);
  }
  EXPECT_EQ(write(wal.get(), "a", 1), 1);
  EXPECT_EQ(Injector::Instance()->given(Seam::kSystemCall), 2u);
  EXPECT_EQ(Injector::Instance()->given(Seam::kRing), 0u);
}

TEST_F(InjectorTest, LeavesOtherCallsAndFilesAlone) {
  const FileDescriptor wal = Open("000001.log");
  const FileDescriptor table = Open("000002.sst");
  const TempDir elsewhere;
  const FileDescriptor other(open(elsewhere.file("000001.log").c_str(),
                                  O_CREAT | O_RDWR | O_CLOEXEC, 0644));
  Arm(Operation::kDataSync, Target::kWal, EIO, 1);
  EXPECT_EQ(fsync(wal.get()), 0);
  EXPECT_EQ(pwrite(wal.get(), "a", 1, 0), 1);
  EXPECT_EQ(fdatasync(table.get()), 0);
  EXPECT_EQ(fdatasync(other.get()), 0);
  EXPECT_EQ(Injector::Instance()->given(), 0u);
  EXPECT_EQ(fdatasync(wal.get()), -1);
}

TEST_F(InjectorTest, KnowsAFileWhoseNameHasGone) {
  const FileDescriptor table = Open("000002.sst");
  ASSERT_EQ(unlink((root_ + "/000002.sst").c_str()), 0);
  Arm(Operation::kTruncate, Target::kTable, EROFS, 1);
  EXPECT_EQ(ftruncate(table.get(), 0), -1);
}

TEST_F(InjectorTest, KnowsTheDirectory) {
  const FileDescriptor directory(
      open(root_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  Arm(Operation::kSync, Target::kDirectory, ESTALE, 1);
  EXPECT_EQ(fsync(directory.get()), -1);
  EXPECT_EQ(errno, ESTALE);
}

TEST_F(InjectorTest, ClosesTheFileAllTheSame) {
  FileDescriptor wal = Open("000001.log");
  const int fd = wal.get();
  Arm(Operation::kClose, Target::kWal, EIO, 1);
  EXPECT_EQ(wal.Close(), -EIO);
  EXPECT_EQ(fcntl(fd, F_GETFD), -1);
}

}  // namespace
}  // namespace rocksdb_uring
