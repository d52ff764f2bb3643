// What uring_probe says of programs, beside what the preload does to them.
//
// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <utility>
#include <vector>

#include "tests/databases/load/load_test_support.h"

namespace rocksdb_uring {
namespace {

struct Answer {
  int exit_code;
  nlohmann::json json;
};

Answer Probe(const std::string& program) {
  const ChildResult result =
      RunChild({URING_PROBE_PATH, "--json", "--program=" + program});
  return {result.exit_code,
          nlohmann::json::parse(result.output, nullptr, false)};
}

TEST(ProbeProgramTest, SharedRocksDbIsReached) {
  for (const char* program : {LOAD_TEST_PROGRAM, "/usr/bin/ldb"}) {
    const Answer answer = Probe(program);
    EXPECT_EQ(answer.exit_code, 0) << program;
    ASSERT_TRUE(answer.json.is_object()) << program;
    EXPECT_EQ(answer.json["rocksdb"], "shared");
    EXPECT_TRUE(answer.json["reachable"]);
    EXPECT_NE(answer.json["holder"].get<std::string>().find("librocksdb.so"),
              std::string::npos);
  }
}

#ifdef LOAD_TEST_STATIC
TEST(ProbeProgramTest, StaticRocksDbIsNot) {
  for (const char* program : {LOAD_TEST_STATIC, LOAD_TEST_EXPORTED}) {
    const Answer answer = Probe(program);
    EXPECT_EQ(answer.exit_code, 1) << program;
    ASSERT_TRUE(answer.json.is_object()) << program;
    EXPECT_EQ(answer.json["rocksdb"], "inside");
    EXPECT_EQ(answer.json["holder"], program);
  }
}
#endif

TEST(ProbeProgramTest, WithoutRocksDbThereIsNothingToDo) {
  for (const char* program : {LOAD_TEST_NONE, "/bin/sh"}) {
    const Answer answer = Probe(program);
    EXPECT_EQ(answer.exit_code, 1) << program;
    ASSERT_TRUE(answer.json.is_object()) << program;
    EXPECT_EQ(answer.json["rocksdb"], "none");
  }
}

TEST(ProbeProgramTest, WhatIsNoProgramIsBadUsage) {
  const TempDir directory;
  for (const std::string& program :
       {std::string("/etc/passwd"), directory.path(), directory.file("none")}) {
    const ChildResult result =
        RunChild({URING_PROBE_PATH, "--program=" + program});
    EXPECT_EQ(result.exit_code, 2) << program;
    EXPECT_NE(result.output.find(program), std::string::npos) << result.output;
  }
  EXPECT_EQ(RunChild({URING_PROBE_PATH, "--program=/bin/sh", "/tmp"}).exit_code,
            2);
}

}  // namespace
}  // namespace rocksdb_uring
