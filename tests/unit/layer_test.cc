// Checks the rule of the layers: a file includes only its own layer and those
// below it, and foreign headers only where they belong. And that the tests that
// BUGS.md names are there.
//
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "env/base/version.h"

namespace rocksdb_uring {
namespace {

namespace fs = std::filesystem;

// From the bottom to the top.
const std::vector<std::string>& Layers() {
  static const auto* layers =
      new std::vector<std::string>{"env/base/", "env/ring/", "env/engine/",
                                   "env/file/", "env/fs/",   "plugin/"};
  return *layers;
}

// -1 for what is in no layer. The public headers are the plugin's.
int LayerOf(const std::string& path) {
  if (path.rfind("rocksdb_uring/", 0) == 0) {
    return static_cast<int>(Layers().size()) - 1;
  }
  for (size_t i = 0; i < Layers().size(); ++i) {
    if (path.rfind(Layers()[i], 0) == 0) {
      return static_cast<int>(i);
    }
  }
  return -1;
}

struct Include {
  std::string file;  // relative to the top
  std::string name;
  bool quoted;
};

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

bool IsSource(const fs::path& path) {
  static const std::set<std::string> extensions = {".h", ".cc", ".c", ".cpp"};
  return extensions.count(path.extension().string()) != 0;
}

void AddIncludes(const fs::path& path, const std::string& file,
                 std::vector<Include>* out) {
  static const std::regex pattern(R"(^\s*#\s*include\s*([<"])([^">]+)[>"].*$)");
  std::ifstream in(path);
  std::string line;
  std::smatch match;
  while (std::getline(in, line)) {
    if (std::regex_match(line, match, pattern)) {
      out->push_back({file, match[2], match[1] == "\""});
    }
  }
}

std::vector<Include> AllIncludes(const std::vector<std::string>& folders) {
  const fs::path top = ROCKSDB_URING_SOURCE_DIR;
  std::vector<Include> all;
  for (const std::string& folder : folders) {
    if (!fs::exists(top / folder)) {
      continue;
    }
    for (const auto& entry : fs::recursive_directory_iterator(top / folder)) {
      if (entry.is_regular_file() && IsSource(entry.path())) {
        AddIncludes(entry.path(), fs::relative(entry.path(), top).string(),
                    &all);
      }
    }
  }
  return all;
}

bool StartsWith(const std::string& text, const std::string& start) {
  return text.rfind(start, 0) == 0;
}

// The tests of the layers that do not know RocksDB, and what these tests share.
std::vector<std::string> TestsBelowRocksDb() {
  return {"tests/unit/base", "tests/unit/ring", "tests/unit/engine",
          "tests/support/engine"};
}

TEST(LayerTest, IncludesAreFound) {
  // The rules below would hold for no includes at all.
  EXPECT_GT(AllIncludes({"env/base"}).size(), 5u);
  EXPECT_GT(AllIncludes({"env/engine"}).size(), 50u);
  for (const std::string& folder : TestsBelowRocksDb()) {
    EXPECT_GT(AllIncludes({folder}).size(), 2u) << folder;
  }
}

TEST(LayerTest, NothingIncludesALayerAboveItsOwn) {
  for (const Include& include : AllIncludes({"env", "plugin"})) {
    EXPECT_GE(LayerOf(include.file), 0)
        << include.file << " is in no layer of the design";
    EXPECT_LE(LayerOf(include.name), LayerOf(include.file))
        << include.file << " includes " << include.name;
  }
}

TEST(LayerTest, QuotedIncludesSayWhereTheyAre) {
  for (const Include& include : AllIncludes({"env", "plugin"})) {
    EXPECT_TRUE(!include.quoted || LayerOf(include.name) >= 0 ||
                StartsWith(include.name, "rocksdb/") ||
                StartsWith(include.name, "nlohmann/") ||
                StartsWith(include.name, "folly/"))
        << include.file << " includes " << include.name;
  }
}

// Only builds of RocksDB with coroutines have these headers.
TEST(LayerTest, CoroutinesAreKnownToTheirExecutorOnly) {
  for (const Include& include : AllIncludes({"env", "plugin"})) {
    EXPECT_TRUE(!StartsWith(include.name, "folly/") ||
                StartsWith(include.file, "env/fs/read_executor."))
        << include.file << " includes " << include.name;
  }
}

TEST(LayerTest, LiburingIsKnownToTheRingLayerOnly) {
  for (const Include& include :
       AllIncludes({"env", "plugin", "tests", "tools"})) {
    EXPECT_TRUE(!StartsWith(include.name, "liburing") ||
                StartsWith(include.file, "env/ring/"))
        << include.file << " includes " << include.name;
  }
}

TEST(LayerTest, RocksDbIsKnownFromTheFilesUp) {
  std::vector<std::string> folders = TestsBelowRocksDb();
  folders.insert(folders.end(), {"env/base", "env/ring", "env/engine"});
  for (const Include& include : AllIncludes(folders)) {
    // What uses RocksDB stays out, too.
    EXPECT_FALSE(StartsWith(include.name, "tests/support/file/"))
        << include.file << " includes " << include.name;
    EXPECT_FALSE(StartsWith(include.name, "rocksdb/"))
        << include.file << " includes " << include.name;
  }
}

TEST(LayerTest, FlagsAreForToolsAndTests) {
  for (const Include& include : AllIncludes({"env", "plugin"})) {
    EXPECT_FALSE(StartsWith(include.name, "gflags/"))
        << include.file << " includes " << include.name;
  }
}

TEST(LayerTest, TheLibraryKnowsNoTests) {
  for (const Include& include : AllIncludes({"env", "plugin"})) {
    EXPECT_FALSE(StartsWith(include.name, "tests/") ||
                 StartsWith(include.name, "gtest/") ||
                 StartsWith(include.name, "tools/"))
        << include.file << " includes " << include.name;
  }
}

TEST(LayerTest, PublicHeadersIncludeOnlyPublicHeaders) {
  for (const Include& include : AllIncludes({"plugin"})) {
    if (include.file.find("include/rocksdb_uring/") == std::string::npos) {
      continue;
    }
    EXPECT_FALSE(StartsWith(include.name, "env/") ||
                 StartsWith(include.name, "plugin/"))
        << include.file << " includes " << include.name;
  }
}

// getenv would let the user of a set-uid program choose files that it writes.
TEST(LayerTest, SourcesNameTheirLicence) {
  const fs::path top = ROCKSDB_URING_SOURCE_DIR;
  size_t sources = 0;
  for (const char* folder : {"env", "plugin", "tests", "tools"}) {
    for (const auto& entry : fs::recursive_directory_iterator(top / folder)) {
      if (!entry.is_regular_file() || !IsSource(entry.path())) {
        continue;
      }
      ++sources;
      EXPECT_NE(
          ReadFile(entry.path()).find("SPDX-License-Identifier: Apache-2.0"),
          std::string::npos)
          << entry.path();
    }
  }
  EXPECT_GT(sources, 100u);
}

TEST(LayerTest, EnvironmentIsReadWithSecureGetenv) {
  static const std::regex plain(R"(\bgetenv\s*\()");
  const fs::path top = ROCKSDB_URING_SOURCE_DIR;
  for (const char* folder : {"env", "plugin", "tools"}) {
    for (const auto& entry : fs::recursive_directory_iterator(top / folder)) {
      if (entry.is_regular_file() && IsSource(entry.path()) &&
          entry.path().string().find("/examples/") == std::string::npos) {
        EXPECT_FALSE(std::regex_search(ReadFile(entry.path()), plain))
            << entry.path() << ": use secure_getenv";
      }
    }
  }
}

// Tests as `Suite.Name`, and suites as `SuiteTest`.
std::set<std::string> DefinedTests(const fs::path& top) {
  static const std::regex definition(
      R"(TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\s*\))");
  std::set<std::string> defined;
  for (const auto& entry : fs::recursive_directory_iterator(top)) {
    if (entry.is_regular_file() && IsSource(entry.path())) {
      const std::string text = ReadFile(entry.path());
      for (std::sregex_iterator match(text.begin(), text.end(), definition);
           match != std::sregex_iterator(); ++match) {
        defined.insert((*match)[1].str());
        defined.insert((*match)[1].str() + "." + (*match)[2].str());
      }
    }
  }
  return defined;
}

// Behind what is not in any version yet.
TEST(DocumentsTest, ChangelogBeginsWithThisVersion) {
  const fs::path top = ROCKSDB_URING_SOURCE_DIR;
  const std::string changes = ReadFile(top / "CHANGELOG.md");
  const std::string unreleased = "\n## Unreleased\n";
  const size_t newest = changes.find(unreleased);
  const size_t heading = changes.find(
      "\n## ", newest == std::string::npos ? 0 : newest + unreleased.size());
  ASSERT_NE(heading, std::string::npos);
  EXPECT_EQ(changes.substr(heading + 4,
                           changes.find('\n', heading + 1) - (heading + 4)),
            kVersion);
}

// The lines without what they are indented by, so that a body can be compared.
std::string WithoutIndentation(const std::string& text) {
  std::istringstream lines(text);
  std::string out;
  for (std::string line; std::getline(lines, line);) {
    const size_t start = line.find_first_not_of(' ');
    out += (start == std::string::npos ? "" : line.substr(start)) + "\n";
  }
  return out;
}

// The first file of this name below `top`.
std::string FindAndRead(const fs::path& top, const std::string& name) {
  for (const auto& entry : fs::recursive_directory_iterator(top)) {
    if (entry.path().filename() == name) {
      return ReadFile(entry.path());
    }
  }
  return "";
}

TEST(DocumentsTest, ExampleOfTheEngineIsATest) {
  const fs::path top = ROCKSDB_URING_SOURCE_DIR;
  const std::string text = ReadFile(top / "env" / "README.md");
  const std::string begin = "```cpp\n";
  const size_t start = text.find(begin);
  ASSERT_NE(start, std::string::npos);
  const size_t body = start + begin.size();
  const std::string example =
      WithoutIndentation(text.substr(body, text.find("```", body) - body));
  EXPECT_GT(example.size(), 500u);
  EXPECT_NE(WithoutIndentation(FindAndRead(top / "tests", "example_test.cc"))
                .find(example),
            std::string::npos)
      << "env/README.md and example_test.cc differ";
}

TEST(DocumentsTest, TestsThatTheyNameAreThere) {
  const fs::path top = fs::path(ROCKSDB_URING_SOURCE_DIR) / "tests";
  const std::set<std::string> defined = DefinedTests(top);
  static const std::regex mention(R"(`([A-Z]\w+(?:\.[A-Z]\w*|Test))`)");
  for (const char* document : {"BUGS.md", "README.md"}) {
    const std::string text = ReadFile(top / document);
    size_t mentioned = 0;
    for (std::sregex_iterator match(text.begin(), text.end(), mention);
         match != std::sregex_iterator(); ++match, ++mentioned) {
      EXPECT_EQ(defined.count((*match)[1].str()), 1u)
          << document << ": " << (*match)[1];
    }
    EXPECT_GT(mentioned, 30u) << document;
  }
}

}  // namespace
}  // namespace rocksdb_uring
