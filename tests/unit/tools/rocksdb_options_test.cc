// RocksDB's own options in OPTIONS files, and the rows that compare them.
//
// SPDX-License-Identifier: Apache-2.0
#include "tools/compare/rocksdb_options.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/tools/tool_program.h"
#include "tools/compare/workloads.h"

namespace rocksdb_uring {
namespace {

constexpr const char* kFile =
    "[Version]\n  rocksdb_version=7.8.3\n\n[DBOptions]\n"
    "  wal_bytes_per_sync=0\n  bytes_per_sync=0\n"
    "  recycle_log_file_num=0\n";

class RocksDbOptionsTest : public ToolsTest {
 protected:
  std::string error_;
};

TEST_F(RocksDbOptionsTest, OnlyTheOptionOfThisNameIsSet) {
  std::string text = kFile;
  ASSERT_TRUE(SetOptions({{"bytes_per_sync", "1048576"}}, &text, &error_));
  EXPECT_TRUE(Contains(text, "\n  wal_bytes_per_sync=0\n"));
  EXPECT_TRUE(Contains(text, "\n  bytes_per_sync=1048576\n"));
  EXPECT_TRUE(Contains(text, "\n  recycle_log_file_num=0\n"));
}

TEST_F(RocksDbOptionsTest, UnknownOptionIsNamed) {
  std::string text = kFile;
  EXPECT_FALSE(SetOptions({{"sync", "1"}}, &text, &error_));
  EXPECT_TRUE(Contains(error_, "no option sync")) << error_;
}

TEST_F(RocksDbOptionsTest, NewestFileIsTakenAndOneOfTwoChanged) {
  WriteFile("OPTIONS-000007", "old");
  WriteFile("OPTIONS-000011", kFile);
  WriteFile("OPTIONS-000012.dbtmp", "unfinished");
  ASSERT_TRUE(WriteOptionsFiles(path(""), {{"recycle_log_file_num", "4"}},
                                path("without"), path("with"), &error_))
      << error_;
  EXPECT_EQ(ReadAll(path("without")), kFile);
  EXPECT_TRUE(Contains(ReadAll(path("with")), "recycle_log_file_num=4\n"));
}

TEST_F(RocksDbOptionsTest, ValueThatRocksDbReplacedIsAnError) {
  WriteFile("OPTIONS-000007", kFile);
  EXPECT_TRUE(CheckOptions(path(""), {{"bytes_per_sync", "0"}}, &error_));
  EXPECT_FALSE(
      CheckOptions(path(""), {{"recycle_log_file_num", "4"}}, &error_));
  EXPECT_TRUE(Contains(error_, "recycle_log_file_num=4 by 0")) << error_;
}

TEST_F(RocksDbOptionsTest, DatabaseWithoutAFileIsNamed) {
  EXPECT_FALSE(CheckOptions(empty(), {{"bytes_per_sync", "0"}}, &error_));
  EXPECT_TRUE(Contains(error_, empty())) << error_;
}

TEST_F(RocksDbOptionsTest, GroupHoldsEachRowOnPosixAndOnThePlugin) {
  std::vector<Workload> rows;
  ASSERT_TRUE(SelectWorkloads("rocksdb", &rows, &error_)) << error_;
  ASSERT_EQ(rows.size() % 2, 0u);
  for (size_t i = 0; i < rows.size(); i += 2) {
    EXPECT_EQ(rows[i].rocksdb_options, rows[i + 1].rocksdb_options);
    EXPECT_EQ(rows[i].name + "_plugin", rows[i + 1].name);
    EXPECT_FALSE(rows[i].on_plugin);
    EXPECT_TRUE(rows[i + 1].on_plugin);
  }
  std::vector<Workload> writes;
  ASSERT_TRUE(SelectWorkloads("writes", &writes, &error_));
  for (const Workload& w : writes) EXPECT_TRUE(w.rocksdb_options.empty());
}

}  // namespace
}  // namespace rocksdb_uring
