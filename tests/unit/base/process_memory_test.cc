// What limits the memory of the process: files as control groups have them.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/base/process_memory.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/support/engine/test_support.h"

namespace rocksdb_uring {
namespace {

class ProcessMemoryTest : public ::testing::Test {
 protected:
  void Write(const std::string& name, const std::string& text) {
    const std::filesystem::path path = directory_.file(name);
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  uint64_t Bytes() {
    ControlGroupPaths paths;
    paths.of_process = directory_.file("self");
    paths.unified = directory_.file("unified");
    paths.memory = directory_.file("memory");
    return ProcessMemoryBytes(paths);
  }

  const uint64_t physical_ = static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) *
                             static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  TempDir directory_;
};

TEST_F(ProcessMemoryTest, IsTheMachinesWithoutControlGroups) {
  EXPECT_EQ(Bytes(), physical_);
}

TEST_F(ProcessMemoryTest, IsTheLowestLimitAboveTheGroupOfVersion2) {
  Write("self", "0::/system.slice/db.service\n");
  Write("unified/system.slice/db.service/memory.max", "max\n");
  EXPECT_EQ(Bytes(), physical_);
  Write("unified/system.slice/memory.max", "400000000\n");
  EXPECT_EQ(Bytes(), 400000000u);
  Write("unified/system.slice/db.service/memory.max", "300000000\n");
  EXPECT_EQ(Bytes(), 300000000u);
  Write("unified/system.slice/db.service/memory.max", "500000000\n");
  EXPECT_EQ(Bytes(), 400000000u);
}

TEST_F(ProcessMemoryTest, IsTheLimitOfTheMemoryControllerOfVersion1) {
  Write("self", "5:cpu,cpuacct:/other\n4:memory:/db\n0::/\n");
  Write("memory/other/memory.limit_in_bytes", "100000000\n");
  Write("memory/db/memory.limit_in_bytes", "200000000\n");
  EXPECT_EQ(Bytes(), 200000000u);
  // What version 1 says where nothing is limited.
  Write("memory/db/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(Bytes(), physical_);
}

TEST_F(ProcessMemoryTest, ContainersSeeTheRootOfTheirMountOnly) {
  Write("self", "4:memory:/docker/0123456789abcdef\n");
  Write("memory/memory.limit_in_bytes", "250000000\n");
  EXPECT_EQ(Bytes(), 250000000u);
}

TEST_F(ProcessMemoryTest, FilesOfAnotherFormChangeNothing) {
  Write("self", "\nnonsense\n4:memory\n0::/a\n");
  Write("unified/a/memory.max", "-\n");
  Write("unified/memory.max", "0\n");
  EXPECT_EQ(Bytes(), physical_);
}

}  // namespace
}  // namespace rocksdb_uring
