// Handwritten logs whose possible states are known.
//
// SPDX-License-Identifier: Apache-2.0
#include "tests/faults/power/crash_model.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/falloc.h>
#include <sys/stat.h>

#include <set>
#include <string>

#include "tests/faults/power/history.h"
#include "tests/support/engine/test_support.h"
#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {
namespace {

using States = std::set<std::string>;

class CrashModelTest : public ::testing::Test {
 protected:
  // The two ends of an operation; between them others may be submitted.
  size_t Begin(LogEntry entry) {
    entry.submitted = ++log_.end;
    log_.entries.push_back(std::move(entry));
    return log_.entries.size() - 1;
  }
  void End(size_t entry) { log_.entries[entry].completed = ++log_.end; }

  static LogEntry Write(uint64_t offset, const std::string& data) {
    LogEntry entry;
    entry.op = LogOp::kWrite;
    entry.file = 1;
    entry.offset = offset;
    entry.data = data;
    return entry;
  }
  static LogEntry OnFile(LogOp op, uint64_t offset = 0, uint64_t length = 0,
                         uint32_t flags = 0) {
    LogEntry entry;
    entry.op = op;
    entry.file = 1;
    entry.offset = offset;
    entry.length = length;
    entry.flags = flags;
    return entry;
  }
  static LogEntry Sync() { return OnFile(LogOp::kDataSync); }
  void Do(LogEntry entry) { End(Begin(std::move(entry))); }
  void DoName(LogOp op, FileId file, const std::string& path,
              const std::string& target = "") {
    LogEntry entry;
    entry.op = op;
    entry.file = file;
    entry.path = path;
    entry.target = target;
    Begin(std::move(entry));
    log_.entries.back().completed = log_.end;
  }
  void SyncDirectory(const std::string& path) {
    LogEntry entry;
    entry.op = LogOp::kDirectorySync;
    entry.path = path;
    Do(std::move(entry));
  }

  // A file `f` whose name is certain.
  void SetUp() override {
    DoName(LogOp::kCreate, 1, "f");
    SyncDirectory("");
  }

  template <typename Function>
  States Draw(Function function) {
    const CrashModel model(&log_);
    std::mt19937_64 random(TestSeed());
    States states;
    for (int i = 0; i < 2000; ++i) {
      const Loss loss = Loss::Draw(&random);
      states.insert(function(model.After(log_.end, loss, random())));
    }
    return states;
  }
  // What the file may hold after everything in the log.
  States Contents() {
    return Draw([](const DiskState& state) { return state.At("f"); });
  }
  // Which names there may be: "a=1 b=2" with the numbers of the files.
  States Names() {
    return Draw([](const DiskState& state) {
      std::string names;
      for (const auto& file : state.files) {
        names += names.empty() ? "" : " ";
        names += file.first + "=" + std::to_string(file.second);
      }
      return names;
    });
  }
  static std::string Zeros(size_t count) { return std::string(count, '\0'); }

