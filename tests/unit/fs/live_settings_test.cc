// Settings of a file system in use, by RocksDB's Configurable interface.
//
// SPDX-License-Identifier: Apache-2.0
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "env/fs/live_control.h"
#include "tests/support/file/child.h"
#include "tests/unit/fs/live_settings_fixture.h"

namespace rocksdb_uring {
namespace {

using nlohmann::json;
using rocksdb::ConfigOptions;
using rocksdb::FileSystem;
using rocksdb::Logger;
using rocksdb::Status;

TEST_F(LiveSettingsTest, ConfigureFromStringChangesAFileSystemInUse) {
  file_system_ = OpenFileSystem("share=5");
  EXPECT_EQ(Option("share"), "5");
  ASSERT_TRUE(Configure("share=50;reads=posix").ok());
  EXPECT_EQ(Option("share"), "50");
  EXPECT_EQ(Option("reads"), "posix");
  EXPECT_EQ(Option("writes"), "auto");
  const std::string text = file_system_->ToString(Strict());
  EXPECT_TRUE(Mentions(text, {"share=50", "reads=posix"})) << text;
  EXPECT_EQ(Json().at("share").at("percent"), 50);
  EXPECT_EQ(Json().at("share").at("reads"), "posix");
  ASSERT_TRUE(Configure("id=uring;share=0").ok());
  EXPECT_EQ(Option("share"), "0");
  ASSERT_TRUE(file_system_->ConfigureOption(Strict(), "share", "7").ok());
  EXPECT_EQ(Option("share"), "7");
  ASSERT_TRUE(
      file_system_->ConfigureFromMap(Strict(), {{"syncs", "uring"}}).ok());
  EXPECT_EQ(Option("syncs"), "uring");
  // Nothing given changes nothing.
  ASSERT_TRUE(Configure("").ok());
  ASSERT_TRUE(file_system_->PrepareOptions(Strict()).ok());
  EXPECT_EQ(Option("share"), "7");
}

// A database closes its log when it is closed, and drops it when it is
// destroyed. RocksDB's logger would write to a closed file.
TEST_F(LiveSettingsTest, NothingIsWrittenToALogThatIsClosed) {
  file_system_ = OpenFileSystem("");
  const std::string log = OpenLog("LOG");
  ASSERT_TRUE(Configure("share=50").ok());
  ASSERT_TRUE(loggers_[0]->Close().ok());
  const std::string closed = ReadWholeFile(log);
  EXPECT_TRUE(Mentions(closed, {"share"})) << closed;
  ASSERT_TRUE(Configure("share=60").ok());
  EXPECT_EQ(ReadWholeFile(log), closed);
}

TEST_F(LiveSettingsTest, TheLogPassesEverythingOn) {
  file_system_ = OpenFileSystem("");
  const std::string log = OpenLog("LOG");
  const std::shared_ptr<Logger>& logger = loggers_[0];
  EXPECT_EQ(logger->GetInfoLogLevel(), rocksdb::InfoLogLevel::INFO_LEVEL);
  rocksdb::Info(logger, "line %d", 1);
  rocksdb::Debug(logger, "line %d", 2);
  rocksdb::Header(logger, "line %d", 3);
  const std::string text = TextOf(log);
  EXPECT_TRUE(Mentions(text, {"line 1", "line 3"})) << text;
  EXPECT_FALSE(Mentions(text, {"line 2"})) << text;
  EXPECT_GT(logger->GetLogFileSize(), 0u);
}

TEST_F(LiveSettingsTest, OtherOptionsChangeNothingAndSayWhatCan) {
  file_system_ = OpenFileSystem("share=5");
  const std::string before = file_system_->ToString(Strict());
  for (const char* option :
       {"queue_depth=128", "rings_max=3", "readahead_bytes=0",
        "write_buffer_bytes=0", "write_out_bytes=0", "fallback=require",
        "stats_file=/tmp/x", "stats_interval_s=1", "control_file=/tmp/x",
        "prometheus_file=/tmp/x", "stats_log_interval_s=1", "target=TimedFS",
        "no_option=1"}) {
    for (const std::string& text : {std::string(option) + ";share=10",
                                    std::string("share=10;") + option}) {
      const Status status = Configure(text);
      EXPECT_TRUE(status.IsInvalidArgument()) << status.ToString();
      EXPECT_TRUE(Mentions(status.ToString(),
                           {option, "log, reads, share, syncs, writes"}))
          << status.ToString();
    }
    const std::string name(option, std::string(option).find('='));
    EXPECT_FALSE(file_system_->ConfigureOption(Strict(), name, "1").ok());
  }
  EXPECT_EQ(file_system_->ToString(Strict()), before);
}

TEST_F(LiveSettingsTest, ABadValueChangesNothing) {
  file_system_ = OpenFileSystem("share=5");
  for (const char* text :
       {"reads=posix;share=101", "share=0;writes=fast", "share=0;log=maybe"}) {
    const Status status = Configure(text);
    EXPECT_TRUE(status.IsInvalidArgument()) << status.ToString();
    EXPECT_TRUE(Mentions(status.ToString(), {"write "})) << status.ToString();
  }
  EXPECT_EQ(Option("share"), "5");
  EXPECT_EQ(Option("reads"), "auto");
}

TEST_F(LiveSettingsTest, EveryChangeIsInEveryOpenLog) {
  file_system_ = OpenFileSystem("share=5");
  const std::string log = OpenLog("LOG");
  const std::string closed = OpenLog("LOG.closed");
  loggers_.pop_back();
  ASSERT_TRUE(Configure("share=50;writes=posix").ok());
  EXPECT_TRUE(Mentions(TextOf(log), {"share 5 of 100 files", "share 5 -> 50",
                                     "writes auto -> posix"}))
      << TextOf(log);
  EXPECT_FALSE(Mentions(TextOf(closed), {"share 5 -> 50"}));
  const std::string before = TextOf(log);
  ASSERT_TRUE(Configure("share=50").ok());
  EXPECT_EQ(TextOf(log), before) << "nothing has changed";
}

TEST_F(LiveSettingsTest, AFunctionChangesAWrappedFileSystem) {
  class Wrapper : public rocksdb::FileSystemWrapper {
   public:
    using FileSystemWrapper::FileSystemWrapper;
    const char* Name() const override { return "Wrapper"; }
  };
  file_system_ = OpenFileSystem("share=5");
  Wrapper wrapper(file_system_);
  ASSERT_TRUE(ChangeUringSettings(&wrapper, "share=6;log=on").ok());
  EXPECT_EQ(Option("share"), "6");
  EXPECT_TRUE(ChangeUringSettings(&wrapper, "share=x").IsInvalidArgument());
  EXPECT_TRUE(ChangeUringSettings(FileSystem::Default().get(), "share=5")
                  .IsInvalidArgument());
  EXPECT_TRUE(ChangeUringSettings(nullptr, "share=5").IsInvalidArgument());
  EXPECT_EQ(Option("share"), "6");
}

TEST_F(LiveSettingsTest, AnEnvInUseTakesThemToo) {
  std::unique_ptr<rocksdb::Env> env;
  ASSERT_TRUE(NewUringEnv("share=5", &env).ok());
  file_system_ = env->GetFileSystem();
  ASSERT_TRUE(Configure("share=0").ok());
  EXPECT_EQ(Option("share"), "0");
}

// RocksDB asks before it reads asynchronously.
TEST_F(LiveSettingsTest, AsynchronousReadsAreOfferedOnlyWithAShare) {
  SkipWithoutRing();
  file_system_ = OpenFileSystem("");
  auto* const versioned = static_cast<VersionedFileSystem*>(file_system_.get());
  EXPECT_TRUE(*versioned->ReadsAsynchronously());
  for (const char* text : {"share=0", "share=100;reads=posix"}) {
    ASSERT_TRUE(Configure(text).ok());
    EXPECT_FALSE(*versioned->ReadsAsynchronously()) << text;
  }
  ASSERT_TRUE(Configure("share=5;reads=auto").ok());
  EXPECT_TRUE(*versioned->ReadsAsynchronously());
}

TEST_F(LiveSettingsTest, BothHalvesAreCounted) {
  file_system_ = OpenFileSystem("share=50");
  EXPECT_FALSE(Json().contains("posix_share")) << "no file was outside yet";
  const std::string model = RandomBytes(100000, 6);
  uint64_t outside = 0;
  for (int i = 0; i < 40; ++i) {
    const std::string path = directory_.file(std::to_string(i) + ".sst");
    outside += HundredthOf(path) < 50 ? 0 : 1;
    WriteFile(path, model);
    const auto file = OpenRandomAccess(file_system_.get(), path, false);
    Scratch scratch(100);
    rocksdb::Slice result;
    ASSERT_TRUE(file->Read(0, 100, rocksdb::IOOptions(), &result,
                           scratch.data(), nullptr)
                    .ok());
  }
  const json written = Json();
  const auto reads = [](const json& half) {
    return half.at("ops").at("read").at("posix").at("count").get<uint64_t>();
  };
  EXPECT_EQ(reads(written), 40 - outside);
  EXPECT_EQ(reads(written.at("posix_share")), outside);
  EXPECT_EQ(written.at("opens"), 40);
  EXPECT_TRUE(written.at("posix_share").contains("events"));
  EXPECT_EQ(
      StatisticsOf(file_system_.get())["posix_share.ops.read.posix.count"],
      outside);
}

// A change while threads ask for the values in force.
TEST_F(LiveSettingsTest, MayBeAskedWhileItChanges) {
  file_system_ = OpenFileSystem("");
  OpenLog("LOG");
  std::atomic<bool> stop{false};
  Threads threads;
  threads.Start([&] {
    for (int i = 0; i < 200; ++i) {
      EXPECT_TRUE(
          Configure(i % 2 == 0 ? "share=5;reads=posix" : "share=95;reads=auto")
              .ok());
    }
    stop = true;
  });
  threads.Start([&] {
    while (!stop) {
      const json share = Json().at("share");
      EXPECT_EQ(share.at("percent") == 5, share.at("reads") == "posix");
      (void)Option("share");
      (void)file_system_->ToString(Strict());
    }
  });
}

// Stands still in the middle of a line, until it is released.
class StandingLog : public Logger {
 public:
  using Logger::Logv;
  void Logv(const char* /*format*/, va_list /*arguments*/) override {
    writing = true;
    while (!released) {
      std::this_thread::yield();
    }
  }
  std::atomic<bool> writing{false};
  std::atomic<bool> released{false};
};

TEST(ReportedLoggerTest, AForkedChildDoesNotWaitForALineOfTheParent) {
  const auto target = std::make_shared<StandingLog>();
  ReportedLogger log(target);
  std::thread thread(
      [&] { log.Report(rocksdb::InfoLogLevel::ERROR_LEVEL, "a line"); });
  while (!target->writing) {
    std::this_thread::yield();
  }
  const pid_t child = fork();
  if (child == 0) {
    alarm(30);
    target->released = true;
    log.Report(rocksdb::InfoLogLevel::ERROR_LEVEL, "a line of the child");
    _exit(0);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  target->released = true;
  thread.join();
}

TEST(DebugLogSwitchTest, IsASetting) {
  const TempDir directory;
  const std::string table = directory.file("000003.sst");
  const std::string log = directory.file("log");
  WriteFile(table, RandomBytes(100000, 3));
  for (const char* setting : {"on", "off"}) {
    const ChildResult result = RunChild(
        {FILE_TEST_CHILD_PATH, "leak", std::string("log=") + setting, table},
        {{"ROCKSDB_URING_LOG", log}});
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_EQ(ReadWholeFile(log).empty(), setting == std::string("off"));
    std::filesystem::remove(log);
  }
}

}  // namespace
}  // namespace rocksdb_uring
