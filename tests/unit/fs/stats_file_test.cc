// The statistics file: what it holds, and when it is written.
//
// SPDX-License-Identifier: Apache-2.0
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "env/base/version.h"
#include "rocksdb_uring/uring.h"
#include "tests/support/engine/stuck_system_calls.h"
#include "tests/support/file/child.h"
#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {
namespace {

using nlohmann::json;
using rocksdb::FileSystem;
using rocksdb::Status;

class StatsFileTest : public ::testing::Test {
 protected:
  void SetUp() override { WriteFile(path_, RandomBytes(100000, 24)); }

  static bool Exists(const std::string& path) {
    return access(path.c_str(), F_OK) == 0;
  }

  // Waits until the file is there, or unreasonably long.
  static bool Appears(const std::string& path) {
    for (int i = 0; i < 4000 && !Exists(path); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return Exists(path);
  }

  // Files in the directory.
  size_t Entries() const {
    const std::filesystem::directory_iterator begin(directory_.path());
    return static_cast<size_t>(
        std::distance(begin, std::filesystem::directory_iterator()));
  }

  static json Parse(const std::string& path) {
    return json::parse(ReadWholeFile(path), nullptr, false);
  }

  TempDir directory_;
  const std::string path_ = directory_.file("000024.sst");
  const std::string stats_ = directory_.file("stats.json");
};

TEST_F(StatsFileTest, WrittenWhenTheFileSystemGoes) {
  auto file_system =
      OpenFileSystem("uring://?stats_interval_s=0&stats_file=" + stats_);
  OpenRandomAccess(file_system.get(), path_, false);
  EXPECT_FALSE(Exists(stats_));
  file_system.reset();
  const json written = Parse(stats_);
  ASSERT_TRUE(written.is_object());
  EXPECT_EQ(written["opens"], 1);
}

// Whoever writes last must not hide what another has done: under a preload the
// default file system and one by URI write the same file.
TEST_F(StatsFileTest, SeveralFileSystemsTellTheSame) {
  const std::string options = "stats_interval_s=0;stats_file=" + stats_;
  auto idle = OpenFileSystem(options);
  auto busy = OpenFileSystem(options);
  OpenRandomAccess(busy.get(), path_, false);
  busy.reset();
  EXPECT_EQ(Parse(stats_)["opens"], 1);
  idle.reset();
  EXPECT_EQ(Parse(stats_)["opens"], 1);
}

TEST_F(StatsFileTest, HasTheKeysThatOutsidersRelyOn) {
  OpenFileSystem("stats_interval_s=0;stats_file=" + stats_).reset();
  const json written = Parse(stats_);
  ASSERT_TRUE(written.is_object());
  EXPECT_EQ(written.at("version"), kVersion);
  EXPECT_TRUE(written.at("opens").is_number_unsigned());
  EXPECT_TRUE(written.at("fallback").at("reason").is_string());
  EXPECT_TRUE(written.at("fallback").at("remedy").is_string());
  for (const char* kind : {"read", "multi_read", "read_async",
                           "sequential_read", "write", "fsync"}) {
    for (const char* path : {"ring", "posix", "page_cache", "read_ahead"}) {
      for (const char* number : {"count", "bytes", "errors"}) {
        EXPECT_TRUE(written.at("ops").at(kind).at(path).contains(number))
            << kind << "." << path << "." << number;
      }
    }
  }
}

TEST_F(StatsFileTest, LatenciesOfWhatWasTimed) {
  const auto file_system = OpenFileSystem("");
  const auto file = OpenRandomAccess(file_system.get(), path_, false);
  rocksdb::FSReadRequest requests[4];
  Scratch scratch(4 * kBlock);
  for (size_t i = 0; i < 4; ++i) {
    requests[i].offset = i * kBlock;
    requests[i].len = kBlock;
    requests[i].scratch = scratch.data() + i * kBlock;
  }
  ASSERT_TRUE(file->MultiRead(requests, 4, rocksdb::IOOptions(), nullptr).ok());
  std::string text;
  ASSERT_TRUE(GetUringStatisticsJson(file_system.get(), &text).ok());
  const json latencies = json::parse(text).at("latency");
  uint64_t count = 0;
  for (const auto& path : latencies.at("multi_read").items()) {
    const json& times = path.value();
    count += times.at("count").get<uint64_t>();
    uint64_t before = 1;
    for (const char* key :
         {"p50_ns", "p95_ns", "p99_ns", "p999_ns", "max_ns"}) {
      ASSERT_TRUE(times.at(key).is_number_unsigned()) << key;
      EXPECT_GE(times.at(key).get<uint64_t>(), before) << key;
      before = times.at(key).get<uint64_t>();
    }
    EXPECT_LE(times.at("mean_ns"), times.at("max_ns"));
  }
  EXPECT_EQ(count, 4u);
  // Nothing has been written.
  EXPECT_FALSE(latencies.contains("write"));
  const auto numbers = StatisticsOf(file_system.get());
  EXPECT_EQ(numbers.count("latency.multi_read.posix.p99_ns") +
                numbers.count("latency.multi_read.page_cache.p99_ns"),
            latencies.at("multi_read").size());
}

TEST_F(StatsFileTest, ProcessAndUptime) {
  const auto file_system = OpenFileSystem("");
  const auto numbers = StatisticsOf(file_system.get());
  EXPECT_EQ(numbers.at("pid"), static_cast<uint64_t>(getpid()));
  EXPECT_EQ(numbers.count("uptime_ms"), 1u);
}

// On an engine whose device does not answer.
class HungDeviceTest : public StatsFileTest {
 protected:
  static constexpr uint64_t kStuckAt = 4 * kBlock;

