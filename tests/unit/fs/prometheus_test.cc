// The text for Prometheus, and the file that it is written to.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/fs/prometheus.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "env/base/version.h"
#include "env/fs/prometheus_text.h"
#include "rocksdb_uring/uring.h"
#include "tests/support/engine/stuck_system_calls.h"
#include "tests/support/file/file_test_support.h"
#include "tests/support/file/prometheus_parser.h"

namespace rocksdb_uring {
namespace {

using Labels = PrometheusMetrics::Labels;

TEST(PrometheusTextTest, SecondsAreExactInEveryLocale) {
  EXPECT_EQ(Seconds(0), "0");
  EXPECT_EQ(Seconds(1), "0.000000001");
  EXPECT_EQ(Seconds(25000), "0.000025");
  EXPECT_EQ(Seconds(1000000000), "1");
  EXPECT_EQ(Seconds(12340000000), "12.34");
  EXPECT_EQ(Seconds(UINT64_MAX), "18446744073.709551615");
}

TEST(PrometheusTextTest, EscapesLabelsAndHelp) {
  PrometheusText text(PrometheusText::Labels{{"pid", "7"}});
  text.Metric("a_info", "gauge", "back\\slash and\nline");
  text.Sample({{"reason", "\"q\" \\ \n end"}}, 1);
  EXPECT_EQ(text.text(),
            "# HELP a_info back\\\\slash and\\nline\n"
            "# TYPE a_info gauge\n"
            "a_info{pid=\"7\",reason=\"\\\"q\\\" \\\\ \\n end\"} 1\n");
  EXPECT_EQ(ParsePrometheus(text.text()).complaints, "");
}

// The parser that the other tests rely on complains.
TEST(PrometheusTextTest, TheParserIsStrict) {
  const std::string good =
      "# HELP a_total Help.\n# TYPE a_total counter\na_total{b=\"c\"} 1\n";
  EXPECT_EQ(ParsePrometheus(good).complaints, "");
  for (const std::string& bad :
       {std::string(), std::string("a_total 1\n"),
        std::string("# HELP a Help.\n# TYPE a counter\na 1\n"),
        std::string("# HELP a_total Help.\n# TYPE a_total gauge\na_total 1\n"),
        std::string("# TYPE a gauge\na 1\n"), good + "a_total{b=\"c\"} 2\n",
        good + "a_total{b=\"c} 2\n", good + "a_total{b=\"d\",} 2 x\n",
        good + "b_total 1\n", good + good, good + "\n",
        good.substr(0, good.size() - 1),
        std::string("# HELP h Help.\n# TYPE h histogram\n"
                    "h_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 1\n"
                    "h_sum 1\nh_count 1\n"),
        std::string("# HELP h Help.\n# TYPE h histogram\n"
                    "h_bucket{le=\"1\"} 1\nh_sum 1\nh_count 1\n")}) {
    EXPECT_NE(ParsePrometheus(bad).complaints, "") << bad;
  }
}

class PrometheusTest : public ::testing::Test {
 protected:
  void SetUp() override {
    WriteFile(path_, RandomBytes(100000, 25));
    engine_ = MakeEngine(EngineOptions());
    SharedEngine::InstallForTests(engine_);
  }

  std::shared_ptr<rocksdb::FileSystem> Open(const std::string& more = "") {
    return OpenFileSystem("stats_interval_s=0;prometheus_file=" + metrics_ +
                          more);
  }

  // A batch of four, and a write.
  void Work(rocksdb::FileSystem* file_system) {
    const auto file = OpenRandomAccess(file_system, path_, false);
    rocksdb::FSReadRequest requests[4];
    Scratch scratch(4 * kBlock);
    for (size_t i = 0; i < 4; ++i) {
      requests[i].offset = i * kBlock;
      requests[i].len = kBlock;
      requests[i].scratch = scratch.data() + i * kBlock;
    }
    EXPECT_TRUE(
        file->MultiRead(requests, 4, rocksdb::IOOptions(), nullptr).ok());
    std::unique_ptr<rocksdb::FSWritableFile> log;
    ASSERT_TRUE(file_system
                    ->NewWritableFile(directory_.file("000026.log"),
                                      rocksdb::FileOptions(), &log, nullptr)
                    .ok());
    EXPECT_TRUE(log->Append("12345", rocksdb::IOOptions(), nullptr).ok());
    EXPECT_TRUE(log->Close(rocksdb::IOOptions(), nullptr).ok());
  }

