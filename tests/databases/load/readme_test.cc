// The shell commands in the README files: every block is run as it is written,
// the way a new user would, in a directory and a home of its own.
//
// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <filesystem>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "env/base/version.h"
#include "rocksdb/version.h"
#include "tests/databases/load/load_test_support.h"
#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {
namespace {

namespace fs = std::filesystem;

// A plain Debian's: no toolchain from a home directory.
constexpr char kPath[] =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

#define URING_STRING_OF(value) #value
#define URING_STRING(value) URING_STRING_OF(value)
// Debian's package of the library that was built against.
constexpr char kLibraryPackage[] =
    "librocksdb" URING_STRING(ROCKSDB_MAJOR) "." URING_STRING(ROCKSDB_MINOR);

// `file` is relative to the top. Without a heading: all headings that have
// commands.
std::string ReadmeBlock(const std::string& file, const std::string& heading) {
  std::vector<std::string> argv = {ROCKSDB_URING_SOURCE_DIR
                                   "/tests/scripts/readme_block.sh",
                                   ROCKSDB_URING_SOURCE_DIR "/" + file};
  if (!heading.empty()) {
    argv.push_back(heading);
  }
  const ChildResult result = RunChild(argv);
  EXPECT_EQ(result.exit_code, 0) << result.output;
  return result.output;
}

// What the other blocks rely on.
std::string InstallBlock() {
  return ReadmeBlock("plugin/README.md", "Install");
}

// In `needs`: io_uring itself.
constexpr char kRing[] = "io_uring";

// A block, and how to see that it worked.
struct Way {
  const char* file;
  const char* heading;
  // Programs that it needs, beside a compiler.
  std::vector<std::string> needs;
  // What its output must hold.
  std::vector<std::string> output;
  // Whether a program of it uses the plugin and can prove it.
  bool statistics;
};

void PrintTo(const Way& way, std::ostream* out) { *out << way.heading; }

const std::vector<Way>& Ways() {
  static const char* const plugin = "plugin/README.md";
  static const char* const tools = "tools/README.md";
  static const std::string version = kVersion;
  static const auto* ways = new std::vector<Way>{
      {plugin, "Install", {}, {"librocksdb_uring_preload.so"}, false},
      {plugin, "A program that takes a URI", {"db_bench"}, {"readseq"}, true},
      {plugin, "A program that takes nothing", {"db_bench"}, {"readseq"}, true},
      {plugin, "C++ with CMake", {}, {"OK: hello"}, true},
      {plugin, "C++ with pkg-config", {"pkg-config"}, {"OK: hello"}, true},
      {plugin, "C", {"pkg-config"}, {"hello"}, true},
      {plugin, "Python", {"python3"}, {"hello"}, true},
      {plugin, "Go", {"go", "pkg-config"}, {"hello"}, true},
      {plugin, "Rust", {"rustc"}, {"hello"}, true},
      {plugin, "Java", {"javac", "java", "pkg-config"}, {"hello"}, true},
      {plugin,
       "Debian package",
       {"dpkg-shlibdeps"},
       {kLibraryPackage, " Version: " + version + "-1\n"},
       false},
      {plugin,
       "The engine without RocksDB",
       {},
       {"32 of 32 blocks are right"},
       false},
      {plugin, "Roll back", {"db_bench"}, {"readseq"}, true},
      {"README.md", "Ask the machine", {kRing}, {"io_uring is usable"}, false},
      {"README.md",
       "Run a program, and look at its statistics",
       {"db_bench"},
       {"\"version\": \"" + version + "\"", "\"reason\": "},
       true},
      {tools,
       "What this machine allows",
       {kRing},
       {"io_uring is usable"},
       false},
      {tools,
       "Which loading method works for a program",
       {"db_bench"},
       {"a preload reaches it"},
       false},
      {tools, "A running program", {"db_bench"}, {" in use, up "}, false},
      {tools, "The engine alone", {kRing}, {"CPU"}, false},
      {tools, "All benchmarks", {kRing}, {"stress: 1024 in flight"}, false},
      {tools,
       "One workload",
       {kRing, "db_bench"},
       {"multiget_direct_t1"},
       false},
      {tools,
       "A program of your own",
       {kRing, "db_bench"},
       {"B served by: ", "verdict: "},
       false},
      {tools,
       "Canary, growth and rollback",
       {kRing, "db_bench", "python3"},
       {"share   5 %", "share 100 %", "share   0 %", "write 0 to 100",
        "share 100 -> 0"},
       false},
      {tools,
       "A trace of your own",
       {kRing, "db_bench"},
       {"uring served by", "verdict: "},
       false}};
  return *ways;
}

class ReadmeTest : public ::testing::TestWithParam<Way> {
 protected:
  void SetUp() override {
    if (BuiltWithSanitizer()) {
      GTEST_SKIP() << "programs of users are built without sanitizers";
    }
    for (const std::string& program : GetParam().needs) {
      if (program == kRing) {
        SkipWithoutRing();
        continue;
      }
      if (RunBash("command -v " + program).exit_code != 0) {
        // Toolchains of other languages are installed for the long run only.
        if (RingRequired() && FullTests()) {
          FAIL() << "ROCKSDB_URING_REQUIRE is set, but there is no " << program;
        }
        GTEST_SKIP() << "no " << program << " here";
      }
    }
    fs::create_directories(home_);
    fs::create_directories(checkout_ + "/build");
    fs::create_directory_symlink(ROCKSDB_URING_BINARY_DIR,
                                 checkout_ + "/build/release");
    fs::create_directory_symlink(ROCKSDB_URING_SOURCE_DIR "/plugin",
                                 checkout_ + "/plugin");
  }