  void SetUp() override {
    StatsFileTest::SetUp();
    EngineOptions options;
    options.system_calls = &calls_;
    engine_ = MakeEngine(options);
    SharedEngine::InstallForTests(engine_);
    file_system_ = OpenFileSystem("stats_interval_s=0;stats_file=" + stats_);
  }

  // Calls `look` while a read hangs.
  void WhileAReadHangs(const std::function<void()>& look) {
    const auto file = OpenRandomAccess(file_system_.get(), path_, false);
    Threads threads;
    threads.Start([&file] {
      Scratch scratch(kBlock);
      rocksdb::Slice result;
      EXPECT_TRUE(file->Read(kStuckAt, kBlock, rocksdb::IOOptions(), &result,
                             scratch.data(), nullptr)
                      .ok());
    });
    calls_.AwaitStuck(1);
    look();
    calls_.Release();
  }

  json Statistics() const {
    std::string text;
    EXPECT_TRUE(GetUringStatisticsJson(file_system_.get(), &text).ok());
    return json::parse(text);
  }

  StuckSystemCalls calls_{kStuckAt};
  std::shared_ptr<SharedEngine> engine_;
  std::shared_ptr<FileSystem> file_system_;
};

TEST_F(HungDeviceTest, IsSeenWithFileAndOffset) {
  WhileAReadHangs([this] {
    const json in_flight = Statistics().at("in_flight");
    EXPECT_EQ(in_flight.at("operations"), 1u);
    EXPECT_EQ(in_flight.at("queued"), 0u);
    EXPECT_TRUE(in_flight.at("oldest_us").is_number_unsigned());
    EXPECT_EQ(in_flight.at("oldest_kind"), "read");
    EXPECT_EQ(in_flight.at("oldest_offset"), kStuckAt);
    EXPECT_EQ(in_flight.at("oldest_file"),
              std::filesystem::canonical(path_).string());
  });
  const json in_flight = Statistics().at("in_flight");
  EXPECT_EQ(in_flight.at("operations"), 0u);
  EXPECT_EQ(in_flight.at("oldest_us"), 0u);
  EXPECT_FALSE(in_flight.contains("oldest_kind"));
}

TEST_F(HungDeviceTest, IsSeenOutsideTheShare) {
  file_system_ = OpenFileSystem("share=0");
  WhileAReadHangs([this] {
    const json statistics = Statistics();
    EXPECT_TRUE(statistics.contains("posix_share"));
    EXPECT_EQ(statistics.at("in_flight").at("operations"), 1u);
    EXPECT_EQ(statistics.at("in_flight").at("oldest_offset"), kStuckAt);
  });
}

// The child has none of the threads that wait in the parent.
TEST_F(HungDeviceTest, AForkedChildReportsItsOwnOperations) {
  WhileAReadHangs([this] {
    const pid_t child = fork();
    if (child == 0) {
      const json own = Statistics();
      _exit(own.at("in_flight").at("operations") == 0u &&
                    own.at("pid") == static_cast<uint64_t>(getpid())
                ? 0
                : 1);
    }
    int status = -1;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  });
}

TEST_F(StatsFileTest, WrittenPeriodically) {
  const auto file_system =
      OpenFileSystem("stats_interval_s=1;stats_file=" + stats_);
  ASSERT_TRUE(Appears(stats_));
  // Again and again, and never half of it.
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(unlink(stats_.c_str()), 0);
    ASSERT_TRUE(Appears(stats_));
    EXPECT_TRUE(Parse(stats_).is_object());
  }
}

// A process that may have no more threads: here, none with the default stack.
TEST_F(StatsFileTest, WrittenAtTheEndWhereNoThreadCanBeStarted) {
  pthread_attr_t usual;
  pthread_attr_t huge;
  ASSERT_EQ(pthread_getattr_default_np(&usual), 0);
  ASSERT_EQ(pthread_getattr_default_np(&huge), 0);
  ASSERT_EQ(pthread_attr_setstacksize(&huge, size_t{1} << 47), 0);
  ASSERT_EQ(pthread_setattr_default_np(&huge), 0);
  EXPECT_ANY_THROW(std::thread([] {}).join());
  auto file_system = OpenFileSystem("stats_interval_s=1;stats_file=" + stats_);
  ASSERT_EQ(pthread_setattr_default_np(&usual), 0);
  pthread_attr_destroy(&huge);
  pthread_attr_destroy(&usual);
  OpenRandomAccess(file_system.get(), path_, false);
  file_system.reset();
  EXPECT_EQ(Parse(stats_)["opens"], 1);
}

TEST_F(StatsFileTest, NameHoldsTheProcessId) {
  OpenFileSystem("stats_interval_s=0;stats_file=" +
                 directory_.file("stats.%p.json"))
      .reset();
  EXPECT_TRUE(
      Exists(directory_.file("stats." + std::to_string(getpid()) + ".json")));
}

TEST_F(StatsFileTest, WrittenAtTheEndOfAProcessThatLeaksTheFileSystem) {
  for (const char* interval : {"0", "10"}) {
    const std::string options =
        "uring://?stats_interval_s=" + std::string(interval) +
        "&stats_file=" + stats_;
    const ChildResult result =
        RunChild({FILE_TEST_CHILD_PATH, "leak", options, path_});
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_EQ(result.output, "");
    const json written = Parse(stats_);
    ASSERT_TRUE(written.is_object()) << "interval " << interval;
    EXPECT_EQ(written["opens"], 1);
    unlink(stats_.c_str());
  }
}

TEST_F(StatsFileTest, NothingIsLeftBesideIt) {
  OpenFileSystem("stats_interval_s=0;stats_file=" + stats_).reset();
  EXPECT_EQ(Entries(), 2u);
}

TEST_F(StatsFileTest, PathThatCannotBeWrittenHarmsNobody) {
  for (const std::string& path :
       {directory_.file("missing/stats.json"), directory_.path(),
        std::string("/proc/stats.json"), path_ + "/stats.json"}) {
    const ChildResult result =
        RunChild({FILE_TEST_CHILD_PATH, "leak",
                  "uring://?stats_interval_s=1&stats_file=" + path, path_});
    EXPECT_EQ(result.exit_code, 0) << path;
    EXPECT_EQ(result.output, "") << path;
    OpenFileSystem("stats_file=" + path).reset();
  }
}

TEST_F(StatsFileTest, ReplacesWhatWasThere) {
  WriteFile(stats_, std::string(1 << 20, 'x'));
  OpenFileSystem("stats_interval_s=0;stats_file=" + stats_).reset();
  EXPECT_TRUE(Parse(stats_).is_object());
}

// A directory that others may write to: nobody knows the name of the temporary
// file beforehand, and none of the links is followed.
TEST_F(StatsFileTest, FollowsNoLinkThatIsPlanted) {
  const std::string victim = directory_.file("victim");
  WriteFile(victim, "precious");
  const std::string pid = std::to_string(getpid());
  for (const std::string& planted : {stats_, stats_ + ".tmp" + pid}) {
    ASSERT_EQ(symlink(victim.c_str(), planted.c_str()), 0);
  }
  OpenFileSystem("stats_interval_s=0;stats_file=" + stats_).reset();
  EXPECT_EQ(ReadWholeFile(victim), "precious");
  EXPECT_FALSE(std::filesystem::is_symlink(stats_));
  EXPECT_TRUE(Parse(stats_).is_object());
}

TEST_F(StatsFileTest, HasTheModeThatTheUmaskLeaves) {
  for (const mode_t mask : {0022, 0077, 0002}) {
    const mode_t before = umask(mask);
    OpenFileSystem("stats_interval_s=0;stats_file=" + stats_).reset();
    umask(before);
    struct stat attributes = {};
    ASSERT_EQ(stat(stats_.c_str(), &attributes), 0);
    EXPECT_EQ(attributes.st_mode & 0777, 0666 & ~mask);
  }
}

TEST_F(StatsFileTest, ARelativePathStaysWhereItWas) {
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(directory_.path());
  auto file_system =
      OpenFileSystem("stats_interval_s=0;stats_file=relative.json");
  std::filesystem::current_path("/");
  file_system.reset();
  std::filesystem::current_path(before);
  EXPECT_TRUE(Parse(directory_.file("relative.json")).is_object());
  EXPECT_FALSE(Exists("/relative.json"));
}

TEST_F(StatsFileTest, ManyWritersOfOnePathLeaveAWholeFile) {
  const std::string options = "stats_interval_s=0;stats_file=" + stats_;
  OpenFileSystem(options).reset();
  std::atomic<bool> stop{false};
  Threads writers;
  for (int i = 0; i < 4; ++i) {
    writers.Start([&] {
      while (!stop) {
        OpenFileSystem(options).reset();
      }
    });
  }
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(Parse(stats_).is_object());
  }
  stop = true;
  writers.Join();
  EXPECT_EQ(Entries(), 2u);
}

