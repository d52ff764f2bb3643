// Traces are checked before they are replayed; so are the copies of databases
// that they run on. No RocksDB here: both are files.
//
// SPDX-License-Identifier: Apache-2.0
#include "tools/compare/trace_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/engine/test_counts.h"
#include "tests/unit/tools/tool_program.h"
#include "tools/compare/database_copy.h"

namespace rocksdb_uring {
namespace {

namespace fs = std::filesystem;

constexpr char kBegin = 1;
constexpr char kEnd = 2;
constexpr char kWrite = 3;
constexpr char kGet = 4;
constexpr char kSeekForPrev = 6;
constexpr char kMultiGet = 13;
constexpr char kOfTheFuture = 99;
constexpr const char* kHeader = "feedcafedeadbeef\tTrace Version: 0.2\n";

// As RocksDB encodes it.
std::string Record(char type, const std::string& payload) {
  std::string record(8, '\x11');  // the time
  record += type;
  for (unsigned shift = 0; shift < 32; shift += 8) {
    record += static_cast<char>(payload.size() >> shift & 0xff);
  }
  return record + payload;
}

class TraceFileTest : public ToolsTest {
 protected:
  bool Read(const std::string& bytes) {
    WriteFile("trace", bytes);
    return ReadTrace(path("trace"), &summary_, &error_);
  }

  void ExpectRefused(const std::string& bytes, const std::string& because) {
    CountBadInputs();
    EXPECT_FALSE(Read(bytes));
    EXPECT_TRUE(Contains(error_, path("trace"))) << error_;
    EXPECT_TRUE(Contains(error_, because)) << error_;
  }

  const std::string begin_ = Record(kBegin, kHeader);
  TraceSummary summary_;
  std::string error_;
};

TEST_F(TraceFileTest, OperationsAreCounted) {
  // A payload of more than the 255 bytes that one byte of the length holds.
  const std::string large(100000, 'x');
  ASSERT_TRUE(Read(begin_ + Record(kGet, "k") + Record(kMultiGet, large) +
                   Record(kWrite, "w") + Record(kSeekForPrev, "s") +
                   Record(kOfTheFuture, "?") + Record(kGet, "") +
                   Record(kEnd, "")))
      << error_;
  EXPECT_EQ(summary_.operations(), 5);
  EXPECT_EQ(Describe(summary_), "2 Get, 1 MultiGet, 1 Seek, 1 Write");
}

// A program that was killed leaves no end.
TEST_F(TraceFileTest, MissingEndIsAccepted) {
  EXPECT_TRUE(Read(begin_ + Record(kGet, "k"))) << error_;
}

TEST_F(TraceFileTest, MissingFileIsNamed) {
  CountBadInputs();
  EXPECT_FALSE(ReadTrace(path("none"), &summary_, &error_));
  EXPECT_TRUE(Contains(error_, path("none") + ": No such file")) << error_;
}

TEST_F(TraceFileTest, WhatIsNoTraceIsRefused) {
  ExpectRefused("", "is not a trace");
  ExpectRefused("feedcafedeadbeef", "is not a trace");
  ExpectRefused(Record(kGet, kHeader), "is not a trace");
  ExpectRefused(Record(kBegin, "feedcafe"), "is not a trace");
  ExpectRefused(std::string(5000, '\xff'), "is not a trace");
}

TEST_F(TraceFileTest, TraceWithoutOperationsIsRefused) {
  ExpectRefused(begin_ + Record(kEnd, ""), "holds no operation");
  ExpectRefused(begin_ + Record(kOfTheFuture, ""), "holds no operation");
}

// At every byte, but between two records.
TEST_F(TraceFileTest, CutRecordIsRefusedWithItsPlace) {
  const std::string whole = begin_ + Record(kGet, "key") + Record(kGet, "key");
  const size_t first = begin_.size() + Record(kGet, "key").size();
  for (size_t size = first + 1; size < whole.size(); ++size) {
    ExpectRefused(whole.substr(0, size), "is cut off or corrupt");
  }
}

TEST_F(TraceFileTest, LengthBeyondTheFileIsRefused) {
  std::string trace = begin_ + Record(kGet, "key");
  trace[begin_.size() + 12] = '\x7f';
  ExpectRefused(trace, "at byte " + std::to_string(begin_.size() + 13));
}

class DatabaseCopyTest : public ToolsTest {
 protected:
  DatabaseCopyTest() {
    fs::create_directory(from_);
    for (const char* name : {"CURRENT", "MANIFEST-000004", "OPTIONS-000007",
                             "000005.log", "000006.sst", "000008.blob", "LOG",
                             "LOG.old.1", "LOCK", "000009.sst.trash"}) {
      WriteFile(std::string("from/") + name, name);
    }
  }

