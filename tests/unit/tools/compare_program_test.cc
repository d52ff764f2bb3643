// Runs uring_compare as a user does: its verdict, its files, and what it says
// of flags that make no sense. No run here needs RocksDB.
//
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/engine/test_counts.h"
#include "tests/support/engine/test_support.h"
#include "tests/unit/tools/tool_program.h"
#include "tools/compare/child.h"

namespace rocksdb_uring {
namespace {

class CompareTest : public testing::Test {
 protected:
  std::string path(const std::string& name) const {
    return directory_.file(name);
  }

  Outcome Compare(const std::vector<std::string>& arguments) {
    Command command;
    command.argv = {URING_COMPARE_PATH};
    command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
    return Run(command);
  }

  Outcome Run(const Command& command) {
    Outcome outcome;
    std::string error;
    EXPECT_TRUE(RunCommand(command, &outcome, &error)) << error;
    return outcome;
  }

  void ExpectBad(const std::vector<std::string>& arguments,
                 const std::string& part) {
    const Outcome outcome = Compare(arguments);
    CountBadInputs();
    EXPECT_EQ(outcome.exit_code, 2) << outcome.err;
    EXPECT_TRUE(Contains(outcome.err, part)) << outcome.err;
  }

 private:
  const TempDir directory_;
};

TEST_F(CompareTest, PosixAgainstItselfEndsWithAVerdictInAllOutputs) {
  const Outcome outcome =
      Compare({"--command=sleep 0.1", "--b_uri=", "--pairs=6",
               "--json=" + path("json"), "--report=" + path("html")});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_TRUE(Contains(outcome.out, "\nverdict: ")) << outcome.out;
  const auto json = nlohmann::json::parse(ReadAll(path("json")));
  EXPECT_NE(json["verdict"]["decision"], "adopt");
  EXPECT_EQ(json["verdict"]["complete"], true);
  EXPECT_EQ(json["rows"][0]["series"][0]["a"].size(), 6u);
  EXPECT_TRUE(Contains(ReadAll(path("html")), "</html>"));
}

TEST_F(CompareTest, InterruptLeavesWholePartialFiles) {
  Command command;
  command.argv = {
      "/bin/sh", "-c",
      std::string(URING_COMPARE_PATH) +
          " --command='sleep 0.2' --b_uri= --pairs=500 --json=" + path("json") +
          " --report=" + path("html") + " & sleep 1; kill -INT $!; wait $!"};
  EXPECT_EQ(Run(command).exit_code, 1);
  const auto json = nlohmann::json::parse(ReadAll(path("json")));
  EXPECT_EQ(json["verdict"]["complete"], false);
  EXPECT_TRUE(Contains(ReadAll(path("html")), "</html>"));
}

TEST_F(CompareTest, BadFlagsAreNamed) {
  ExpectBad({}, "--db or --command");
  ExpectBad({"--command=true", "--figure=a"}, "--figure needs one group");
  ExpectBad({"--command=true", "--figure_better=more"}, "--figure_better");
  ExpectBad({"--command=true", "--gain_percent=0"}, "--gain_percent");
  ExpectBad({"--command=true", "--loss_ratio=1.5"}, "--loss_ratio");
  ExpectBad({"--command=true", "--loss_floor=0.99"}, "--loss_floor");
  ExpectBad({"--command=true", "--baseline=reads=posix"}, "--baseline");
  ExpectBad({"--db=" + path("db"), "--trace=" + path("none")},
            path("none") + ": No such file");
  ExpectBad({"--db=" + path("db"), "--trace_cache=hot"}, "--trace_cache");
}

// It is emptied, whatever it holds.
TEST_F(CompareTest, ScratchThatHoldsTheDatabaseIsRefused) {
  ExpectBad({"--db=" + path("db"), "--scratch=" + path("db")}, "--scratch");
  ExpectBad({"--db=" + path("a/b/db"), "--scratch=" + path("a/./c/..")},
            "--scratch");
  const Outcome beside = Compare(
      {"--db=" + path("db"), "--scratch=" + path("db2"), "--workloads=none"});
  EXPECT_TRUE(Contains(beside.err, "--make_db")) << beside.err;
}

TEST_F(CompareTest, ReportThatCannotBeWrittenFailsBeforeTheFirstRun) {
  const Outcome outcome =
      Compare({"--command=touch " + path("ran"),
               "--b_uri=", "--report=" + path("missing") + "/report.html"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_TRUE(Contains(outcome.err, "cannot write")) << outcome.err;
  EXPECT_FALSE(std::ifstream(path("ran")).good());
}

}  // namespace
}  // namespace rocksdb_uring
