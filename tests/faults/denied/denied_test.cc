// Every "no" of io_uring, made for real in a process of its own: databases on
// the plugin are right, the statistics and uring_probe say why and what to do,
// and nothing is printed.
//
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cinttypes>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/faults/denied/conditions.h"
#include "tests/faults/denied/launch.h"
#include "tests/faults/denied/sysctl_guard.h"
#include "tests/support/engine/sanitizers.h"
#include "tests/support/engine/test_support.h"
#include "tests/support/file/child.h"
#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {
namespace {

using nlohmann::json;

constexpr char kNotSupported[] = "Not implemented";

std::atomic<int> conditions{0};
std::atomic<uint64_t> operations{0};

class Summary : public ::testing::Environment {
 public:
  void TearDown() override {
    printf("denied_tests: %d conditions, %" PRIu64 " operations verified\n",
           conditions.load(), operations.load());
  }
};

const ::testing::Environment* const summary =
    ::testing::AddGlobalTestEnvironment(new Summary());

bool Has(const json& text, const std::string& part) {
  return text.is_string() &&
         text.get<std::string>().find(part) != std::string::npos;
}

size_t Occurrences(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos;
       at = text.find(part, at + part.size())) {
    ++count;
  }
  return count;
}

uint64_t Operations(const json& statistics, const std::string& path) {
  uint64_t count = 0;
  for (const auto& kind : statistics.at("ops").items()) {
    count += kind.value().at(path).at("count").get<uint64_t>();
  }
  return count;
}

uint64_t Event(const json& statistics, const char* name) {
  return statistics.at("events").at(name).get<uint64_t>();
}

class ConditionTest : public ::testing::Test {
 protected:
  ConditionTest() {
    // A user without rights works in it.
    chmod(directory_.path().c_str(), 0755);
  }

  void ExpectAll(const Condition& condition) {
    SkipWithoutRing();
    if (condition.no_descriptors && kAddressSanitizer) {
      GTEST_SKIP() << "the sanitizers need descriptors of their own";
    }
    condition_ = condition;
    const ChildResult result =
        Launch(condition_.steps, {DENIED_TEST_CHILD_PATH, condition_.scenario,
                                  std::to_string(TestSeed())});
    if (result.exit_code == kExitNotReal) {
      const bool by_nature = Has(result.output, kNotCharged);
      if (RingRequired() && !by_nature) {
        FAIL() << "ROCKSDB_URING_REQUIRE is set, but " << result.output;
      }
      GTEST_SKIP() << result.output;
    }
    EXPECT_EQ(result.output, "");
    ASSERT_EQ(result.exit_code, 0);
    report_ = json::parse(ReadWholeFile(directory_.file("report.json")));
    ++conditions;
    operations += report_.at("verified").get<uint64_t>();
    ExpectRight();
    ExpectServed();
    ExpectMoments();
    ExpectTexts(At("end").at("fallback"));
    ExpectLogs();
    ExpectStatisticsFile();
    ExpectRequire();
    ExpectProbe();
  }

 private:
  ChildResult Launch(const std::vector<std::string>& steps,
                     const std::vector<std::string>& program) {
    std::vector<std::string> argv = {DENIED_TEST_LAUNCH_PATH,
                                     directory_.path()};
    argv.insert(argv.end(), steps.begin(), steps.end());
    argv.emplace_back("--");
    argv.insert(argv.end(), program.begin(), program.end());
    return RunChild(argv,
                    {{"ROCKSDB_URING", "on"}, {"ROCKSDB_URING_OPTIONS", ""}});
  }

  json At(const char* moment) {
    const json& moments = report_.at("moments");
    return moments.contains(moment) ? moments.at(moment) : json();
  }

  void ExpectRight() {
    EXPECT_EQ(report_.at("mistakes"), json::array())
        << report_.at("mistakes").dump(2);
    EXPECT_GT(report_.at("verified"), 1000);
    if (report_.contains("async")) {
      const bool posix = At("end").at("engine").at("kind") == "posix";
      EXPECT_TRUE(Has(report_.at("async"), posix ? kNotSupported : "OK"))
          << report_.at("async");
    }
  }

  // The plugin was entered, and took the path.
  void ExpectServed() {
    const json end = At("end");
    EXPECT_GT(end.at("opens"), 0);
    for (const char* kind : {"read", "write", "sequential_read"}) {
      EXPECT_GT(end.at("ops").at(kind).at("posix").at("count"), 0) << kind;
    }
    switch (condition_.served) {
      case Served::kPosix:
        EXPECT_EQ(Operations(end, "ring"), 0u);
        EXPECT_GT(end.at("ops").at("multi_read").at("posix").at("count"), 0);
        break;
      case Served::kRing:
        EXPECT_GT(Operations(end, "ring"), 0u);
        break;
      case Served::kBoth:
        EXPECT_GT(Event(end, "rings_refused") + Event(end, "rings_retired") +
                      Event(end, "posix_rescues"),
                  0u);
    }
    if (condition_.no_nowait) {
      EXPECT_EQ(Operations(end, "page_cache"), 0u);
    }
  }

  // What comes later was not there before, and may go again.
  void ExpectMoments() {
    const json refused = At("refused");
    const json given = At("given");
    if (refused.is_null()) {
      return;
    }
    EXPECT_EQ(At("open").at("fallback").at("reason"), "");
    EXPECT_FALSE(At("open").at("fallback").at("active"));
    if (given.is_null()) {
      EXPECT_GT(Operations(refused, "ring"), 0u) << "rings were in use";
      return;
    }
    EXPECT_EQ(Operations(refused, "ring"), 0u);
    EXPECT_GT(Event(refused, "rings_refused"), 0u);
    EXPECT_TRUE(refused.at("fallback").at("active"));
    ExpectTexts(refused.at("fallback"));
    EXPECT_GT(Operations(given, "ring"), 0u);
    EXPECT_FALSE(given.at("fallback").at("active"));
  }