TEST_F(StatsFileTest, SameNumbersByFunction) {
  const auto file_system = OpenFileSystem("");
  OpenRandomAccess(file_system.get(), path_, false);
  std::string text;
  ASSERT_TRUE(GetUringStatisticsJson(file_system.get(), &text).ok());
  const json parsed = json::parse(text);
  const auto numbers = StatisticsOf(file_system.get());
  EXPECT_EQ(numbers.at("opens"), 1u);
  EXPECT_EQ(numbers.at("engine.queue_depth"),
            parsed["engine"]["queue_depth"].get<uint64_t>());
  EXPECT_EQ(numbers.count("ops.multi_read.ring.count"), 1u);
  EXPECT_EQ(numbers.count("events.read_ahead_discarded_bytes"), 1u);
}

TEST_F(StatsFileTest, OnlyForFileSystemsOfOurs) {
  std::map<std::string, uint64_t> numbers;
  EXPECT_TRUE(GetUringStatistics(FileSystem::Default().get(), &numbers)
                  .IsInvalidArgument());
  EXPECT_TRUE(GetUringStatistics(nullptr, &numbers).IsInvalidArgument());
}

TEST_F(StatsFileTest, FoundBelowAWrapper) {
  class Wrapper : public rocksdb::FileSystemWrapper {
   public:
    using FileSystemWrapper::FileSystemWrapper;
    const char* Name() const override { return "Wrapper"; }
  };
  Wrapper wrapper(OpenFileSystem(""));
  std::map<std::string, uint64_t> numbers;
  EXPECT_TRUE(GetUringStatistics(&wrapper, &numbers).ok());
  EXPECT_EQ(numbers.count("opens"), 1u);
}

}  // namespace
}  // namespace rocksdb_uring