  // In the checkout, with the home, and options that make programs write
  // statistics.
  ChildResult RunBash(const std::string& text) {
    return RunChild(
        {"/bin/bash", "-euo", "pipefail", "-c",
         (fs::exists(checkout_) ? "cd " + checkout_ + "\n" : "") + text},
        {{"HOME", home_},
         {"PATH", kPath},
         {"TMPDIR", home_},
         {"GOCACHE", ROCKSDB_URING_BINARY_DIR "/go-cache"},
         {"ROCKSDB_URING", "on"},
         {"ROCKSDB_URING_OPTIONS",
          "stats_interval_s=0;stats_file=" + home_ + "/uring-%p.json"}});
  }

  // The sum of a number in the statistics of all programs, by its JSON pointer.
  uint64_t Counter(const std::string& pointer) const {
    uint64_t sum = 0;
    for (const auto& entry : fs::directory_iterator(home_)) {
      const std::string name = entry.path().filename();
      if (name.rfind("uring-", 0) == 0) {
        sum += nlohmann::json::parse(ReadWholeFile(entry.path()))
                   .at(nlohmann::json::json_pointer(pointer))
                   .get<uint64_t>();
      }
    }
    return sum;
  }

  TempDir directory_;
  const std::string home_ = directory_.file("home");
  const std::string checkout_ = directory_.file("checkout");
};

TEST_P(ReadmeTest, RunsAsWritten) {
  const Way& way = GetParam();
  const std::string install = InstallBlock();
  if (way.heading != std::string("Install")) {
    const ChildResult installed = RunBash(install);
    ASSERT_EQ(installed.exit_code, 0) << installed.output;
  }
  const ChildResult result = RunBash(ReadmeBlock(way.file, way.heading));
  EXPECT_EQ(result.exit_code, 0) << result.output;
  for (const std::string& part : way.output) {
    EXPECT_NE(result.output.find(part), std::string::npos)
        << part << " in " << result.output;
  }
  EXPECT_EQ(Counter("/opens") > 0, way.statistics) << result.output;
}

std::string WayName(const ::testing::TestParamInfo<Way>& info) {
  std::string name;
  for (const char c : std::string(info.param.heading)) {
    name += c == '+' ? "p" : std::isalnum(c) != 0 ? std::string(1, c) : "";
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(Blocks, ReadmeTest, ::testing::ValuesIn(Ways()),
                         WayName);

// The same commands with another benchmark: those of README read nothing that
// would take a ring.
class ReadmeRingTest : public ReadmeTest {};

TEST_P(ReadmeRingTest, DirectMultiGetTakesRings) {
  SkipWithoutRing();
  WriteFile(directory_.file("probe"), "");
  SkipWithoutDirectReads(true, directory_.file("probe"));
  std::string block = ReadmeBlock(GetParam().file, GetParam().heading);
  const std::string written = "fillseq,readseq";
  ASSERT_NE(block.find(written), std::string::npos) << block;
  block.replace(block.find(written), written.size(),
                "fillseq,compact,multireadrandom --multiread_batched "
                "--batch_size=32 --use_direct_reads --cache_size=0");
  const ChildResult result = RunBash(InstallBlock() + block);
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_GT(Counter(kRingReads), 0u) << result.output;
}

INSTANTIATE_TEST_SUITE_P(LoadIt, ReadmeRingTest,
                         ::testing::Values(Ways()[1], Ways()[2]), WayName);

// Blocks that this test does not run, and what does.
const std::set<std::string>& RunElsewhere() {
  static const auto* blocks = new std::set<std::string>{
      // tests/platforms/packages/run.sh: they build, and change the system.
      "README.md: Build it", "plugin/README.md: With the package installed",
      // tests/platforms/intree/run.sh.
      "plugin/README.md: Inside RocksDB's own build",
      // tests/platforms/coroutines/run.sh.
      "patches/README.md: Building", "patches/README.md: Using it",
      // By hand, on a RocksDB 11.8 that was built with coroutines; async_get.cc
      // of the same folder makes these calls.
      "patches/README.md: GetAsync and MultiGetAsync"};
  return *blocks;
}

TEST(ReadmeWaysTest, AllAreTested) {
  std::set<std::string> tested = RunElsewhere();
  for (const Way& way : Ways()) {
    tested.insert(std::string(way.file) + ": " + way.heading);
  }
  std::set<std::string> written;
  for (const char* file :
       {"README.md", "CONTRIBUTING.md", "env/README.md", "env/MEASUREMENTS.md",
        "patches/README.md", "plugin/README.md", "tests/README.md",
        "tools/README.md"}) {
    std::istringstream headings(ReadmeBlock(file, ""));
    for (std::string heading; std::getline(headings, heading);) {
      written.insert(std::string(file) + ": " + heading);
    }
  }
  EXPECT_EQ(written, tested);
}

// What cannot be run here is at least shell.
TEST(ReadmeWaysTest, AllCanBeParsed) {
  for (const std::string& block : RunElsewhere()) {
    const size_t colon = block.find(": ");
    const ChildResult result = RunChild(
        {"/bin/bash", "-n", "-c",
         ReadmeBlock(block.substr(0, colon), block.substr(colon + 2))});
    EXPECT_EQ(result.exit_code, 0) << block << "\n" << result.output;
  }
}

}  // namespace
}  // namespace rocksdb_uring
