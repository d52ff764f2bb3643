// The recorder sees what libc, librocksdb and rings do to files.
//
// SPDX-License-Identifier: Apache-2.0
#include "tests/faults/power/recorder.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "env/engine/shared_engine.h"
#include "env/ring/ring.h"
#include "tests/faults/power/crash_check.h"
#include "tests/faults/power/power_test_support.h"
#include "tests/faults/power/recording_ring.h"
#include "tests/support/engine/test_support.h"
#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {
namespace {

class RecorderTest : public ::testing::Test {
 protected:
  void SetUp() override { Recorder::Instance()->Start(directory_.path()); }
  void TearDown() override { Recorder::Instance()->Stop(); }

  std::string Path(const std::string& name) { return directory_.file(name); }
  int Open(const std::string& name, int flags) {
    return open(Path(name).c_str(), flags | O_CLOEXEC, 0644);
  }
  // What the log makes of the file is what it holds.
  void ExpectContents(const std::string& name) {
    const DiskState state = CrashModel(&log_).WithoutLoss();
    ASSERT_EQ(state.files.count(name), 1u) << name;
    EXPECT_TRUE(state.At(name) == ReadWholeFile(Path(name))) << name;
  }
  void Stop() { log_ = Recorder::Instance()->Stop(); }
  std::vector<LogOp> Ops() const {
    std::vector<LogOp> ops;
    for (const LogEntry& entry : log_.entries) {
      ops.push_back(entry.op);
    }
    return ops;
  }

