// The control file: what it may say, and what a running file system does with
// it.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/fs/control_file.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/engine/sanitizers.h"
#include "tests/unit/fs/live_settings_fixture.h"

namespace rocksdb_uring {
namespace {

using nlohmann::json;
using rocksdb::Status;

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
                  "reads=posix\r\nwrites=uring\r\nsyncs=posix\r\nlog=off\r\n"
                  "background_priority=same"),
            "");
  EXPECT_EQ(settings_.share, 50u);
  EXPECT_EQ(settings_.paths.reads, PathChoice::kPosix);
  EXPECT_EQ(settings_.paths.writes, PathChoice::kUring);
  EXPECT_EQ(settings_.paths.syncs, PathChoice::kPosix);
  EXPECT_FALSE(settings_.debug_log);
  EXPECT_EQ(settings_.background, BackgroundPriority::kSame);
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
    // g++ 12's address sanitizer may fork while another thread holds a lock of
    // its allocator; the child then waits for it forever.
    std::atomic<bool> stop{kAddressSanitizer};
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

}  // namespace
}  // namespace rocksdb_uring
