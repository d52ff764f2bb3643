// Stock programs of the distribution with the shared library preloaded: what a
// user does who builds nothing.
//
// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/file/child.h"
#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {
namespace {

using nlohmann::json;

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define BUILT_WITH_SANITIZER 1
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BUILT_WITH_SANITIZER 1
#endif
#ifdef BUILT_WITH_SANITIZER
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

class LoadedTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (kSanitized) {
      GTEST_SKIP() << "a library built with a sanitizer cannot be loaded into "
                      "a program that is not";
    }
    if (const std::string missing = FindProgram("db_bench", &db_bench_);
        !missing.empty()) {
      if (RingRequired()) {
        FAIL() << "ROCKSDB_URING_REQUIRE is set, but " << missing;
      }
      GTEST_SKIP() << missing;
    }
  }

  static std::string FindProgram(const std::string& name, std::string* path) {
    *path = "/usr/bin/" + name;
    return access(path->c_str(), X_OK) == 0
               ? std::string()
               : *path + " is not there: install rocksdb-tools";
  }

  ChildResult Run(const std::vector<std::string>& argv) {
    return RunChild(argv, {{"LD_PRELOAD", ROCKSDB_URING_LIBRARY}});
  }

  ChildResult Bench(const std::string& benchmarks,
                    const std::vector<std::string>& more) {
    std::vector<std::string> argv = {db_bench_,
                                     "--fs_uri=uring://?stats_file=" + stats_,
                                     "--db=" + db_,
                                     "--benchmarks=" + benchmarks,
                                     "--num=20000",
                                     "--value_size=100",
                                     "--compression_type=none",
                                     "--cache_size=0",
                                     "--seed=1"};
    argv.insert(argv.end(), more.begin(), more.end());
    unlink(stats_.c_str());
    const ChildResult result = Run(argv);
    EXPECT_EQ(result.exit_code, 0) << result.output;
    statistics_ = json::parse(ReadWholeFile(stats_), nullptr, false);
    EXPECT_TRUE(statistics_.is_object()) << "no statistics: " << result.output;
    if (statistics_.is_object()) {
      EXPECT_GT(statistics_["opens"], 0);
    }
    return result;
  }

  uint64_t Count(const std::string& kind, const std::string& path) {
    return statistics_.at("ops").at(kind).at(path).at("count");
  }
  uint64_t Count(const std::string& kind) {
    uint64_t sum = 0;
    for (const char* path : {"ring", "posix", "page_cache", "read_ahead"}) {
      sum += Count(kind, path);
    }
    return sum;
  }

  // "(x of y found)" of the output: all were.
  static ::testing::AssertionResult AllFound(const std::string& output) {
    const size_t found = output.find(" of ", output.find('('));
    const size_t open = output.rfind('(', found);
    if (found == std::string::npos || open == std::string::npos) {
      return ::testing::AssertionFailure() << "no count in: " << output;
    }
    const auto first = strtoull(output.c_str() + open + 1, nullptr, 10);
    const auto second = strtoull(output.c_str() + found + 4, nullptr, 10);
    return first == second && first > 0 ? ::testing::AssertionSuccess()
                                        : ::testing::AssertionFailure()
                                              << first << " of " << second
                                              << " found";
  }

  TempDir directory_;
  const std::string db_ = directory_.file("db");
  const std::string stats_ = directory_.file("stats.json");
  std::string db_bench_;
  json statistics_;
};

TEST_F(LoadedTest, FillAndMultiGet) {
  Bench("fillseq,compact", {});
  for (const char* direct : {"false", "true"}) {
    const ChildResult result = Bench(
        "multireadrandom", {"--use_existing_db", "--multiread_batched=true",
                            "--batch_size=32", "--reads=20000", "--threads=2",
                            std::string("--use_direct_reads=") + direct});
    EXPECT_TRUE(AllFound(result.output));
    EXPECT_GT(Count("multi_read"), 0u);
    if (WhyNoRing().empty() && std::string(direct) == "true") {
      EXPECT_GT(Count("multi_read", "ring"), 0u);
    }
  }
}

TEST_F(LoadedTest, FillAndSeekWithAsyncIo) {
  Bench("fillseq,compact", {});
  for (const char* direct : {"false", "true"}) {
    const ChildResult result =
        Bench("seekrandom",
              {"--use_existing_db", "--seek_nexts=200", "--async_io=true",
               "--reads=500", std::string("--use_direct_reads=") + direct});
    EXPECT_TRUE(AllFound(result.output));
    EXPECT_GT(Count("read"), 0u);
    if (WhyNoRing().empty()) {
      EXPECT_GT(Count("read_async", "ring"), 0u);
    }
  }
}

TEST_F(LoadedTest, DirectScanAndCompaction) {
  const ChildResult filled =
      Bench("fillrandom,compact,readseq",
            {"--use_direct_reads=true",
             "--use_direct_io_for_flush_and_compaction=true"});
  EXPECT_NE(filled.output.find("readseq"), std::string::npos);
  EXPECT_GT(Count("read"), 0u);
}

TEST_F(LoadedTest, SwitchedOffByTheEnvironment) {
  const ScopedEnvironment off("ROCKSDB_URING", "off");
  std::vector<std::string> argv = {
      db_bench_, "--fs_uri=uring://?stats_file=" + stats_, "--db=" + db_,
      "--benchmarks=fillseq", "--num=1000"};
  EXPECT_EQ(Run(argv).exit_code, 0);
  const json written = json::parse(ReadWholeFile(stats_), nullptr, false);
  ASSERT_TRUE(written.is_object());
  EXPECT_EQ(written["engine"]["kind"], "off");
  EXPECT_EQ(written["opens"], 0);
}

TEST_F(LoadedTest, BadOptionIsExplained) {
  const ChildResult result =
      Run({db_bench_, "--fs_uri=uring://?queue_dept=64", "--db=" + db_,
           "--benchmarks=fillseq", "--num=10"});
  EXPECT_NE(result.exit_code, 0);
  EXPECT_NE(result.output.find("queue_dept"), std::string::npos)
      << result.output;
}

TEST_F(LoadedTest, ToolsReadTheDatabase) {
  std::string ldb;
  ASSERT_EQ(FindProgram("ldb", &ldb), "");
  Bench("fillseq", {});
  const ChildResult scanned =
      Run({ldb, "--db=" + db_, "--fs_uri=uring://?stats_file=" + stats_, "scan",
           "--max_keys=5", "--key_hex"});
  EXPECT_EQ(scanned.exit_code, 0) << scanned.output;
  EXPECT_NE(scanned.output.find("0x"), std::string::npos) << scanned.output;
  const ChildResult checked =
      Run({ldb, "--db=" + db_, "--fs_uri=uring://", "checkconsistency"});
  EXPECT_EQ(checked.exit_code, 0) << checked.output;
  EXPECT_NE(checked.output.find("OK"), std::string::npos) << checked.output;
}

}  // namespace
}  // namespace rocksdb_uring