  void ExpectTexts(const json& fallback) {
    if (condition_.reason.empty() ||
        (condition_.reason_optional && fallback.at("reason") == "")) {
      EXPECT_EQ(fallback.at("reason"), "");
      EXPECT_EQ(fallback.at("remedy"), "");
      return;
    }
    EXPECT_TRUE(Has(fallback.at("reason"), condition_.reason)) << fallback;
    EXPECT_TRUE(Has(fallback.at("remedy"), condition_.remedy)) << fallback;
  }

  // RocksDB's LOG says once why POSIX serves and what to do, in one line.
  void ExpectLogs() {
    for (const json& log : report_.value("logs", json::array())) {
      const json& fallback = log.at("fallback");
      const std::string text = log.at("text");
      std::vector<std::string> once = {"uring file system: "};
      if (fallback.at("active")) {
        const std::string reason = fallback.at("reason");
        const std::string remedy = fallback.at("remedy");
        once.insert(once.end(), {"POSIX in use, Linux ", reason, remedy,
                                 ": " + reason + "; remedy: " + remedy});
      } else {
        once.push_back(", io_uring in use, Linux ");
      }
      for (const std::string& part : once) {
        EXPECT_EQ(Occurrences(text, part), 1u) << part;
      }
    }
  }

  void ExpectStatisticsFile() {
    const json file = json::parse(ReadWholeFile(directory_.file("stats.json")));
    const json end = At("end");
    EXPECT_EQ(end.at("fallback").at("active"), condition_.active);
    for (const char* part : {"fallback", "opens", "ops"}) {
      EXPECT_EQ(file.at(part), end.at(part)) << part;
    }
  }

  void ExpectRequire() {
    const json& status = report_.at("require");
    if (!condition_.require_fails) {
      EXPECT_EQ(status, "OK");
      return;
    }
    const json fallback = At("end").at("fallback");
    EXPECT_TRUE(Has(status, kNotSupported)) << status;
    EXPECT_TRUE(Has(status, "fallback=require")) << status;
    EXPECT_TRUE(Has(status, fallback.at("reason"))) << status;
    EXPECT_TRUE(Has(status, fallback.at("remedy"))) << status;
  }

  void ExpectProbe() {
    if (condition_.probed == Probed::kNot) {
      return;
    }
    const ChildResult result =
        Launch(StepsAgain(condition_.steps),
               {URING_PROBE_PATH, "--json", condition_.probe_path});
    const json probe = json::parse(result.output, nullptr, false);
    ASSERT_TRUE(probe.is_object()) << result.output;
    const json fallback = At("end").at("fallback");
    switch (condition_.probed) {
      case Probed::kRefuse:
        EXPECT_EQ(result.exit_code, 1);
        EXPECT_EQ(probe.at("reason"), fallback.at("reason"));
        EXPECT_EQ(probe.at("remedy"), fallback.at("remedy"));
        break;
      case Probed::kLimits:
        EXPECT_LT(probe.at("rings").at("created"),
                  probe.at("rings").at("wanted"));
        ExpectTexts(probe.at("rings"));
        break;
      default:
        EXPECT_EQ(result.exit_code, 0) << result.output;
        EXPECT_EQ(probe.at("reason"), "");
    }
    for (const auto& [key, answer] : condition_.probe_says) {
      EXPECT_EQ(probe.at("path").at(key).at("answer"), answer) << key;
    }
  }

  TempDir directory_;
  Condition condition_;
  json report_;
};

class DeniedTest : public ConditionTest,
                   public ::testing::WithParamInterface<Condition> {};

TEST_P(DeniedTest, DatabasesAreRightAndTheReasonIsTold) {
  ExpectAll(GetParam());
}

INSTANTIATE_TEST_SUITE_P(Conditions, DeniedTest,
                         ::testing::ValuesIn(AllConditions()),
                         [](const ::testing::TestParamInfo<Condition>& info) {
                           return info.param.name;
                         });

// The sysctl for real. It belongs to the machine: every other test that uses a
// ring fails meanwhile. So these run alone (ctest's RUN_SERIAL), and only when
// asked for.
class SysctlTest : public ConditionTest,
                   public ::testing::WithParamInterface<int> {};

TEST_P(SysctlTest, DatabasesAreRightAndTheReasonIsTold) {
  if (!FullTests()) {
    GTEST_SKIP() << "kernel.io_uring_disabled is the whole machine's: only "
                    "with ROCKSDB_URING_TEST_FULL=1";
  }
  if (kAddressSanitizer || kThreadSanitizer) {
    GTEST_SKIP() << "other tests run beside those with a sanitizer";
  }
  if (SysctlGuard::Value() != 0) {
    GTEST_SKIP() << "kernel.io_uring_disabled is " << SysctlGuard::Value()
                 << " (-1: there is none)";
  }
  WhyNoRing();
  {
    const SysctlGuard guard(GetParam());
    if (!guard.why_not().empty()) {
      GTEST_SKIP() << guard.why_not();
    }
    ExpectAll(OfSysctl(GetParam(), {}));
  }
  EXPECT_EQ(SysctlGuard::Value(), 0);
}

INSTANTIATE_TEST_SUITE_P(Values, SysctlTest, ::testing::Values(1, 2));

}  // namespace
}  // namespace rocksdb_uring
