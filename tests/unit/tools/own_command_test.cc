// uring_compare --command: figures found in output, the proof of the path, and
// what is said when the plugin was not entered.
//
// SPDX-License-Identifier: Apache-2.0
#include "tools/compare/own_command.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

#include "tests/support/engine/test_support.h"
#include "tests/unit/tools/tool_program.h"
#include "tools/compare/device.h"
#include "tools/compare/finding.h"
#include "tools/compare/preload.h"

namespace rocksdb_uring {
namespace {

// With the plugin it leaves the statistics file that the plugin would leave,
// and reports twice the figure.
constexpr const char* kProgram = R"sh(
file=$(printf %s "$ROCKSDB_URING_OPTIONS" | sed -n 's/.*stats_file=//p')
if [ -n "$file" ]; then
  printf '{"opens": 3, "ops": {"read": {"ring": {"count": 9}}}}' \
    >"$(printf %s "$file" | sed "s/%p/$$/")"
  echo "warm-up: 5 ops/sec"; echo "result: 200 ops/sec"
else
  echo "warm-up: 5 ops/sec"; echo "result: 100 ops/sec"
fi)sh";

// Not gone, and not a zombie that init has yet to reap.
bool IsAlive(pid_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string state;
  for (int field = 0; field < 3 && stat >> state; ++field) continue;
  return stat && state != "Z" && state != "X";
}

class OwnCommandTest : public testing::Test {
 protected:
  OwnCommandTest() {
    unsetenv("ROCKSDB_URING");
    unsetenv("ROCKSDB_URING_OPTIONS");
    settings_.directory = statistics_.file("");
    settings_.command = kProgram;
    settings_.pairs = 6;
  }

  WorkloadFigures Run() {
    return OwnCommand(&settings_, statistics_.file(""),
                      [](const std::string&) {})
        .Run();
  }

  OwnCommandSettings settings_;

 private:
  const TempDir statistics_;
};

TEST_F(OwnCommandTest, FigureIsComparedAndThePathProven) {
  settings_.figure = "([0-9.]+) ops/sec";
  const WorkloadFigures figures = Run();
  ASSERT_TRUE(figures.ok()) << figures.error;
  EXPECT_EQ(figures.series.front().key, "figure");
  EXPECT_EQ(figures.series.front().Ratios(), std::vector<double>(6, 2.0));
  EXPECT_EQ(figures.b_path, "ring 100%");
  EXPECT_EQ(Assess(figures, Criteria()).finding, Finding::kGain);
}

TEST_F(OwnCommandTest, LowerFigureCanBeBetter) {
  settings_.figure = "([0-9.]+) ops/sec";
  settings_.figure_higher_is_better = false;
  EXPECT_EQ(Run().series.front().Ratios(), std::vector<double>(6, 0.5));
}

TEST_F(OwnCommandTest, WithoutAFigureTheWallTimeDecides) {
  const WorkloadFigures figures = Run();
  ASSERT_TRUE(figures.ok()) << figures.error;
  EXPECT_EQ(figures.series.front().key, "wall_s");
  EXPECT_EQ(figures.series.front().role, Role::kMain);
}

TEST_F(OwnCommandTest, PluginThatWasNotEnteredIsAnErrorWithARemedy) {
  settings_.command = "true";
  const WorkloadFigures figures = Run();
  EXPECT_TRUE(Contains(figures.error, "the plugin wrote no statistics file"));
  EXPECT_TRUE(Contains(figures.error, "remedy: ")) << figures.error;
  EXPECT_EQ(Assess(figures, Criteria()).finding, Finding::kFailed);
}

TEST_F(OwnCommandTest, SwitchedOffPluginIsTheRemedy) {
  settings_.command = "true";
  setenv("ROCKSDB_URING", "off", 1);
  EXPECT_TRUE(Contains(Run().error, "ROCKSDB_URING=off is set"));
  unsetenv("ROCKSDB_URING");
}

TEST_F(OwnCommandTest, PosixAgainstItselfNeedsNoPlugin) {
  settings_.command = "true";
  settings_.b_has_plugin = false;
  EXPECT_TRUE(Run().ok());
}

TEST_F(OwnCommandTest, FailingCommandIsReportedWithItsOutput) {
  settings_.command = "echo broken >&2; exit 3";
  const WorkloadFigures figures = Run();
  EXPECT_TRUE(Contains(figures.error, "exited with status 3"));
  EXPECT_TRUE(Contains(figures.error, "broken"));
}

TEST_F(OwnCommandTest, PrepareRunsBeforeEachRun) {
  const TempDir directory;
  settings_.prepare = "echo x >>" + directory.file("runs");
  ASSERT_TRUE(Run().ok());
  std::ifstream file(directory.file("runs"));
  int lines = 0;
  for (std::string line; std::getline(file, line);) ++lines;
  EXPECT_EQ(lines, 12);
}

TEST_F(OwnCommandTest, TimeLimitLeavesNoProcess) {
  const TempDir directory;
  settings_.command =
      "sleep 300 & echo $! >" + directory.file("pid") + "; wait";
  settings_.limit_s = 1;
  EXPECT_TRUE(Contains(Run().error, "was killed after 1 s"));
  pid_t pid = 0;
  std::ifstream(directory.file("pid")) >> pid;
  ASSERT_GT(pid, 0);
  // Killed, the process ends when the kernel next runs it.
  const auto limit = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (IsAlive(pid) && std::chrono::steady_clock::now() < limit) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_FALSE(IsAlive(pid));
}

TEST(FigureTest, LastMatchCountsAndMustBeANumber) {
  double value = 0;
  std::string error;
  EXPECT_TRUE(FindFigure("x=([0-9.]+)", "x=1 x=2.5", &value, &error));
  EXPECT_EQ(value, 2.5);
  EXPECT_FALSE(FindFigure("x=([0-9.]+)", "y=1", &value, &error));
  EXPECT_TRUE(Contains(error, "matches nothing"));
  EXPECT_FALSE(FindFigure("x=(.*)", "x=many", &value, &error));
  EXPECT_TRUE(Contains(error, "'many'"));
}

TEST(FigureTest, NeedsOneGroup) {
  std::string error;
  EXPECT_TRUE(CheckFigure("", &error));
  EXPECT_TRUE(CheckFigure("a(b)", &error));
  EXPECT_FALSE(CheckFigure("ab", &error));
  EXPECT_FALSE(CheckFigure("a(b", &error));
}

TEST(DeviceTest, OperationsAreFoundByNumber) {
  std::istringstream stats(
      " 254       0 vda 100 1 2 3 200 4 5 6 7 8 9\n"
      " 254       1 vda1 10 1 2 3 20 4 5 6 7 8 9\n");
  const DeviceOperations operations = ParseDiskStats(&stats, "254:1");
  EXPECT_EQ(operations.reads, 10);
  EXPECT_EQ(operations.writes, 20);
  std::istringstream none("");
  EXPECT_EQ(ParseDiskStats(&none, "0:1").reads, 0);
}

TEST(UriTest, OptionsAreAddedInTheFormOfTheUri) {
  EXPECT_EQ(WithOptions("uring://", ""), "uring://");
  EXPECT_EQ(WithOptions("uring://", "a=1"), "uring://?a=1");
  EXPECT_EQ(WithOptions("uring://?a=1", "b=2&c=3"), "uring://?a=1&b=2&c=3");
  EXPECT_EQ(WithOptions("id=uring;a=1", "b=2&c=3"), "id=uring;a=1;b=2;c=3");
}

}  // namespace
}  // namespace rocksdb_uring
