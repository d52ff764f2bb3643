// The debug log: written in a process of its own, since it is opened once.
//
// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <string>

#include "tests/support/file/child.h"
#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {
namespace {

class DebugLogTest : public ::testing::Test {
 protected:
  void SetUp() override { WriteFile(path_, RandomBytes(100000, 3)); }

  ChildResult Run(const std::string& log) {
    return RunChild({FILE_TEST_CHILD_PATH, "leak", "reads=uring", path_},
                    {{"ROCKSDB_URING_LOG", log}});
  }

  TempDir directory_;
  const std::string path_ = directory_.file("000003.sst");
};

TEST_F(DebugLogTest, SaysWhatTheEngineDecides) {
  const std::string log = directory_.file("log");
  for (int run = 1; run <= 2; ++run) {
    const ChildResult result = Run(log);
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_EQ(result.output, "");
  }
  const std::string text = ReadWholeFile(log);
  const std::string opened = "open " + path_ + " as ";
  EXPECT_NE(text.find("engine: "), std::string::npos) << text;
  EXPECT_NE(text.find(opened), std::string::npos) << text;
  // The second process appends.
  EXPECT_NE(text.find(opened, text.find(opened) + 1), std::string::npos);
  EXPECT_EQ(text.back(), '\n');
  if (WhyNoRing().empty()) {
    EXPECT_NE(text.find("ring for batches created"), std::string::npos);
  }
}

TEST_F(DebugLogTest, ProcessIdInItsName) {
  EXPECT_EQ(Run(directory_.file("log.%p")).exit_code, 0);
  size_t logs = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(directory_.file(""))) {
    const std::string name = entry.path().filename();
    logs += name.compare(0, 4, "log.") == 0 ? 1 : 0;
    EXPECT_EQ(name.find('%'), std::string::npos) << name;
  }
  EXPECT_EQ(logs, 1u);
}

TEST_F(DebugLogTest, SwitchedOffIsNoErrorWhateverTheLog) {
  const ChildResult result =
      RunChild({FILE_TEST_CHILD_PATH, "leak", "", path_},
               {{"ROCKSDB_URING_LOG", directory_.file("missing/log")},
                {"ROCKSDB_URING", "off"}});
  EXPECT_EQ(result.exit_code, 0);
}

TEST_F(DebugLogTest, LogThatCannotBeOpenedIsAnError) {
  const ChildResult result = Run(directory_.file("missing/log"));
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.output, "");
}

}  // namespace
}  // namespace rocksdb_uring
