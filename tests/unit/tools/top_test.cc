// uring_top: which files it finds, what it makes of them, and the program.
//
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/unit/tools/tool_program.h"
#include "tools/top/find_files.h"
#include "tools/top/reading.h"
#include "tools/top/screen.h"

namespace rocksdb_uring {
namespace {

using nlohmann::json;

// A file as the plugin writes it, of a process with `reads` of 4 KiB each.
json Statistics(uint64_t uptime_ms, uint64_t reads) {
  return {
      {"version", "0.9.0"},
      {"pid", static_cast<uint64_t>(getpid())},
      {"uptime_ms", uptime_ms},
      {"opens", 3},
      {"fallback", {{"reason", ""}, {"remedy", ""}, {"active", false}}},
      {"engine", {{"kind", "uring"}, {"rings", 2}, {"memory_bytes", 65536}}},
      {"share", {{"percent", 60}}},
      {"ops",
       {{"multi_read",
         {{"ring", {{"count", reads}, {"bytes", reads * 4096}, {"errors", 1}}},
          {"posix", {{"count", 0}, {"bytes", 0}, {"errors", 0}}}}}}},
      {"latency",
       {{"multi_read",
         {{"ring",
           {{"count", reads},
            {"mean_ns", 80000},
            {"p50_ns", 70000},
            {"p95_ns", 90000},
            {"p99_ns", 120000},
            {"p999_ns", 200000},
            {"max_ns", 5000000}}}}}}},
      {"in_flight",
       {{"operations", 32},
        {"queued", 4},
        {"abandoned", 3},
        {"oldest_us", 31000000},
        {"oldest_kind", "multi_read"},
        {"oldest_offset", 8192},
        {"oldest_file", "/data/000012.sst"}}}};
}

class TopTest : public ToolsTest {
 protected:
  std::string Write(const std::string& name, const json& statistics) {
    WriteFile(name, statistics.dump());
    return path(name);
  }
  static Reading Read(const std::string& file) {
    Reading reading;
    std::string error;
    EXPECT_TRUE(ReadStatistics(file, &reading, &error)) << error;
    return reading;
  }
  ToolOutcome Top(std::vector<std::string> arguments,
                  const ToolEnvironment& environment = {}) {
    ToolProgram program;
    program.argv = std::move(arguments);
    program.argv.insert(program.argv.begin(), URING_TOP_PATH);
    program.environment = environment;
    return Run(program);
  }
};

TEST_F(TopTest, FindsTheFileInOptionsOfEveryForm) {
  EXPECT_EQ(StatsFileOf("stats_file=/a-%p.json", "12"), "/a-12.json");
  EXPECT_EQ(StatsFileOf("id=uring;stats_file=/b;reads=auto", "12"), "/b");
  EXPECT_EQ(StatsFileOf("uring://?reads=auto&stats_file=/c&writes=auto", "12"),
            "/c");
  EXPECT_EQ(StatsFileOf("/%p/%p/stats_file=/d", "12"), "");
  EXPECT_EQ(StatsFileOf("queue_depth=64", "12"), "");
  EXPECT_EQ(StatsFileOf("", "12"), "");
}

TEST_F(TopTest, TakesFilesDirectoriesAndPatternsOnce) {
  const std::string a = Write("a.json", Statistics(1, 1));
  const std::string b = Write("b.json", Statistics(1, 1));
  WriteFile("notes.txt", "no");
  const std::string directory = std::filesystem::path(a).parent_path();
  EXPECT_EQ(FilesOf({directory}), (std::vector<std::string>{a, b}));
  EXPECT_EQ(FilesOf({path("*.json")}), (std::vector<std::string>{a, b}));
  EXPECT_EQ(FilesOf({b, path("[ab].json"), b}),
            (std::vector<std::string>{b, a}));
  EXPECT_EQ(FilesOf({path("missing")}),
            (std::vector<std::string>{path("missing")}));
  EXPECT_TRUE(FilesOf({path("missing*")}).empty());
}

TEST_F(TopTest, FindsTheFilesThatProcessesName) {
  const std::string file = Write("uring-77.json", Statistics(1, 1));
  const std::string relative = Write("here.json", Statistics(1, 1));
  const std::filesystem::path proc = path("proc");
  for (const char* process : {"77", "78", "79", "self"}) {
    std::filesystem::create_directories(proc / process);
  }
  const std::string zero(1, '\0');
  WriteFile("proc/77/environ", "A=b" + zero + "ROCKSDB_URING_OPTIONS=" +
                                   "stats_file=" + path("uring-%p.json") +
                                   zero);
  WriteFile("proc/78/environ",
            "ROCKSDB_URING_OPTIONS=stats_file=here.json" + zero);
  std::filesystem::create_symlink(std::filesystem::path(relative).parent_path(),
                                  proc / "78" / "cwd");
  WriteFile("proc/79/environ",
            "ROCKSDB_URING_OPTIONS=stats_file=/not/there" + zero);
  std::vector<std::string> found = FilesOfProcesses(proc);
  std::sort(found.begin(), found.end());
  EXPECT_EQ(found, (std::vector<std::string>{relative, file}));
}

TEST_F(TopTest, RatesAreThoseBetweenTwoWrites) {
  const Reading before = Read(Write("s.json", Statistics(10000, 1000)));
  const Reading now = Read(Write("s.json", Statistics(12000, 2000)));
  const std::string text = FormatReading(now, &before, "db_bench");
  EXPECT_TRUE(Contains(text, "db_bench (" + std::to_string(getpid()) +
                                 "): io_uring in use, up 0:00:12"))
      << text;
  EXPECT_TRUE(Contains(text, "rates of 2.0 s")) << text;
  EXPECT_TRUE(Contains(text, " 500.0      1.95       1 ")) << text;
  EXPECT_TRUE(Contains(text, "share 60 %")) << text;
  EXPECT_TRUE(Contains(text,
                       "in flight 32, queued 4, abandoned at their deadline 3, "
                       "oldest 31 s: multi_read of "
                       "/data/000012.sst at offset 8192"))
      << text;
  EXPECT_FALSE(Contains(text, "posix")) << "nothing took that path: " << text;
}

TEST_F(TopTest, WithoutAnEarlierStateRatesAreThoseSinceTheStart) {
  const Reading now = Read(Write("s.json", Statistics(10000, 2000)));
  EXPECT_TRUE(
      Contains(FormatReading(now, nullptr, "x"), "rates since the start"));
  EXPECT_TRUE(Contains(FormatReading(now, nullptr, "x"), " 200.0 "));
  Reading other = now;
  other.pid = 1;
  other.uptime_ms = 1;
  EXPECT_TRUE(Contains(FormatReading(now, &other, "x"), "since the start"));
}

TEST_F(TopTest, TellsAtTheTopWhatIsWrong) {
  json statistics = Statistics(10000, 2000);
  statistics["fallback"] = {{"reason", "no memory for rings"},
                            {"remedy", "raise ulimit -l"},
                            {"active", true}};
  const Reading fallback = Read(Write("s.json", statistics));
  std::string text = FormatReading(fallback, nullptr, "");
  EXPECT_TRUE(Contains(text, "(does not run here): POSIX in use")) << text;
  EXPECT_TRUE(Contains(text, "POSIX, because no memory for rings")) << text;
  EXPECT_TRUE(Contains(text, "remedy: raise ulimit -l")) << text;
  statistics["opens"] = 0;
  text = FormatReading(Read(Write("s.json", statistics)), nullptr, "x");
  EXPECT_TRUE(Contains(text, "NOT USED")) << text;
  Reading stale = fallback;
  stale.age_s = 75;
  EXPECT_TRUE(
      Contains(FormatReading(stale, nullptr, "x"), "STALE: written 75 s ago"));
}

TEST_F(TopTest, FilesOutsideTheShareHaveRowsOfTheirOwn) {
  json statistics = Statistics(10000, 2000);
  statistics["posix_share"]["ops"] = statistics["ops"];
  const std::string text =
      FormatReading(Read(Write("s.json", statistics)), nullptr, "x");
  EXPECT_TRUE(Contains(text, "multi_read      outside share ")) << text;
}

// A file name may have been chosen to paint on the screen of the operator.
TEST_F(TopTest, ShowsNoControlCharacters) {
  json statistics = Statistics(10000, 2000);
  statistics["in_flight"]["oldest_file"] = "/data/\x1b[2Jx\n";
  statistics["ops"]["\x1b[31m"] = statistics["ops"]["multi_read"];
  const std::string text =
      FormatReading(Read(Write("s.json", statistics)), nullptr, "x");
  EXPECT_EQ(text.find('\x1b'), std::string::npos) << text;
}

TEST_F(TopTest, ReadsFilesOfOlderVersionsAndOfWrongTypes) {
  json old = Statistics(10000, 2000);
  for (const char* key :
       {"pid", "uptime_ms", "latency", "in_flight", "share"}) {
    old.erase(key);
  }
  const Reading reading = Read(Write("s.json", old));
  EXPECT_EQ(reading.share_percent, 100u);
  EXPECT_TRUE(Contains(FormatReading(reading, nullptr, ""), "multi_read"));
  json wrong = Statistics(10000, 2000);
  for (auto& value : wrong) {
    value = "text";
  }
  EXPECT_TRUE(Read(Write("s.json", wrong)).rows.empty());
  wrong = Statistics(10000, 2000);
  wrong["ops"]["multi_read"] = 7;
  wrong["fallback"]["active"] = "yes";
  EXPECT_TRUE(Read(Write("s.json", wrong)).rows.empty());
}

TEST_F(TopTest, OncePrintsPlainTextAndExits) {
  const std::string file = Write("s.json", Statistics(10000, 2000));
  const ToolOutcome outcome = Top({"--once", "--interval=0.01", file});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.err, "");
  EXPECT_TRUE(Contains(outcome.out, "multi_read")) << outcome.out;
  EXPECT_TRUE(Contains(outcome.out, file)) << outcome.out;
  EXPECT_EQ(outcome.out.find('\x1b'), std::string::npos);
}

TEST_F(TopTest, SaysWhatIsWrongWithAFile) {
  const std::string good = Write("s.json", Statistics(10000, 2000));
  ToolOutcome outcome =
      Top({"--once", "--interval=0.01", path("missing.json")});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_TRUE(Contains(outcome.err, "missing.json: No such file"));
  WriteFile("other.json", "{\"a\": 1}");
  outcome = Top({"--once", "--interval=0.01", path("other.json")});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_TRUE(Contains(outcome.err, "is no statistics file"));
  outcome = Top({"--once", "--interval=0.01", path("other.json"), good});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_TRUE(Contains(outcome.out, "is no statistics file"));
  outcome = Top({"--once", "--interval=0.01", path("none*")});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_TRUE(Contains(outcome.err, "no statistics file in"));
}

TEST_F(TopTest, BadUsage) {
  for (const char* argument :
       {"--interval=0", "--interval=-1", "--interval=x", "--twice"}) {
    const ToolOutcome outcome = Top({argument});
    EXPECT_EQ(outcome.exit_code, 2) << argument;
    EXPECT_TRUE(Contains(outcome.err, "uring_top: ")) << outcome.err;
  }
}

}  // namespace
}  // namespace rocksdb_uring
