// The version that CMake read for packages and sonames is the header's, and
// every tool prints it.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/base/version.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "tests/unit/tools/tool_program.h"

namespace rocksdb_uring {
namespace {

TEST_F(ToolsTest, VersionIsThatOfTheProject) {
  EXPECT_STREQ(kVersion, ROCKSDB_URING_PROJECT_VERSION);
  for (const auto& tool :
       {std::make_pair("uring_probe", URING_PROBE_PATH),
        std::make_pair("uring_top", URING_TOP_PATH),
        std::make_pair("uring_bench", URING_BENCH_PATH),
        std::make_pair("uring_compare", URING_COMPARE_PATH)}) {
    ToolProgram program;
    program.argv = {tool.second, "--version"};
    const ToolOutcome outcome = Run(program);
    EXPECT_EQ(outcome.exit_code, 0) << tool.first;
    EXPECT_EQ(outcome.out, std::string(tool.first) + " " + kVersion + "\n");
    EXPECT_EQ(outcome.err, "") << tool.first;
  }
}

}  // namespace
}  // namespace rocksdb_uring