  IoLog log_;
};

TEST_F(CrashModelTest, ASyncedWriteIsCertain) {
  Do(Write(0, "abc"));
  Do(Sync());
  EXPECT_EQ(Contents(), States({"abc"}));
}

TEST_F(CrashModelTest, AnUnsyncedWriteMayBeLostOrLeaveItsSize) {
  Do(Write(0, "abc"));
  EXPECT_EQ(Contents(), States({"", "abc", Zeros(3)}));
}

TEST_F(CrashModelTest, AWriteThatCompletesAfterTheSyncWasSubmittedIsNot) {
  const size_t write = Begin(Write(0, "abc"));
  const size_t sync = Begin(Sync());
  End(write);
  End(sync);
  EXPECT_EQ(Contents(), States({"", "abc", Zeros(3)}));
}

TEST_F(CrashModelTest, ASyncCountsWhenItHasCompleted) {
  Do(Write(0, "abc"));
  Begin(Sync());
  EXPECT_EQ(Contents(), States({"", "abc", Zeros(3)}));
}

TEST_F(CrashModelTest, AFailedSyncDoesNotCount) {
  Do(Write(0, "abc"));
  Do(Sync());
  log_.entries.back().failed = true;
  EXPECT_EQ(Contents(), States({"", "abc", Zeros(3)}));
}

TEST_F(CrashModelTest, ASyncOfAnotherFileDoesNotCount) {
  Do(Write(0, "abc"));
  LogEntry sync = Sync();
  sync.file = 2;
  Do(sync);
  EXPECT_EQ(Contents(), States({"", "abc", Zeros(3)}));
}

TEST_F(CrashModelTest, SyncFileRangeMakesNothingCertain) {
  Do(Write(0, "abc"));
  Do(OnFile(LogOp::kRangeSync));
  EXPECT_EQ(Contents(), States({"", "abc", Zeros(3)}));
}

TEST_F(CrashModelTest, WhatIsSubmittedAfterTheCrashHasNotHappened) {
  Do(Write(0, "abc"));
  Do(Sync());
  const LogPosition crash = log_.end;
  Do(Write(0, "xyz"));
  Do(Sync());
  log_.end = crash;
  EXPECT_EQ(Contents(), States({"abc"}));
}

TEST_F(CrashModelTest, AnySubsetOfTheRestSurvives) {
  Do(Write(0, "ab"));
  Do(Sync());
  Do(Write(2, "cd"));
  Do(Write(4, "ef"));
  const std::string gap = "ab" + Zeros(2);
  EXPECT_EQ(Contents(), States({"ab", "abcd", "abcdef", gap + "ef", gap,
                                gap + Zeros(2), "abcd" + Zeros(2)}));
}

TEST_F(CrashModelTest, ALostOverwriteLeavesTheOldContents) {
  Do(Write(0, "old old"));
  Do(Sync());
  Do(Write(0, "new"));
  Do(Write(3, "new"));
  EXPECT_EQ(Contents(), States({"old old", "new old", "oldnewd", "newnewd"}));
}

TEST_F(CrashModelTest, WritesTearAtSectors) {
  Do(Write(256, std::string(512, 'x')));
  const std::string start = Zeros(256);
  const std::string x = std::string(256, 'x');
  EXPECT_EQ(Contents(),
            States({"", start + x + x, start + x, start + Zeros(512),
                    start + Zeros(256) + x, start + x + Zeros(256)}));
}

TEST_F(CrashModelTest, OverlappingWritesInFlightHaveNoOrder) {
  const size_t first = Begin(Write(0, "a"));
  const size_t second = Begin(Write(0, "b"));
  End(first);
  End(second);
  Do(Sync());
  EXPECT_EQ(Contents(), States({"a", "b"}));
}

TEST_F(CrashModelTest, OneAfterTheOtherHasAnOrder) {
  Do(Write(0, "a"));
  Do(Write(0, "b"));
  Do(Sync());
  EXPECT_EQ(Contents(), States({"b"}));
}

TEST_F(CrashModelTest, ATruncationIsLikeAWrite) {
  Do(Write(0, "abcd"));
  Do(Sync());
  Do(OnFile(LogOp::kTruncate, 2));
  EXPECT_EQ(Contents(), States({"abcd", "ab"}));
  Do(Sync());
  EXPECT_EQ(Contents(), States({"ab"}));
}

TEST_F(CrashModelTest, AnAllocationMayChangeTheSize) {
  Do(Write(0, "ab"));
  Do(Sync());
  Do(OnFile(LogOp::kAllocate, 0, 4, FALLOC_FL_KEEP_SIZE));
  EXPECT_EQ(Contents(), States({"ab"}));
  Do(OnFile(LogOp::kAllocate, 0, 4));
  EXPECT_EQ(Contents(), States({"ab", "ab" + Zeros(2)}));
  Do(OnFile(LogOp::kAllocate, 1, 9,
            FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE));
  Do(Sync());
  EXPECT_EQ(Contents(), States({"a" + Zeros(3)}));
}

TEST_F(CrashModelTest, LostFilesKeepWhatIsCertain) {
  Do(Write(0, "ab"));
  Do(Sync());
  Do(Write(2, "cd"));
  Loss loss;
  loss.data = Loss::Data::kNone;
  const CrashModel model(&log_);
  EXPECT_EQ(model.After(log_.end, loss, 1).At("f"), "abcd");
  loss.lost_files.insert(1);
  EXPECT_EQ(model.After(log_.end, loss, 1).At("f"), "ab");
}

TEST_F(CrashModelTest, NamesSurviveAsAPrefix) {
  DoName(LogOp::kCreate, 2, "t");
  DoName(LogOp::kRename, 2, "t", "g");
  DoName(LogOp::kUnlink, 1, "f");
  EXPECT_EQ(Names(), States({"f=1", "f=1 t=2", "f=1 g=2", "g=2"}));
  SyncDirectory("");
  EXPECT_EQ(Names(), States({"g=2"}));
}

TEST_F(CrashModelTest, ASyncOfTheFileMakesItsNameNotCertain) {
  DoName(LogOp::kRename, 1, "f", "g");
  Do(Sync());
  EXPECT_EQ(Names(), States({"f=1", "g=1"}));
}

TEST_F(CrashModelTest, ADirectorySyncSubmittedBeforeDoesNotCount) {
  LogEntry sync;
  sync.op = LogOp::kDirectorySync;
  const size_t entry = Begin(sync);
  DoName(LogOp::kCreate, 2, "g");
  End(entry);
  EXPECT_EQ(Names(), States({"f=1", "f=1 g=2"}));
}

TEST_F(CrashModelTest, EachDirectoryHasItsOwnSync) {
  DoName(LogOp::kMakeDirectory, 0, "d");
  SyncDirectory("");
  DoName(LogOp::kLink, 1, "f", "d/f");
  DoName(LogOp::kCreate, 2, "g");
  SyncDirectory("d");
  EXPECT_EQ(Names(), States({"d/f=1 f=1", "d/f=1 f=1 g=2"}));
}

TEST_F(CrashModelTest, ALinkIsCertainWithoutItsSource) {
  DoName(LogOp::kCreate, 2, "d/t");
  DoName(LogOp::kLink, 2, "d/t", "t");
  SyncDirectory("");
  EXPECT_EQ(Names(), States({"f=1 t=2", "d/t=2 f=1 t=2"}));
}

TEST_F(CrashModelTest, TheStateIsWritten) {
  Do(Write(0, "abc"));
  DoName(LogOp::kMakeDirectory, 0, "d");
  DoName(LogOp::kLink, 1, "f", "d/g");
  const TempDir directory;
  ASSERT_TRUE(CrashModel(&log_).WithoutLoss().WriteTo(directory.path()));
  EXPECT_EQ(ReadWholeFile(directory.file("f")), "abc");
  EXPECT_EQ(ReadWholeFile(directory.file("d/g")), "abc");
  struct stat info = {};
  ASSERT_EQ(stat(directory.file("f").c_str(), &info), 0);
  EXPECT_EQ(info.st_nlink, 2u);
}

// The other half of the judgement: which contents a history allows.
TEST(StreamTest, KnowsWhatMayBeThere) {
  Stream stream(0);
  stream.Acknowledge(stream.Start({1}, /*sync=*/true));
  stream.Acknowledge(stream.Start({2}, /*sync=*/false));
  stream.Acknowledge(stream.Start({1, 2}, /*sync=*/false));
  const auto check = [&](size_t first, size_t second) {
    std::map<std::string, std::string> found;
    if (first != 0) {
      found[stream.Key(1)] = stream.Value(1, first);
    }
    if (second != 0) {
      found[stream.Key(2)] = stream.Value(2, second);
    }
    return stream.Check(found, kNever - 1).failure;
  };
  EXPECT_EQ(check(1, 0), Failure::kNone);
  EXPECT_EQ(check(1, 2), Failure::kNone);
  EXPECT_EQ(check(3, 3), Failure::kNone);
  EXPECT_EQ(check(0, 0), Failure::kLost);
  EXPECT_EQ(check(0, 3), Failure::kLost);
  EXPECT_EQ(check(1, 3), Failure::kHole);
  EXPECT_EQ(check(3, 2), Failure::kHole);
  EXPECT_EQ(check(2, 3), Failure::kForeign);
}

}  // namespace
}  // namespace rocksdb_uring
