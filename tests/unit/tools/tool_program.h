// Runs a command-line tool as a user does, with an environment of its own and,
// if asked, without io_uring.
//
// SPDX-License-Identifier: Apache-2.0
#ifndef ROCKSDB_URING_TESTS_UNIT_TOOLS_TOOL_PROGRAM_H_
#define ROCKSDB_URING_TESTS_UNIT_TOOLS_TOOL_PROGRAM_H_

#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/engine/test_support.h"

namespace rocksdb_uring {

using ToolEnvironment = std::vector<std::pair<std::string, std::string>>;

struct ToolOutcome {
  int exit_code = -1;
  std::string out;
  std::string err;
};

struct ToolProgram {
  std::vector<std::string> argv;
  ToolEnvironment environment;
  // What io_uring_setup fails with, as under a container's seccomp profile; 0
  // for no filter.
  int deny_setup_errno = 0;
  // As for io_uring_enter.
  int deny_enter_errno = 0;
};

std::string ReadAll(const std::string& path);

inline bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

class ToolsTest : public testing::Test {
 protected:
  ToolsTest();

  std::string path(const std::string& name) const {
    return directory_.file(name);
  }
  std::string empty() const { return path("empty"); }

  void WriteFile(const std::string& name, const std::string& text);
  std::string MakeFile(const std::string& name, size_t bytes);
  ToolOutcome Run(const ToolProgram& program);

 private:
  const TempDir directory_;
};

}  // namespace rocksdb_uring

#endif  // ROCKSDB_URING_TESTS_UNIT_TOOLS_TOOL_PROGRAM_H_
