// Runs uring_bench as a user does: its exit codes, what it says when something
// is wrong, and that its JSON can be read.
//
// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <gtest/gtest.h>

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

class BenchTest : public ToolsTest {
 protected:
  // A short run on a small file.
  ToolOutcome Bench(std::vector<std::string> arguments) {
    ToolProgram program;
    program.argv = {URING_BENCH_PATH, "--runtime=0.3", "--warmup=0"};
    program.argv.insert(program.argv.end(), arguments.begin(), arguments.end());
    return Run(program);
  }

  // What `arguments` are wrong in: one line that holds all of `parts`.
  void ExpectBadBench(std::vector<std::string> arguments,
                      const std::vector<std::string>& parts) {
    const ToolOutcome outcome = Bench(std::move(arguments));
    CountBadInputs();
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_EQ(outcome.out, "");
    for (const std::string& part : parts) {
      EXPECT_TRUE(Contains(outcome.err, part)) << part << " in " << outcome.err;
    }
    EXPECT_EQ(outcome.err.find('\n'), outcome.err.size() - 1) << outcome.err;
  }
};

TEST_F(BenchTest, BadFlagsNameFlagValueAndRange) {
  const std::string file = "--file=" + MakeFile("data", 1 << 20);
  ExpectBadBench({file, "--depth=0"}, {"--depth", "0", "1 to"});
  ExpectBadBench({file, "--depth=many"}, {"--depth", "many", "int32"});
  ExpectBadBench({file, "--queue_depth=4"}, {"--queue_depth", "4", "8 to"});
  ExpectBadBench({file, "--pattern=zigzag"},
                 {"--pattern", "zigzag", "seqread"});
  ExpectBadBench({file, "--engine=magic"}, {"--engine", "magic", "posix"});
  ExpectBadBench({file, "--layout=own"}, {"--layout", "own", "lease"});
  ExpectBadBench({file, "--path=left"}, {"--path", "left", "auto"});
  ExpectBadBench({file, "--polling=hard"}, {"--polling", "hard", "device"});
  ExpectBadBench({file, "--polling=device", "--engine=posix"},
                 {"--polling", "device", "off"});
  ExpectBadBench({file, "--runtime=-1"}, {"--runtime", "-1"});
  ExpectBadBench({file, "--nonsense=1"}, {"--nonsense"});
  ExpectBadBench({file, "stray"}, {"stray"});
}

TEST_F(BenchTest, FlagsThatDoNotGoTogether) {
  const std::string file = "--file=" + MakeFile("data", 1 << 20);
  ExpectBadBench({}, {"--file"});
  ExpectBadBench({file, "--depth=8", "--batch=8"}, {"--batch", "--depth"});
  ExpectBadBench({file, "--depth=8", "--engine=posix"}, {"--depth", "posix"});
  ExpectBadBench({file, "--block_size=100"}, {"--block_size", "100", "512"});
  ExpectBadBench({file, "--size_mb=2"}, {"--size_mb", "2"});
  ExpectBadBench({"--file=" + path("new")}, {"--size_mb", "does not exist"});
  EXPECT_FALSE(std::filesystem::exists(path("new")));
}

