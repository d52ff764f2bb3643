// Reports in RocksDB's LOG, and the thread that makes them.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/fs/stats_log.h"

#include <atomic>
#include <chrono>
#include <filesystem>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "env/fs/ticker.h"
#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {
namespace {

using rocksdb::InfoLogLevel;
using rocksdb::IOOptions;
using rocksdb::Logger;

// Returns when `done` says so, or after an unreasonably long time.
template <typename Function>
bool Eventually(const Function& done) {
  for (int i = 0; i < 4000 && !done(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return done();
}

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(TickerTest, CallsEveryTaskAgainAndAgainAndStops) {
  std::atomic<int> first{0};
  std::atomic<int> second{0};
  std::vector<Ticker::Task> tasks;
  tasks.push_back({std::chrono::seconds(1), [&first] { ++first; }});
  tasks.push_back({std::chrono::seconds(1), [&second] { ++second; }});
  auto ticker = std::make_unique<Ticker>(std::move(tasks));
  EXPECT_TRUE(Eventually([&] { return first >= 2 && second >= 2; }));
  ticker.reset();
  const int after = first;
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  EXPECT_EQ(first, after);
}

class StatsLogTest : public ::testing::Test {
 protected:
  void SetUp() override {
    WriteFile(path_, RandomBytes(100000, 26));
    engine_ = MakeEngine(EngineOptions());
    SharedEngine::InstallForTests(engine_);
  }

  void Read(rocksdb::FileSystem* file_system) {
    const auto file = OpenRandomAccess(file_system, path_, false);
    Scratch scratch(kBlock);
    rocksdb::Slice result;
    EXPECT_TRUE(
        file->Read(0, kBlock, IOOptions(), &result, scratch.data(), nullptr)
            .ok());
  }

  std::shared_ptr<Logger> NewLogger(rocksdb::FileSystem* file_system) {
    std::shared_ptr<Logger> logger;
    EXPECT_TRUE(
        file_system->NewLogger(log_, IOOptions(), &logger, nullptr).ok());
    logger->SetInfoLogLevel(InfoLogLevel::INFO_LEVEL);
    return logger;
  }

  TempDir directory_;
  const std::string path_ = directory_.file("000026.sst");
  const std::string log_ = directory_.file("LOG");
  std::shared_ptr<SharedEngine> engine_;
};

TEST_F(StatsLogTest, TellsWhatWasDoneSinceTheLastReport) {
  const auto file_system = OpenFileSystem("");
  StatsLog log(engine_.get());
  EXPECT_EQ(log.Report(), "") << "nothing was done";
  Read(file_system.get());
  const std::string report = log.Report();
  EXPECT_TRUE(Has(report, "\n  read/posix: ")) << report;
  EXPECT_TRUE(Has(report, " ops/s, ")) << report;
  EXPECT_TRUE(Has(report, "\n  in flight 0, queued 0")) << report;
  EXPECT_FALSE(Has(report, "write/")) << report;
  EXPECT_EQ(log.Report(), "");
}

TEST_F(StatsLogTest, TellsWhyPosixServes) {
  const auto posix = std::make_shared<SharedEngine>(
      EngineOptions(),
      ExplainRefusal("io_uring_setup", Errno::FromErrno(EPERM)));
  SharedEngine::InstallForTests(posix);
  const auto file_system = OpenFileSystem("");
  StatsLog log(posix.get());
  Read(file_system.get());
  const std::string report = log.Report();
  EXPECT_TRUE(Has(report, "POSIX in use")) << report;
  EXPECT_TRUE(Has(report, posix->fallback().reason)) << report;
}

TEST_F(StatsLogTest, AppearsInTheLogAtIntervals) {
  const auto file_system = OpenFileSystem("stats_log_interval_s=1");
  const auto logger = NewLogger(file_system.get());
  EXPECT_TRUE(Eventually([&] {
    Read(file_system.get());
    logger->Flush();
    return Has(ReadWholeFile(log_), "uring file system: the last ");
  }));
}

TEST_F(StatsLogTest, WithoutReportsThereIsNoThread) {
  const auto threads = [] {
    const std::filesystem::directory_iterator begin("/proc/self/task");
    return std::distance(begin, std::filesystem::directory_iterator());
  };
  const auto before = threads();
  const auto quiet = OpenFileSystem("");
  const auto logger = NewLogger(quiet.get());
  EXPECT_EQ(threads(), before);
  const auto reporting = OpenFileSystem("stats_log_interval_s=3600");
  EXPECT_EQ(threads(), before + 1);
}

TEST_F(StatsLogTest, ReportsBesideLogsThatComeAndGo) {
  const auto file_system = OpenFileSystem("stats_log_interval_s=1");
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(3);
  while (std::chrono::steady_clock::now() < end) {
    const auto logger = NewLogger(file_system.get());
    Read(file_system.get());
    EXPECT_TRUE(logger->Close().ok());
  }
}

}  // namespace
}  // namespace rocksdb_uring
