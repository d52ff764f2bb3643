// The section "Load it" of README.md: every block is run as it stands there,
// the way a new user would, in a directory and a home of its own.
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "env/base/version.h"
#include "rocksdb/version.h"
#include "tests/file/file_test_support.h"
#include "tests/load/load_test_support.h"

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

std::string ReadmeBlock(const std::string& heading) {
  std::vector<std::string> argv = {ROCKSDB_URING_SOURCE_DIR
                                   "/tests/load/readme_block.sh",
                                   ROCKSDB_URING_SOURCE_DIR "/README.md"};
  if (!heading.empty()) {
    argv.push_back(heading);
  }
  const ChildResult result = RunChild(argv);
  EXPECT_EQ(result.exit_code, 0) << result.output;
  return result.output;
}

struct Way {
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
  static const auto* ways = new std::vector<Way>{
      {"Install", {}, {"librocksdb_uring_preload.so"}, false},
      {"A program that takes a URI", {"db_bench"}, {"readseq"}, true},
      {"A program that takes nothing", {"db_bench"}, {"readseq"}, true},
      {"C++ with CMake", {}, {"OK: hello"}, true},
      {"C++ with pkg-config", {"pkg-config"}, {"OK: hello"}, true},
      {"C", {"pkg-config"}, {"hello"}, true},
      {"Python", {"python3"}, {"hello"}, true},
      {"Go", {"go", "pkg-config"}, {"hello"}, true},
      {"Rust", {"rustc"}, {"hello"}, true},
      {"Java", {"javac", "java", "pkg-config"}, {"hello"}, true},
      {"Debian package",
       {"dpkg-shlibdeps"},
       {kLibraryPackage, std::string(" Version: ") + kVersion + "-1\n"},
       false},
      {"Roll back", {"db_bench"}, {"readseq"}, true}};
  return *ways;
}

class ReadmeTest : public ::testing::TestWithParam<Way> {
 protected:
  void SetUp() override {
    if (BuiltWithSanitizer()) {
      GTEST_SKIP() << "programs of users are built without sanitizers";
    }
    for (const std::string& program : GetParam().needs) {
      if (RunBash("command -v " + program).exit_code != 0) {
        // Toolchains of other languages are installed for the long run only.
        const char* full = getenv("ROCKSDB_URING_TEST_FULL");
        if (RingRequired() && full != nullptr && std::string(full) == "1") {
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
  const std::string install = ReadmeBlock("Install");
  std::string output;
  if (way.heading != std::string("Install")) {
    const ChildResult installed = RunBash(install);
    ASSERT_EQ(installed.exit_code, 0) << installed.output;
  }
  const ChildResult result = RunBash(ReadmeBlock(way.heading));
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

INSTANTIATE_TEST_SUITE_P(LoadIt, ReadmeTest, ::testing::ValuesIn(Ways()),
                         WayName);

// The same commands with another benchmark: those of README read nothing that
// would take a ring.
class ReadmeRingTest : public ReadmeTest {};

TEST_P(ReadmeRingTest, DirectMultiGetTakesRings) {
  SkipWithoutRing();
  WriteFile(directory_.file("probe"), "");
  SkipWithoutDirectReads(true, directory_.file("probe"));
  std::string block = ReadmeBlock(GetParam().heading);
  const std::string written = "fillseq,readseq";
  ASSERT_NE(block.find(written), std::string::npos) << block;
  block.replace(block.find(written), written.size(),
                "fillseq,compact,multireadrandom --multiread_batched "
                "--batch_size=32 --use_direct_reads --cache_size=0");
  const ChildResult result = RunBash(ReadmeBlock("Install") + block);
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_GT(Counter(kRingReads), 0u) << result.output;
}

INSTANTIATE_TEST_SUITE_P(LoadIt, ReadmeRingTest,
                         ::testing::Values(Ways()[1], Ways()[2]), WayName);

TEST(ReadmeWaysTest, AllAreTested) {
  std::set<std::string> tested;
  for (const Way& way : Ways()) {
    tested.insert(way.heading);
  }
  // tests/load/clean_root.sh runs that one: it changes the system.
  tested.insert("With the package installed");
  std::set<std::string> written;
  std::istringstream headings(ReadmeBlock(""));
  for (std::string heading; std::getline(headings, heading);) {
    written.insert(heading);
  }
  EXPECT_EQ(written, tested);
}

}  // namespace
}  // namespace rocksdb_uring