TEST_F(BenchTest, DestroysNoFileUnasked) {
  const std::string name = MakeFile("data", 1 << 20);
  ExpectBadBench({"--file=" + name, "--pattern=randwrite", "--nodirect"},
                 {"--overwrite", name});
  EXPECT_EQ(ReadAll(name), std::string(1 << 20, 'x'));
  const ToolOutcome outcome =
      Bench({"--file=" + name, "--pattern=randwrite", "--nodirect",
             "--engine=posix", "--overwrite"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_NE(ReadAll(name), std::string(1 << 20, 'x'));
}

TEST_F(BenchTest, MakesItsFileAndWritesJson) {
  const ToolOutcome outcome = Bench(
      {"--file=" + path("new"), "--size_mb=2", "--nodirect", "--engine=posix",
       "--batch=4", "--threads=2", "--json=" + path("result")});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(std::filesystem::file_size(path("new")), 2U << 20);
  const auto json = nlohmann::json::parse(ReadAll(path("result")));
  EXPECT_EQ(json["options"]["batch"], 4);
  EXPECT_GT(json["result"]["iops"].get<double>(), 0);
  EXPECT_GT(json["result"]["latency_us"]["p99"].get<double>(), 0);
  EXPECT_GT(json["result"]["calls_per_op"]["posix"].get<double>(), 0);
  EXPECT_EQ(json["result"]["paths"]["ring"], 0);
  EXPECT_NE(json["machine"]["kernel"], "");
}

TEST_F(BenchTest, AppendsGrowTheFileToItsSize) {
  ExpectBadBench({"--file=" + path("new"), "--pattern=append"}, {"--size_mb"});
  ExpectBadBench({"--file=" + path("new"), "--pattern=append", "--size_mb=1",
                  "--threads=2"},
                 {"--threads", "append"});
  const ToolOutcome outcome =
      Bench({"--file=" + path("new"), "--pattern=append", "--size_mb=1",
             "--nodirect", "--engine=posix", "--block_size=65536"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  const uint64_t size = std::filesystem::file_size(path("new"));
  EXPECT_GT(size, 0U);
  EXPECT_LE(size, 1U << 20);
}

TEST_F(BenchTest, EnginesWithoutRingsRun) {
  const std::string file = "--file=" + MakeFile("data", 1 << 20);
  const std::vector<std::vector<std::string>> runs = {
      {file, "--nodirect", "--engine=none", "--depth=8"},
      {file, "--nodirect", "--engine=none", "--batch=8"},
      {file, "--nodirect", "--engine=posix", "--batch=8", "--pattern=seqread"}};
  for (const std::vector<std::string>& run : runs) {
    const ToolOutcome outcome = Bench(run);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  }
}

TEST_F(BenchTest, EveryRingLayoutRuns) {
  SkipWithoutRing();
  const std::string file = "--file=" + MakeFile("data", 1 << 20);
  for (const char* layout : {"lease", "shared", "thread"}) {
    const std::string flag = std::string("--layout=") + layout;
    for (const char* size : {"--batch=100", "--depth=100"}) {
      const std::string json = path("result");
      const ToolOutcome outcome =
          Bench({file, "--nodirect", flag, "--path=uring", size, "--threads=3",
                 "--json=" + json});
      EXPECT_EQ(outcome.exit_code, 0) << flag << size << outcome.err;
      const auto paths =
          nlohmann::json::parse(ReadAll(json))["result"]["paths"];
      EXPECT_GT(paths["ring"], 0) << flag << size;
      EXPECT_EQ(paths["posix"], 0) << flag << size;
    }
  }
}

TEST_F(BenchTest, MixedPatternReadsAndWrites) {
  const ToolOutcome outcome =
      Bench({"--file=" + path("new"), "--size_mb=1", "--nodirect",
             "--engine=posix", "--pattern=randrw", "--batch=8"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  ExpectBadBench({"--file=" + path("new"), "--pattern=randrw"},
                 {"--overwrite", "randrw"});
}

TEST_F(BenchTest, SyncsAfterEachBatch) {
  const std::string file = "--file=" + path("new");
  ExpectBadBench({file, "--size_mb=1", "--sync"}, {"--sync", "writes"});
  const ToolOutcome outcome =
      Bench({file, "--size_mb=1", "--nodirect", "--engine=posix",
             "--pattern=append", "--sync", "--json=" + path("result")});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto json = nlohmann::json::parse(ReadAll(path("result")));
  EXPECT_EQ(json["options"]["sync"], true);
  // A write and a sync.
  EXPECT_GT(json["result"]["calls_per_op"]["posix"].get<double>(), 1.5);
}

class SuiteTest : public BenchTest {
 protected:
  ToolOutcome Suite(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--suite", "--runtime=0.02"});
    return Bench(std::move(arguments));
  }
};

TEST_F(SuiteTest, RunsEveryBenchmarkOnBothEngines) {
  SkipWithoutRing();
  const std::string file = path("data");
  const ToolOutcome outcome = Suite({"--file=" + file, "--size_mb=8",
                                     "--pairs=2", "--json=" + path("result")});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto rows = nlohmann::json::parse(ReadAll(path("result")))["suite"];
  std::string names;
  for (const auto& row : rows) {
    const std::string name = row["benchmark"];
    names += name + "\n";
    EXPECT_TRUE(Contains(outcome.out, "\n" + name)) << outcome.out;
    ASSERT_EQ(row["uring"].size(), 2u) << name;
    ASSERT_EQ(row["posix"].size(), 2u) << name;
    EXPECT_EQ(row["uring"][0]["options"]["engine"], "uring") << name;
    EXPECT_EQ(row["posix"][1]["options"]["engine"], "posix") << name;
    EXPECT_LE(row["ratio_min"], row["ratio"]) << name;
    EXPECT_LE(row["ratio"], row["ratio_max"]) << name;
  }
  for (const char* part : {"latency", "throughput", "batch of 2\n",
                           "batch of 128", "mixed", "synced", "stress"}) {
    EXPECT_TRUE(Contains(names, part)) << names;
  }
  const auto& stress = rows.back();
  EXPECT_EQ(stress["uring"][0]["options"]["depth"].get<int>() *
                stress["uring"][0]["options"]["threads"].get<int>(),
            1024);
  EXPECT_EQ(stress["posix"][0]["options"]["threads"], 1024);
  // The file that is read stays; those that were written do not.
  EXPECT_TRUE(std::filesystem::exists(file));
  EXPECT_FALSE(std::filesystem::exists(file + ".mixed"));
  EXPECT_FALSE(std::filesystem::exists(file + ".synced"));
}

TEST_F(SuiteTest, SetsItsBenchmarksByItself) {
  const std::string file = "--file=" + MakeFile("data", 1 << 20);
  ExpectBadBench({file, "--suite", "--depth=8"}, {"--depth", "8", "--suite"});
  ExpectBadBench({file, "--suite", "--engine=posix"}, {"--engine", "--suite"});
  ExpectBadBench({file, "--suite", "--pairs=0"}, {"--pairs", "0", "1 to"});
}

TEST_F(SuiteTest, DestroysNoFileUnasked) {
  SkipWithoutRing();
  const std::string file = MakeFile("data", 8 << 20);
  const std::string precious = MakeFile("data.mixed", 8 << 20);
  const ToolOutcome outcome = Suite({"--file=" + file, "--pairs=1"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_TRUE(Contains(outcome.err, precious + " exists")) << outcome.err;
  EXPECT_EQ(ReadAll(precious), std::string(8 << 20, 'x'));
}

TEST_F(BenchTest, RefusedRingIsAFailureWithAReason) {
  ToolProgram program;
  program.argv = {URING_BENCH_PATH, "--file=" + MakeFile("data", 1 << 20)};
  program.deny_setup_errno = EPERM;
  const ToolOutcome outcome = Run(program);
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_TRUE(Contains(outcome.err, "io_uring_setup")) << outcome.err;
}

}  // namespace
}  // namespace rocksdb_uring
