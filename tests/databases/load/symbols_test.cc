// What the shared libraries show to the dynamic linker.
//
// SPDX-License-Identifier: Apache-2.0
#include <sstream>
#include <string>
#include <vector>

#include "tests/databases/load/load_test_support.h"

namespace rocksdb_uring {
namespace {

std::string OutputOf(const std::vector<std::string>& argv) {
  std::vector<std::string> command = {"/usr/bin/env"};
  command.insert(command.end(), argv.begin(), argv.end());
  const ChildResult result = RunChild(command);
  EXPECT_EQ(result.exit_code, 0) << result.output;
  return result.output;
}

std::vector<std::string> ExportsOf(const std::string& library) {
  std::istringstream lines(OutputOf({"nm", "-DC", "--defined-only", library}));
  std::vector<std::string> names;
  for (std::string line; std::getline(lines, line);) {
    // Address, type, name.
    names.push_back(line.substr(line.find(' ', line.find(' ') + 1) + 1));
  }
  return names;
}

bool StartsWith(const std::string& text, const std::string& start) {
  return text.rfind(start, 0) == 0;
}

// The names in brackets of the lines with this tag.
std::vector<std::string> Dynamic(const std::string& library,
                                 const std::string& tag) {
  std::istringstream lines(OutputOf({"readelf", "-d", library}));
  std::vector<std::string> names;
  for (std::string line; std::getline(lines, line);) {
    const size_t open = line.find('[');
    if (line.find("(" + tag + ")") != std::string::npos &&
        open != std::string::npos) {
      names.push_back(line.substr(open + 1, line.find(']') - open - 1));
    }
  }
  return names;
}

bool IsOfTheEngine(const std::string& name) {
  return StartsWith(name, "rocksdb_uring::DetectEngineSupport") ||
         StartsWith(name, "rocksdb_uring::EngineConfig::") ||
         StartsWith(name, "rocksdb_uring::EngineBuffer::") ||
         StartsWith(name, "rocksdb_uring::Operation::") ||
         StartsWith(name, "rocksdb_uring::Engine::") ||
         StartsWith(name, "rocksdb_uring_engine_") ||
         StartsWith(name, "rocksdb_uring_operation_") ||
         StartsWith(name, "rocksdb_uring_buffer_");
}

TEST(SymbolsTest, TheEngineExportsItsOwnFunctionsOnly) {
  const std::vector<std::string> names =
      ExportsOf(ROCKSDB_URING_ENGINE_LIBRARY);
  EXPECT_GE(names.size(), 60u);
  for (const std::string& name : names) {
    EXPECT_TRUE(IsOfTheEngine(name)) << name;
  }
  for (const std::string& needed :
       Dynamic(ROCKSDB_URING_ENGINE_LIBRARY, "NEEDED")) {
    EXPECT_FALSE(StartsWith(needed, "librocksdb")) << needed;
  }
}

TEST(SymbolsTest, PluginExportsItsOwnFunctionsOnly) {
  const std::vector<std::string> names = ExportsOf(ROCKSDB_URING_LIBRARY);
  EXPECT_GE(names.size(), 11u);
  for (const std::string& name : names) {
    EXPECT_TRUE(IsOfTheEngine(name) ||
                StartsWith(name, "rocksdb_uring::NewUring") ||
                StartsWith(name, "rocksdb_uring::GetUringStatistics") ||
                StartsWith(name, "rocksdb_uring::ChangeUringSettings") ||
                name == "rocksdb_uring_create_env" ||
                name == "rocksdb_uring_change_settings" ||
                StartsWith(name, "rocksdb_uring_statistics_") ||
                name == "rocksdb_uring_preload_hooks")
        << name;
  }
}

TEST(SymbolsTest, ShimExportsTheOneFunction) {
  EXPECT_EQ(ExportsOf(ROCKSDB_URING_PRELOAD),
            std::vector<std::string>{"rocksdb::FileSystem::Default()"});
}

TEST(SymbolsTest, ShimDependsOnTheCLibraryOnly) {
  if (BuiltWithSanitizer()) {
    GTEST_SKIP() << "a sanitizer adds its own";
  }
  EXPECT_EQ(Dynamic(ROCKSDB_URING_PRELOAD, "NEEDED"),
            std::vector<std::string>{"libc.so.6"});
}

// As it was built, and as it comes into a prefix.
TEST(SymbolsTest, PluginHasASonameAndNeedsTheSharedRocksDb) {
  const TempDir prefix;
  OutputOf({"cmake", "--install", ROCKSDB_URING_BINARY_DIR, "--prefix",
            prefix.path(), "--component", "runtime"});
  for (const std::string& library : {std::string(ROCKSDB_URING_LIBRARY),
                                     prefix.file("lib/librocksdb_uring.so")}) {
    EXPECT_EQ(Dynamic(library, "SONAME"),
              std::vector<std::string>{"librocksdb_uring.so.0"});
    size_t rocksdb = 0;
    for (const std::string& needed : Dynamic(library, "NEEDED")) {
      rocksdb += needed == ROCKSDB_URING_HOST_SONAME ? 1 : 0;
      // Linked in.
      EXPECT_FALSE(StartsWith(needed, "liburing")) << library;
    }
    EXPECT_EQ(rocksdb, 1u) << library;
  }
}

TEST(SymbolsTest, PluginHasOneStaticInitialiser) {
  if (BuiltWithSanitizer()) {
    GTEST_SKIP() << "a sanitizer adds its own";
  }
  const std::string dynamic =
      OutputOf({"readelf", "-d", ROCKSDB_URING_LIBRARY});
  // One is the compiler's own, in every library.
  EXPECT_NE(dynamic.find("(INIT_ARRAYSZ)       16 (bytes)"), std::string::npos)
      << dynamic;
}

}  // namespace
}  // namespace rocksdb_uring
