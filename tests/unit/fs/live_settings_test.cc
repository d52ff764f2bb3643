// Settings of a file system in use: by RocksDB's Configurable interface, and by
// the control file.
//
// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "env/fs/control_file.h"
#include "env/fs/live_control.h"
#include "env/fs/uring_file_system.h"
#include "rocksdb/convenience.h"
#include "rocksdb/env.h"
#include "rocksdb_uring/uring.h"
#include "tests/support/engine/sanitizers.h"
#include "tests/support/file/child.h"
#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {
namespace {

using nlohmann::json;
using rocksdb::ConfigOptions;
using rocksdb::FileSystem;
using rocksdb::Logger;
using rocksdb::Status;

bool Mentions(const std::string& text, const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    if (text.find(word) == std::string::npos) {
      return false;
    }
  }
  return true;
}

class LiveSettingsTest : public ::testing::Test {
 protected:
  static ConfigOptions Strict() {
    ConfigOptions config;
    config.ignore_unknown_options = false;
    config.ignore_unsupported_options = false;
    return config;
  }
  Status Configure(const std::string& text) {
    return file_system_->ConfigureFromString(Strict(), text);
  }
  std::string Option(const std::string& name) {
    std::string value;
    EXPECT_TRUE(file_system_->GetOption(Strict(), name, &value).ok()) << name;
    return value;
  }
  json Json() {
    std::string text;
    EXPECT_TRUE(GetUringStatisticsJson(file_system_.get(), &text).ok());
    return json::parse(text, nullptr, false);
  }
  // The log of a database, which stays open.
  std::string OpenLog(const std::string& name) {
    const std::string path = directory_.file(name);
    std::shared_ptr<Logger> logger;
    EXPECT_TRUE(
        file_system_->NewLogger(path, rocksdb::IOOptions(), &logger, nullptr)
            .ok());
    logger->SetInfoLogLevel(rocksdb::InfoLogLevel::INFO_LEVEL);
    loggers_.push_back(logger);
    return path;
  }
  std::string TextOf(const std::string& log) {
    for (const std::shared_ptr<Logger>& logger : loggers_) {
      logger->Flush();
    }
    return ReadWholeFile(log);
  }
  // Waits until it holds, or unreasonably long.
  static bool Becomes(const std::function<bool()>& holds) {
    for (int i = 0; i < 4000 && !holds(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return holds();
  }

  TempDir directory_;
  std::shared_ptr<FileSystem> file_system_;
  std::vector<std::shared_ptr<Logger>> loggers_;
};

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

class ControlTextTest : public ::testing::Test {
 protected:
  // The error; empty if there is none.
  std::string Parse(const std::string& text) {
    const FileSettings before = settings_;
    const Status status = ParseControlText("/run/control", text, &settings_);
    if (!status.ok()) {
      EXPECT_TRUE(settings_ == before) << text;
      EXPECT_TRUE(Mentions(status.ToString(), {"/run/control, line "}))
          << status.ToString();
    }
    return status.ok() ? "" : status.ToString();
  }

  FileSettings settings_;
};

TEST_F(ControlTextTest, SetsWhatItNames) {
  EXPECT_EQ(Parse(""), "");
  EXPECT_EQ(Parse("\n\n# nothing\n   \n"), "");
  EXPECT_TRUE(settings_ == FileSettings());
  EXPECT_EQ(Parse("share=5"), "");
  EXPECT_EQ(settings_.share, 5u);
  EXPECT_EQ(Parse("# canary\r\n  share = 50  # half of it\r\n\r\n"
                  "reads=posix\r\nwrites=uring\r\nsyncs=posix\r\nlog=off"),
            "");
  EXPECT_EQ(settings_.share, 50u);
  EXPECT_EQ(settings_.paths.reads, PathChoice::kPosix);
  EXPECT_EQ(settings_.paths.writes, PathChoice::kUring);
  EXPECT_EQ(settings_.paths.syncs, PathChoice::kPosix);
  EXPECT_FALSE(settings_.debug_log);
  // What is not named stays.
  EXPECT_EQ(Parse("log=on"), "");
  EXPECT_EQ(settings_.share, 50u);
}

TEST_F(ControlTextTest, OneBadLineSpoilsAll) {
  EXPECT_TRUE(
      Mentions(Parse("share=0\nshar=5\n"), {"line 2", "\"shar=5\"", "share"}));
  EXPECT_TRUE(Mentions(Parse("\n\nshare=500\nreads=posix"),
                       {"line 3", "share=500", "0 to 100"}));
  EXPECT_TRUE(Mentions(Parse("reads=fast"), {"line 1", "auto, posix, uring"}));
  EXPECT_TRUE(Mentions(Parse("log=1"), {"line 1", "off, on"}));
  EXPECT_TRUE(Mentions(Parse("share=5\nshare=6"), {"line 2", "twice"}));
  for (const char* text :
       {"share", "=5", "share=", "5", "queue_depth=64", "share=5;reads=posix",
        "share=5\n\xff\xfe", "SHARE=5"}) {
    EXPECT_NE(Parse(text), "") << text;
  }
  EXPECT_NE(Parse(std::string("share=5\0", 8)), "");
  EXPECT_TRUE(settings_ == FileSettings());
}

class ControlFileTest : public LiveSettingsTest {
 protected:
  void Start(const std::string& options = "") {
    file_system_ = OpenFileSystem("control_file=" + path_ + ";" + options);
  }
  // In one go, as `mv` does.
  void Write(const std::string& text) {
    WriteFile(path_ + ".new", text);
    std::filesystem::rename(path_ + ".new", path_);
  }
  bool ShareBecomes(const std::string& share) {
    return Becomes([&] { return Option("share") == share; });
  }
  std::string Error() { return Json().at("control").at("error"); }
  uint64_t Applied() { return Json().at("control").at("applied"); }

  const std::string path_ = directory_.file("control");
};

TEST_F(ControlFileTest, IsAppliedBeforeTheFirstOpen) {
  Write("share=5\n");
  Start("share=100");
  EXPECT_EQ(Option("share"), "5");
  EXPECT_EQ(Json().at("control").at("file"), path_);
  EXPECT_EQ(Applied(), 1u);
  EXPECT_GT(Json().at("control").at("applied_ms"), 0u);
}

TEST_F(ControlFileTest, EveryChangeIsFollowed) {
  Start("share=0");
  EXPECT_EQ(Option("share"), "0");
  EXPECT_EQ(Error(), "") << "a file that is not there is no error";
  EXPECT_EQ(Applied(), 0u);
  const std::string log = OpenLog("LOG");
  Write("share=5\nreads=posix\n");
  ASSERT_TRUE(ShareBecomes("5"));
  EXPECT_EQ(Option("reads"), "posix");
  EXPECT_TRUE(Becomes([&] {
    return Mentions(TextOf(log),
                    {path_, "share 0 -> 5", "reads auto -> posix"});
  })) << TextOf(log);
  // The same inode, and a line that is gone keeps its value.
  WriteFile(path_, "share=6\n");
  ASSERT_TRUE(ShareBecomes("6"));
  EXPECT_EQ(Option("reads"), "posix");
}

// Same size and, on a coarse clock, the same time.
TEST_F(ControlFileTest, QuickChangesAreNotMissed) {
  Write("share=1\n");
  Start();
  for (int i = 2; i < 6; ++i) {
    const std::string share = std::to_string(i);
    WriteFile(path_, "share=" + share + "\n");
    ASSERT_TRUE(ShareBecomes(share));
    WriteFile(path_, "share=0\n");
    WriteFile(path_, "share=9\n");
    ASSERT_TRUE(ShareBecomes("9"));
  }
}

TEST_F(ControlFileTest, ABadFileChangesNothingAndIsReported) {
  Write("share=5\n");
  Start();
  const std::string log = OpenLog("LOG");
  Write("share=0\nredas=posix\n");
  ASSERT_TRUE(Becomes([&] { return !Error().empty(); }));
  EXPECT_EQ(Option("share"), "5");
  EXPECT_TRUE(Mentions(Error(), {path_, "line 2", "redas=posix", "reads"}))
      << Error();
  EXPECT_TRUE(Becomes([&] { return Mentions(TextOf(log), {Error()}); }))
      << TextOf(log);
  // A database that is opened now learns it, too.
  EXPECT_TRUE(Mentions(TextOf(OpenLog("LOG.later")), {Error()}));
  Write("share=0\nreads=posix\n");
  ASSERT_TRUE(ShareBecomes("0"));
  EXPECT_TRUE(Becomes([&] { return Error().empty(); }));
}

// A typo must not keep a database from starting.
TEST_F(ControlFileTest, ABadFileAtTheStartLeavesTheOptions) {
  Write("share=x\n");
  Start("share=5");
  EXPECT_EQ(Option("share"), "5");
  EXPECT_TRUE(Mentions(Error(), {path_, "line 1"})) << Error();
  EXPECT_TRUE(Mentions(TextOf(OpenLog("LOG")), {"line 1"}));
}

TEST_F(ControlFileTest, AFileThatDisappearsChangesNothing) {
  Write("share=5\n");
  Start();
  Write("share=y\n");
  ASSERT_TRUE(Becomes([&] { return !Error().empty(); }));
  std::filesystem::remove(path_);
  ASSERT_TRUE(Becomes([&] { return Error().empty(); }));
  EXPECT_EQ(Option("share"), "5");
  Write("share=7\n");
  ASSERT_TRUE(ShareBecomes("7"));
}

TEST_F(ControlFileTest, WhatIsNoFileIsReportedAndDoesNotBlock) {
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  Start("share=5");
  EXPECT_TRUE(Mentions(Error(), {path_, "regular file"})) << Error();
  std::filesystem::remove(path_);
  Write(std::string(100 << 10, '#'));
  ASSERT_TRUE(Becomes([&] { return Mentions(Error(), {"64 KiB"}); }));
  std::filesystem::remove(path_);
  std::filesystem::create_directory(path_);
  ASSERT_TRUE(Becomes([&] { return Mentions(Error(), {"regular file"}); }));
  EXPECT_EQ(Option("share"), "5");
}

TEST_F(ControlFileTest, NameHoldsTheProcessId) {
  WriteFile(directory_.file("control." + std::to_string(getpid())),
            "share=5\n");
  file_system_ =
      OpenFileSystem("control_file=" + directory_.file("control.%p"));
  EXPECT_EQ(Option("share"), "5");
}

// A link into a directory that is replaced as a whole, as Kubernetes does it.
TEST_F(ControlFileTest, ReplacedDirectoriesAreFollowed) {
  for (const char* name : {"one", "two"}) {
    std::filesystem::create_directory(directory_.file(name));
    WriteFile(directory_.file(std::string(name) + "/control"),
              std::string("share=") + (name[0] == 'o' ? "1" : "2"));
  }
  std::filesystem::create_symlink("one", directory_.file("data"));
  file_system_ =
      OpenFileSystem("control_file=" + directory_.file("data/control"));
  EXPECT_EQ(Option("share"), "1");
  std::filesystem::create_symlink("two", directory_.file("data.new"));
  std::filesystem::rename(directory_.file("data.new"), directory_.file("data"));
  EXPECT_TRUE(ShareBecomes("2"));
}

size_t ThreadsOfThisProcess() {
  const std::filesystem::directory_iterator begin("/proc/self/task");
  return static_cast<size_t>(
      std::distance(begin, std::filesystem::directory_iterator()));
}

TEST_F(ControlFileTest, WithoutTheOptionThereIsNoThread) {
  const size_t before = ThreadsOfThisProcess();
  file_system_ = OpenFileSystem("share=5");
  EXPECT_EQ(ThreadsOfThisProcess(), before);
  file_system_.reset();
  Start();
  EXPECT_EQ(ThreadsOfThisProcess(), before + 1);
  file_system_.reset();
  EXPECT_TRUE(Becomes([&] { return ThreadsOfThisProcess() == before; }));
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

// The parent's thread does not exist there, and no lock is left held.
TEST_F(ControlFileTest, AForkedChildWatchesAFileOfItsOwn) {
  if (kThreadSanitizer) {
    GTEST_SKIP() << "the thread sanitizer ends a child that starts a thread";
  }
  file_system_ =
      OpenFileSystem("share=9;control_file=" + directory_.file("control.%p"));
  const std::string table = directory_.file("000001.sst");
  WriteFile(table, "table");
  OpenLog("LOG");
  for (int i = 0; i < 20; ++i) {
    std::atomic<bool> stop{false};
    Threads threads;
    threads.Start([&] {
      while (!stop) {
        EXPECT_TRUE(Configure("share=8").ok());
        EXPECT_TRUE(Configure("share=9").ok());
        (void)Json();
      }
    });
    const pid_t child = fork();
    if (child == 0) {
      alarm(60);
      WriteFile(directory_.file("control." + std::to_string(getpid())),
                "share=5\n");
      // The child acquires its engine.
      const bool opened =
          OpenRandomAccess(file_system_.get(), table, false) != nullptr;
      _exit(opened && Option("share") == "5" && ThreadsOfThisProcess() == 2
                ? 0
                : 1);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    stop = true;
  }
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