  bool Copy() { return CopyDatabase(from_, to_, &error_); }

  const std::string from_ = path("from");
  const std::string to_ = path("to");
  std::string error_;
};

TEST_F(DatabaseCopyTest, TablesAreLinkedAndTheRestIsCopied) {
  ASSERT_TRUE(Copy()) << error_;
  size_t files = 0;
  for (const auto& entry : fs::directory_iterator(to_)) {
    const std::string name = entry.path().filename();
    const bool linked = name == "000006.sst" || name == "000008.blob";
    EXPECT_EQ(entry.hard_link_count(), linked ? 2u : 1u) << name;
    EXPECT_EQ(ReadAll(entry.path()), name);
    ++files;
  }
  EXPECT_EQ(files, 6u);
}

TEST_F(DatabaseCopyTest, WhatHappensToTheCopyLeavesTheDatabase) {
  ASSERT_TRUE(Copy()) << error_;
  fs::remove(to_ + "/000006.sst");
  WriteFile("to/CURRENT", "another");
  WriteFile("to/000005.log", "more than before");
  ASSERT_TRUE(Copy()) << error_;  // and the next copy is a fresh one
  EXPECT_EQ(ReadAll(from_ + "/000006.sst"), "000006.sst");
  EXPECT_EQ(ReadAll(to_ + "/000006.sst"), "000006.sst");
  EXPECT_EQ(ReadAll(from_ + "/CURRENT"), "CURRENT");
  EXPECT_EQ(ReadAll(to_ + "/000005.log"), "000005.log");
}

TEST_F(DatabaseCopyTest, DirectoryWithoutADatabaseIsRefused) {
  CountBadInputs();
  fs::remove(from_ + "/CURRENT");
  EXPECT_FALSE(Copy());
  EXPECT_TRUE(Contains(error_, from_ + " holds no database")) << error_;
  EXPECT_FALSE(fs::exists(to_));
}

TEST_F(DatabaseCopyTest, OpenDatabaseIsRefused) {
  CountBadInputs();
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    struct flock lock = {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    const int fd = open((from_ + "/LOCK").c_str(), O_RDWR);
    const char ok = fcntl(fd, F_SETLK, &lock) == 0 ? 'y' : 'n';
    if (write(ready[1], &ok, 1) == 1) pause();
    _exit(0);
  }
  char ok = 0;
  ASSERT_EQ(read(ready[0], &ok, 1), 1);
  ASSERT_EQ(ok, 'y');
  EXPECT_FALSE(Copy());
  EXPECT_TRUE(Contains(error_, "is open in process " + std::to_string(child)))
      << error_;
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_TRUE(Copy()) << error_;
}

TEST_F(DatabaseCopyTest, OtherFilesystemIsNamedWithTheRemedy) {
  struct stat here = {};
  struct stat there = {};
  ASSERT_EQ(stat(from_.c_str(), &here), 0);
  if (stat("/dev/shm", &there) != 0 || here.st_dev == there.st_dev) {
    GTEST_SKIP() << "no second filesystem at /dev/shm";
  }
  CountBadInputs();
  const std::string to = "/dev/shm/uring_copy_test." + std::to_string(getpid());
  EXPECT_FALSE(CopyDatabase(from_, to, &error_));
  EXPECT_TRUE(Contains(error_, "--scratch")) << error_;
  fs::remove_all(to);
}

}  // namespace
}  // namespace rocksdb_uring