  TempDir directory_;
  IoLog log_;
};

TEST_F(RecorderTest, SeesNames) {
  ASSERT_EQ(mkdir(Path("d").c_str(), 0755), 0);
  FileDescriptor(Open("a", O_CREAT | O_WRONLY));
  ASSERT_EQ(rename(Path("a").c_str(), Path("d/b").c_str()), 0);
  ASSERT_EQ(link(Path("d/b").c_str(), Path("c").c_str()), 0);
  ASSERT_EQ(unlink(Path("d//b").c_str()), 0);
  ASSERT_EQ(rmdir(Path("d").c_str()), 0);
  ASSERT_EQ(unlink(Path("none").c_str()), -1);
  const FileDescriptor root(
      open(directory_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ASSERT_EQ(fsync(root.get()), 0);
  const FileDescriptor e(openat(root.get(), "e", O_CREAT | O_RDWR, 0644));
  Stop();
  EXPECT_EQ(Ops(), std::vector<LogOp>({LogOp::kMakeDirectory, LogOp::kCreate,
                                       LogOp::kRename, LogOp::kLink,
                                       LogOp::kUnlink, LogOp::kRemoveDirectory,
                                       LogOp::kDirectorySync, LogOp::kCreate}));
  const DiskState state = CrashModel(&log_).WithoutLoss();
  EXPECT_EQ(state.files.count("c"), 1u);
  EXPECT_EQ(state.files.count("e"), 1u);
  EXPECT_EQ(state.files.size(), 2u);
}

TEST_F(RecorderTest, SeesContents) {
  const FileDescriptor file(Open("f", O_CREAT | O_RDWR));
  const int fd = file.get();
  EXPECT_EQ(write(fd, "0123", 4), 4);
  EXPECT_EQ(write(fd, "4567", 4), 4);
  EXPECT_EQ(pwrite(fd, "ab", 2, 1), 2);
  char c[] = "c";
  char de[] = "de";
  const iovec iov[] = {{c, 1}, {de, 2}};
  EXPECT_EQ(pwritev(fd, iov, 2, 3), 3);
  EXPECT_EQ(pwritev2(fd, iov, 2, 10, 0), 3);
  EXPECT_EQ(writev(fd, iov, 2), 3);
  EXPECT_EQ(ftruncate(fd, 12), 0);
  EXPECT_EQ(fallocate(fd, 0, 0, 14), 0);
  EXPECT_EQ(posix_fallocate(fd, 0, 16), 0);
  EXPECT_EQ(sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE), 0);
  EXPECT_EQ(fdatasync(fd), 0);
  EXPECT_EQ(fsync(fd), 0);
  EXPECT_EQ(truncate(Path("f").c_str(), 15), 0);
  Stop();
  EXPECT_EQ(log_.Count(LogOp::kWrite), 6u);
  EXPECT_EQ(log_.Count(LogOp::kTruncate), 2u);
  EXPECT_EQ(log_.Count(LogOp::kAllocate), 2u);
  EXPECT_EQ(log_.Count(LogOp::kRangeSync), 1u);
  EXPECT_EQ(log_.Count(LogOp::kDataSync), 1u);
  EXPECT_EQ(log_.Count(LogOp::kSync), 1u);
  ExpectContents("f");
}

TEST_F(RecorderTest, SeesReopenedFiles) {
  EXPECT_EQ(
      write(FileDescriptor(Open("f", O_CREAT | O_WRONLY)).get(), "abc", 3), 3);
  {
    const FileDescriptor append(Open("f", O_WRONLY | O_APPEND));
    EXPECT_EQ(write(append.get(), "def", 3), 3);
    // Linux ignores the offset.
    EXPECT_EQ(pwrite(append.get(), "ghi", 3, 0), 3);
  }
  {
    const FileDescriptor recycled(Open("f", O_WRONLY));
    EXPECT_EQ(write(recycled.get(), "A", 1), 1);
  }
  EXPECT_EQ(
      write(FileDescriptor(Open("g", O_CREAT | O_WRONLY)).get(), "abc", 3), 3);
  const FileDescriptor truncated(Open("g", O_WRONLY | O_CREAT | O_TRUNC));
  Stop();
  EXPECT_EQ(log_.Count(LogOp::kCreate), 2u);
  EXPECT_EQ(log_.Count(LogOp::kTruncate), 1u);
  EXPECT_EQ(ReadWholeFile(Path("f")), "Abcdefghi");
  ExpectContents("f");
  ExpectContents("g");
}

TEST_F(RecorderTest, SeesNothingElsewhere) {
  const TempDir elsewhere;
  const FileDescriptor file(
      open(elsewhere.file("f").c_str(), O_CREAT | O_WRONLY, 0644));
  EXPECT_EQ(write(file.get(), "abc", 3), 3);
  EXPECT_EQ(fsync(file.get()), 0);
  Stop();
  EXPECT_TRUE(log_.entries.empty());
}

TEST_F(RecorderTest, KnowsFailures) {
  const FileDescriptor file(Open("f", O_CREAT | O_RDONLY));
  EXPECT_EQ(write(file.get(), "abc", 3), -1);
  EXPECT_EQ(errno, EBADF);
  Stop();
  ASSERT_EQ(log_.entries.size(), 2u);
  EXPECT_TRUE(log_.entries[1].failed);
  EXPECT_EQ(log_.Count(LogOp::kWrite), 0u);
}

TEST_F(RecorderTest, LateWritesCompleteAfterTheSyncWasSubmitted) {
  const FileDescriptor file(Open("f.sst", O_CREAT | O_WRONLY));
  Recorder::Instance()->CompleteLate(".sst");
  EXPECT_EQ(write(file.get(), "abc", 3), 3);
  EXPECT_EQ(fdatasync(file.get()), 0);
  EXPECT_EQ(write(file.get(), "def", 3), 3);
  Stop();
  ASSERT_EQ(log_.entries.size(), 4u);
  EXPECT_GT(log_.entries[1].completed, log_.entries[2].submitted);
  EXPECT_LT(log_.entries[1].completed, log_.entries[2].completed);
  EXPECT_EQ(log_.entries[3].completed, kNever);
  ExpectContents("f.sst");
}

class RecordingRingTest : public RecorderTest {
 protected:
  void SetUp() override {
    SkipWithoutRing();
    RecorderTest::SetUp();
    file_ = FileDescriptor(Open("f", O_CREAT | O_RDWR));
    RingOrError made = RecordingRing::Factory()(RingOptions());
    ASSERT_NE(made.ring, nullptr);
    ring_ = std::move(made.ring);
  }

  RingRequest WriteRequest(const std::string& data, uint64_t offset) {
    RingRequest request;
    request.opcode = RingOpcode::kWrite;
    request.fd = file_.get();
    request.address = const_cast<char*>(data.data());
    request.length = data.size();
    request.offset = offset;
    request.user_data = 1;
    return request;
  }
  RingRequest SyncRequest() {
    RingRequest request;
    request.opcode = RingOpcode::kFsync;
    request.flags = kRingFsyncDataOnly;
    request.fd = file_.get();
    request.user_data = 2;
    return request;
  }
  void Reap(unsigned count) {
    RingCompletion completions[4];
    while (count > 0) {
      count -= ring_->Reap(completions, count);
      if (count > 0) {
        ring_->SubmitAndWait(1);
      }
    }
  }

  FileDescriptor file_;
  std::unique_ptr<Ring> ring_;
};

TEST_F(RecordingRingTest, AWriteIsCompletedWhenItIsReaped) {
  const std::string data = "abc";
  ASSERT_TRUE(ring_->Prepare(WriteRequest(data, 0)));
  ASSERT_EQ(ring_->SubmitAndWait(1), 1);
  // The kernel has it, and the engine does not know yet.
  ASSERT_TRUE(ring_->Prepare(SyncRequest()));
  ASSERT_EQ(ring_->Submit(), 1);
  Reap(2);
  Stop();
  ASSERT_EQ(Ops(), std::vector<LogOp>(
                       {LogOp::kCreate, LogOp::kWrite, LogOp::kDataSync}));
  EXPECT_GT(log_.entries[1].completed, log_.entries[2].submitted);
  EXPECT_NE(log_.entries[2].completed, kNever);
  ExpectContents("f");
}

TEST_F(RecordingRingTest, ASyncAfterTheReapedWriteCoversIt) {
  const std::string data = "abc";
  ASSERT_TRUE(ring_->Prepare(WriteRequest(data, 0)));
  Reap(1);
  ASSERT_TRUE(ring_->Prepare(SyncRequest()));
  Reap(1);
  Stop();
  ASSERT_EQ(log_.entries.size(), 3u);
  EXPECT_LT(log_.entries[1].completed, log_.entries[2].submitted);
}

TEST_F(RecordingRingTest, SeesWhatTheEngineSubmits) {
  EngineOptions options;
  options.ring_factory = RecordingRing::Factory();
  const std::shared_ptr<SharedEngine> engine = MakeEngine(options);
  std::string data = RandomBytes(10000, TestSeed());
  std::vector<iovec> iov = {{&data[0], 1000}, {&data[1000], 9000}};
  const IoKind kinds[] = {IoKind::kWrite,     IoKind::kWritev,
                          IoKind::kFallocate, IoKind::kSyncFileRange,
                          IoKind::kFdatasync, IoKind::kFsync};
  for (const IoKind kind : kinds) {
    IoOp op;
    op.kind = kind;
    op.fd = file_.get();
    op.buffer = &data[0];
    op.length = data.size();
    op.iov = iov.data();
    op.iov_count = 2;
    op.offset = kind == IoKind::kWritev ? 5000 : 0;
    RunOptions run;
    run.path = PathChoice::kUring;
    engine->engine()->Run(&op, 1, run);
    ASSERT_GE(op.result, 0);
    ASSERT_EQ(op.path, IoPath::kRing);
  }
  Stop();
  EXPECT_EQ(Ops(),
            std::vector<LogOp>({LogOp::kCreate, LogOp::kWrite, LogOp::kWrite,
                                LogOp::kAllocate, LogOp::kRangeSync,
                                LogOp::kDataSync, LogOp::kSync}));
  ExpectContents("f");
}

class RecordedRunTest : public ::testing::TestWithParam<FileSystemCase> {
 protected:
  void SetUp() override { SkipWhatCannotRun(GetParam(), files_); }

  // Only tables that are written directly are synced with fsync.
  const WorkloadCase files_ = {/*direct=*/true, /*recycle=*/true,
                               /*blobs=*/false};
};

// The log of a whole workload has everything that RocksDB does to its files:
// RecordedRun compares it to the directory.
TEST_P(RecordedRunTest, SeesEveryKindOfOperation) {
  const RecordedFileSystem file_system(GetParam());
  WorkloadOptions options;
  options.files = files_;
  options.seed = TestSeed();
  const RecordedRun run(options, file_system.get());
  for (size_t i = 0; i < kLogOpCount; ++i) {
    const auto op = static_cast<LogOp>(i);
    // RocksDB asks for none in files this small; the default file system tries
    // at each open whether there is such a call.
    const bool not_here = op == LogOp::kRangeSync && GetParam().is_plugin();
    if (op != LogOp::kRemoveDirectory && !not_here) {
      EXPECT_GT(run.log().Count(op), 0u) << LogOpName(op);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, RecordedRunTest,
                         ::testing::ValuesIn(FileSystemCases()),
                         [](const auto& info) {
                           return std::string(info.param.name);
                         });

}  // namespace
}  // namespace rocksdb_uring