  PrometheusMetrics Written() const {
    return ParsePrometheus(ReadWholeFile(metrics_));
  }

  TempDir directory_;
  const std::string path_ = directory_.file("000025.sst");
  const std::string metrics_ = directory_.file("uring.prom");
  std::shared_ptr<SharedEngine> engine_;
};

TEST_F(PrometheusTest, HasTheCountersOfTheStatistics) {
  auto file_system = Open();
  Work(file_system.get());
  const auto numbers = StatisticsOf(file_system.get());
  file_system.reset();
  const PrometheusMetrics metrics = Written();
  EXPECT_EQ(metrics.complaints, "");
  EXPECT_EQ(metrics.Value("rocksdb_uring_opens_total"), 2);
  EXPECT_EQ(
      metrics.Value("rocksdb_uring_info",
                    {{"version", kVersion},
                     {"engine", engine_->has_rings() ? "uring" : "posix"}}),
      1);
  size_t pairs = 0;
  for (size_t kind = 0; kind < kStatKindCount; ++kind) {
    for (size_t path = 0; path < kIoPathCount; ++path) {
      const Labels labels = {
          {"kind", StatKindName(static_cast<StatKind>(kind))},
          {"path", IoPathName(static_cast<IoPath>(path))}};
      const std::string key =
          "ops." + labels.at("kind") + "." + labels.at("path");
      const auto count = static_cast<double>(numbers.at(key + ".count"));
      const auto bytes = static_cast<double>(numbers.at(key + ".bytes"));
      const bool there = count > 0;
      pairs += there ? 1 : 0;
      EXPECT_EQ(metrics.Value("rocksdb_uring_operations_total", labels),
                there ? count : -1);
      EXPECT_EQ(metrics.Value("rocksdb_uring_operation_bytes_total", labels),
                there ? bytes : -1);
    }
  }
  EXPECT_GE(pairs, 2u);
}

TEST_F(PrometheusTest, HistogramsHaveWhatWasTimed) {
  auto file_system = Open();
  Work(file_system.get());
  file_system.reset();
  const PrometheusMetrics metrics = Written();
  double count = 0;
  for (const char* path : {"posix", "page_cache"}) {
    count += std::max(
        0.0, metrics.Value("rocksdb_uring_operation_duration_seconds_count",
                           {{"kind", "multi_read"}, {"path", path}}));
  }
  EXPECT_EQ(count, 4);
}

TEST_F(PrometheusTest, SaysWhyPosixServes) {
  engine_ = std::make_shared<SharedEngine>(
      EngineOptions(),
      ExplainRefusal("io_uring_setup", Errno::FromErrno(EPERM)));
  SharedEngine::InstallForTests(engine_);
  Open().reset();
  const PrometheusMetrics metrics = Written();
  EXPECT_EQ(metrics.complaints, "");
  EXPECT_EQ(metrics.Value("rocksdb_uring_fallback_active"), 1);
  EXPECT_NE(ReadWholeFile(metrics_).find("rocksdb_uring_fallback_info{reason="),
            std::string::npos);
}

TEST_F(PrometheusTest, ADeviceThatHangsAgesInTheFile) {
  StuckSystemCalls calls(2 * kBlock);
  EngineOptions options;
  options.system_calls = &calls;
  SharedEngine::InstallForTests(engine_ = MakeEngine(options));
  const auto file_system = OpenFileSystem("");
  const auto file = OpenRandomAccess(file_system.get(), path_, false);
  Threads threads;
  threads.Start([&file] {
    Scratch scratch(kBlock);
    rocksdb::Slice result;
    EXPECT_TRUE(file->Read(2 * kBlock, kBlock, rocksdb::IOOptions(), &result,
                           scratch.data(), nullptr)
                    .ok());
  });
  calls.AwaitStuck(1);
  // The coarse clock has to tick.
  double age = 0;
  while (age == 0) {
    const PrometheusMetrics metrics =
        ParsePrometheus(StatsToPrometheus(engine_.get(), {}, {}, false));
    EXPECT_EQ(metrics.complaints, "");
    EXPECT_EQ(metrics.Value("rocksdb_uring_operations_in_flight"), 1);
    age = metrics.Value("rocksdb_uring_oldest_operation_age_seconds");
    ASSERT_GE(age, 0);
  }
  calls.Release();
}

// Files of two processes in one directory must not have the same series.
TEST_F(PrometheusTest, AProcessIdInTheNameIsALabelOfEverySample) {
  const std::string pid = std::to_string(getpid());
  auto file_system = OpenFileSystem("stats_interval_s=0;prometheus_file=" +
                                    directory_.file("uring-%p.prom"));
  Work(file_system.get());
  file_system.reset();
  const PrometheusMetrics metrics =
      ParsePrometheus(ReadWholeFile(directory_.file("uring-" + pid + ".prom")));
  EXPECT_EQ(metrics.complaints, "");
  ASSERT_GT(metrics.samples.size(), 30u);
  for (const PrometheusMetrics::Sample& sample : metrics.samples) {
    EXPECT_EQ(sample.labels.count("pid"), 1u) << sample.name;
    EXPECT_EQ(sample.labels.at("pid"), pid) << sample.name;
  }
}

TEST_F(PrometheusTest, WrittenPeriodicallyBesideTheStatistics) {
  const std::string stats = directory_.file("stats.json");
  const auto file_system =
      OpenFileSystem("stats_interval_s=1;stats_file=" + stats +
                     ";prometheus_file=" + metrics_);
  for (const std::string& path : {metrics_, stats, metrics_}) {
    unlink(path.c_str());
    for (int i = 0; i < 4000 && access(path.c_str(), F_OK) != 0; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    EXPECT_EQ(access(path.c_str(), F_OK), 0) << path;
  }
  EXPECT_EQ(Written().complaints, "");
}

TEST_F(PrometheusTest, TheSameByFunction) {
  const auto file_system = OpenFileSystem("");
  Work(file_system.get());
  std::string text;
  ASSERT_TRUE(GetUringStatisticsPrometheus(file_system.get(), &text).ok());
  const PrometheusMetrics metrics = ParsePrometheus(text);
  EXPECT_EQ(metrics.complaints, "");
  EXPECT_EQ(metrics.Value("rocksdb_uring_opens_total"), 2);
  EXPECT_TRUE(GetUringStatisticsPrometheus(nullptr, &text).IsInvalidArgument());
}

TEST_F(PrometheusTest, FilesOutsideTheShareAreCountedApart) {
  auto file_system = Open(";share=0");
  Work(file_system.get());
  file_system.reset();
  const PrometheusMetrics metrics = Written();
  EXPECT_EQ(metrics.complaints, "");
  const Labels reads = {{"kind", "multi_read"}, {"path", "posix"}};
  EXPECT_EQ(metrics.Value("rocksdb_uring_share_ratio"), 0);
  EXPECT_EQ(metrics.Value("rocksdb_uring_operations_total", reads), -1);
  EXPECT_EQ(metrics.Value("rocksdb_uring_posix_share_operations_total", reads),
            4);
  EXPECT_EQ(
      metrics.Value(
          "rocksdb_uring_posix_share_operation_duration_seconds_count", reads),
      4);
}

TEST_F(PrometheusTest, SwitchedOffItStillSaysSo) {
  const PrometheusMetrics metrics = ParsePrometheus(StatsToPrometheus(
      nullptr, {"ROCKSDB_URING=off in the environment", "remove it", true}, {},
      false));
  EXPECT_EQ(metrics.complaints, "");
  EXPECT_EQ(metrics.Value("rocksdb_uring_fallback_active"), 1);
}

}  // namespace
}  // namespace rocksdb_uring
