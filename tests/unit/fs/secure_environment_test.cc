// Variables that name files or change behaviour have no effect in a program
// with more rights than the user who started it.
//
// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "tests/support/file/child.h"
#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {
namespace {

class SecureEnvironmentTest : public ::testing::Test {
 protected:
  void SetUp() override {
    struct statvfs mount = {};
    ASSERT_EQ(statvfs(directory_.path().c_str(), &mount), 0);
    if (geteuid() != 0 || (mount.f_flag & ST_NOSUID) != 0) {
      GTEST_SKIP() << "a set-gid program takes root and a mount without nosuid";
    }
    std::filesystem::copy_file(FILE_TEST_CHILD_PATH, program_);
    WriteFile(path_, RandomBytes(10000, 3));
  }

  // Set-gid rather than set-uid: still root's, so it may read the files here.
  void GainGroup() {
    constexpr gid_t kNoGroup = 65534;
    ASSERT_EQ(chown(program_.c_str(), geteuid(), kNoGroup), 0);
    ASSERT_EQ(chmod(program_.c_str(), S_ISGID | 0755), 0);
  }

  int ExitCodeWith(const std::string& variable, const std::string& value) {
    return RunChild({program_, "leak", "", path_}, {{variable, value}})
        .exit_code;
  }

  TempDir directory_;
  const std::string program_ = directory_.file("program");
  const std::string path_ = directory_.file("000003.sst");
};

TEST_F(SecureEnvironmentTest, OptionsAndSwitchAreIgnored) {
  EXPECT_NE(ExitCodeWith("ROCKSDB_URING_OPTIONS", "no_option=1"), 0);
  EXPECT_NE(ExitCodeWith("ROCKSDB_URING", "maybe"), 0);
  GainGroup();
  EXPECT_EQ(ExitCodeWith("ROCKSDB_URING_OPTIONS", "no_option=1"), 0);
  EXPECT_EQ(ExitCodeWith("ROCKSDB_URING", "maybe"), 0);
}

TEST_F(SecureEnvironmentTest, NoLogOrStatisticsAreWritten) {
  const std::string log = directory_.file("log");
  const std::string statistics = directory_.file("statistics");
  const auto run = [&] {
    EXPECT_EQ(ExitCodeWith("ROCKSDB_URING_LOG", log), 0);
    EXPECT_EQ(ExitCodeWith("ROCKSDB_URING_OPTIONS", "stats_file=" + statistics),
              0);
  };
  run();
  EXPECT_EQ(unlink(log.c_str()), 0);
  EXPECT_EQ(unlink(statistics.c_str()), 0);
  GainGroup();
  run();
  EXPECT_FALSE(std::filesystem::exists(log));
  EXPECT_FALSE(std::filesystem::exists(statistics));
}

}  // namespace
}  // namespace rocksdb_uring
