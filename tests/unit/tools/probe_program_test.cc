// Runs uring_probe as a user does: its exit codes, what it says when something
// is wrong, and that its JSON can be read.
//
// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/engine/test_counts.h"
#include "tests/support/engine/test_support.h"
#include "tests/unit/tools/tool_program.h"

namespace rocksdb_uring {
namespace {

class ProbeTest : public ToolsTest {
 protected:
  ToolOutcome Probe(std::vector<std::string> arguments,
                    ToolEnvironment environment = {}) {
    ToolProgram program;
    program.argv = {URING_PROBE_PATH};
    program.argv.insert(program.argv.end(), arguments.begin(), arguments.end());
    program.environment = std::move(environment);
    return Run(program);
  }
};

TEST_F(ProbeTest, VerdictAndExitCodeAgree) {
  const ToolOutcome outcome = Probe({"--json", empty()});
  const auto json = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(outcome.err, "");
  EXPECT_EQ(outcome.exit_code, json["usable"].get<bool>() ? 0 : 1);
  EXPECT_EQ(json["reason"].get<std::string>().empty(),
            json["usable"].get<bool>());
  EXPECT_EQ(json["remedy"].get<std::string>().empty(),
            json["usable"].get<bool>());
}

TEST_F(ProbeTest, TextNamesTheVerdictFirst) {
  const ToolOutcome outcome = Probe({empty()});
  const std::string first = outcome.out.substr(0, outcome.out.find('\n'));
  EXPECT_TRUE(Contains(
      first, outcome.exit_code == 0 ? "io_uring is usable" : "POSIX only"))
      << outcome.out;
}

TEST_F(ProbeTest, CreatesNothing) {
  Probe({empty()});
  EXPECT_TRUE(std::filesystem::is_empty(empty()));
}

TEST_F(ProbeTest, DirectoryWithoutFilesIsNotTested) {
  const auto json = nlohmann::json::parse(Probe({"--json", empty()}).out);
  for (const char* trial : {"direct_read", "nowait_read", "ring_read"}) {
    EXPECT_EQ(json["path"][trial]["answer"], "not tested") << trial;
  }
}

TEST_F(ProbeTest, ReadsAFileAndFindsOneInADirectory) {
  const std::string file = MakeFile("data", 8192);
  for (const std::string& argument : {file, path(".")}) {
    const auto json = nlohmann::json::parse(Probe({"--json", argument}).out);
    EXPECT_NE(json["path"]["direct_read"]["answer"], "not tested") << argument;
    EXPECT_NE(json["path"]["nowait_read"]["answer"], "not tested") << argument;
    EXPECT_NE(json["path"]["tested_file"], "") << argument;
  }
}

TEST_F(ProbeTest, BadUsage) {
  const std::string fifo = path("fifo");
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"--no_such_flag"}, "--no_such_flag"},
      {{"--flagfile=x"}, "--flagfile"},
      {{"--json=maybe"}, "maybe"},
      {{path("missing")}, "missing"},
      {{"/", "/tmp"}, "/tmp"},
      {{fifo}, "neither a file nor a directory"}};
  for (const auto& bad : cases) {
    const ToolOutcome outcome = Probe(bad.first);
    CountBadInputs();
    EXPECT_EQ(outcome.exit_code, 2) << bad.second;
    EXPECT_EQ(outcome.out, "") << bad.second;
    EXPECT_TRUE(Contains(outcome.err, bad.second)) << outcome.err;
  }
}

TEST_F(ProbeTest, Help) {
  const ToolOutcome outcome = Probe({"--help"});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_TRUE(Contains(outcome.out, "--json"));
  EXPECT_TRUE(Contains(outcome.out, "Exit status"));
}

TEST_F(ProbeTest, SwitchedOffByTheEnvironment) {
  const ToolOutcome outcome = Probe({empty()}, {{"ROCKSDB_URING", "off"}});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_TRUE(Contains(outcome.out, "ROCKSDB_URING=off is set"));
  EXPECT_TRUE(Contains(outcome.out, "unset ROCKSDB_URING"));
}

TEST_F(ProbeTest, ShowsOptionsFromTheEnvironment) {
  const ToolOutcome outcome =
      Probe({empty()}, {{"ROCKSDB_URING_OPTIONS", "queue_depth=32"}});
  EXPECT_TRUE(Contains(outcome.out, "ROCKSDB_URING_OPTIONS=queue_depth=32"));
}

// EPERM: docker. ENOSYS: podman, gVisor, kernels without io_uring.
TEST_F(ProbeTest, SeccompOnSetupIsNamed) {
  const std::vector<std::pair<int, std::string>> cases = {
      {EPERM, "Operation not permitted"}, {ENOSYS, "not implemented"}};
  for (const auto& denied : cases) {
    ToolProgram program;
    program.argv = {URING_PROBE_PATH, "--json", empty()};
    program.deny_setup_errno = denied.first;
    const ToolOutcome outcome = Run(program);
    EXPECT_EQ(outcome.exit_code, 1);
    const auto json = nlohmann::json::parse(outcome.out);
    const auto reason = json["reason"].get<std::string>();
    EXPECT_TRUE(Contains(reason, "io_uring_setup")) << reason;
    EXPECT_TRUE(Contains(reason, denied.second)) << reason;
    EXPECT_NE(json["remedy"], "");
    EXPECT_EQ(json["limits"]["seccomp"], "a filter is active");
  }
}

TEST_F(ProbeTest, SeccompOnEnterIsNamed) {
  SkipWithoutRing();
  ToolProgram program;
  program.argv = {URING_PROBE_PATH, empty()};
  program.deny_enter_errno = EPERM;
  const ToolOutcome outcome = Run(program);
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_TRUE(Contains(outcome.out, "io_uring_enter")) << outcome.out;
}

}  // namespace
}  // namespace rocksdb_uring
