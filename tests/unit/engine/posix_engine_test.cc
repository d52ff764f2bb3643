// What the POSIX engine asks of the kernel, and what it makes of the answers;
// results are checked in engine_contract_test.cc.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/engine/posix_engine.h"

#include <fcntl.h>

#include <cerrno>
#include <vector>

#include "env/base/file_descriptor.h"
#include "tests/support/engine/fake_system_calls.h"
#include "tests/support/engine/test_support.h"

namespace rocksdb_uring {
namespace {

class PosixEngineTest : public ::testing::Test {
 protected:
  static constexpr size_t kFileSize = 1 << 20;

  // A batch of `count` buffered reads with the hint of the file.
  void ExpectBatch(size_t count) {
    std::vector<ReadBatch::Range> ranges;
    for (size_t i = 0; i < count; ++i) {
      ranges.push_back({i * 10000, 100});
    }
    ReadBatch batch(file_.fd(), 0, ranges);
    RunOptions options;
    options.page_cache = &hint_;
    engine_.Run(batch.ops(), count, options);
    EXPECT_TRUE(batch.Matches(file_.model()));
  }

  FakeSystemCalls calls_;
  Statistics statistics_;
  PosixEngine engine_{&calls_, &statistics_};
  PageCacheHint hint_;
  TestFile file_{kFileSize};
};

TEST_F(PosixEngineTest, ABatchThatMissesIsAnnouncedBeforeItIsRead) {
  calls_.Fail(FakeSystemCalls::kPreadNoWait, FakeSystemCalls::kAlways, -EAGAIN);
  ExpectBatch(10);
  EXPECT_EQ(calls_.count(FakeSystemCalls::kWillNeed), 10u);
  EXPECT_EQ(calls_.count(FakeSystemCalls::kPread), 10u);
}

// What RocksDB's own file system does, for files outside the share.
TEST_F(PosixEngineTest, OneByOneAnnouncesNothingAndAsksNothing) {
  PosixEngine engine(&calls_, &statistics_, PosixEngine::Batches::kOneByOne);
  file_.DropCache();
  ReadBatch batch(file_.fd(), 0, {{0, 100}, {50000, 100}, {100000, 100}});
  RunOptions options;
  options.page_cache = &hint_;
  engine.Run(batch.ops(), batch.size(), options);
  EXPECT_TRUE(batch.Matches(file_.model()));
  batch[0].Reset();
  EXPECT_FALSE(engine.RunIfCached(&batch[0]));
  EXPECT_EQ(calls_.count(FakeSystemCalls::kPread), 3u);
  EXPECT_EQ(calls_.total(), 3u);
}

TEST_F(PosixEngineTest, OneMissIsJustRead) {
  calls_.Fail(FakeSystemCalls::kPreadNoWait, 3, -EAGAIN);
  ExpectBatch(10);
  EXPECT_EQ(calls_.count(FakeSystemCalls::kWillNeed), 0u);
  EXPECT_EQ(calls_.count(FakeSystemCalls::kPread), 1u);
  EXPECT_EQ(statistics_.Snapshot().op(StatKind::kRead, IoPath::kPosix).count,
            1u);
}

TEST_F(PosixEngineTest, AFileSystemWithoutNoWaitIsReadAllTheSame) {
  for (const int error : {-EOPNOTSUPP, -ENOSYS, -EINVAL, -EINTR}) {
    calls_.Fail(FakeSystemCalls::kPreadNoWait, FakeSystemCalls::kAlways, error);
    ExpectBatch(10);
  }
}

// FUSE, some NFS, ZFS: asked once, and then the time of the batches tells, so
// that a cached file costs its reads and nothing else.
TEST_F(PosixEngineTest, AFileThatCannotBeAskedIsTimed) {
  calls_.Fail(FakeSystemCalls::kPreadNoWait, FakeSystemCalls::kAlways,
              -EOPNOTSUPP);
  ExpectBatch(10);
  EXPECT_EQ(calls_.count(FakeSystemCalls::kPreadNoWait), 1u);
  EXPECT_EQ(calls_.count(FakeSystemCalls::kWillNeed), 10u);
  uint64_t announced = 0;
  // Only a busy machine needs many: reads must look cached 16 times in a row.
  for (int i = 0; i < 100000; ++i) {
    const uint64_t before = calls_.count(FakeSystemCalls::kWillNeed);
    ExpectBatch(10);
    announced = calls_.count(FakeSystemCalls::kWillNeed) - before;
    if (announced == 0) {
      break;
    }
  }
  EXPECT_EQ(announced, 0u);
  EXPECT_EQ(calls_.count(FakeSystemCalls::kPreadNoWait), 1u);
}

TEST_F(PosixEngineTest, AFailedHintIsNoFailure) {
  calls_.Fail(FakeSystemCalls::kPreadNoWait, FakeSystemCalls::kAlways, -EAGAIN);
  calls_.Fail(FakeSystemCalls::kWillNeed, FakeSystemCalls::kAlways, -EIO);
  ExpectBatch(10);
}

TEST_F(PosixEngineTest, ShortAnswersOfThePageCacheAreFinished) {
  for (const size_t bytes_max : {1, 50, 99}) {
    calls_.set_bytes_max(bytes_max);
    ExpectBatch(10);
  }
}

// After a cold batch one probe is enough to see that the next is cold too.
TEST_F(PosixEngineTest, AColdFileIsProbedOnce) {
  calls_.Fail(FakeSystemCalls::kPreadNoWait, FakeSystemCalls::kAlways, -EAGAIN);
  ExpectBatch(10);
  EXPECT_EQ(calls_.count(FakeSystemCalls::kPreadNoWait), 10u);
  ExpectBatch(10);
  EXPECT_EQ(calls_.count(FakeSystemCalls::kPreadNoWait), 11u);
}

// Hot, cold and hot again: only the speed may change.
TEST_F(PosixEngineTest, AFileThatChangesItsTemperature) {
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 40; ++i) {
      ExpectBatch(10);
    }
    file_.DropCache();
    for (int i = 0; i < 40; ++i) {
      ExpectBatch(10);
    }
  }
}

TEST_F(PosixEngineTest, AReadThatIsCachedIsCompleteAtOnce) {
  calls_.CacheEverything();
  ReadBatch batch(file_.fd(), 0, {{5000, 3000}});
  EXPECT_TRUE(engine_.RunIfCached(&batch.ops()[0]));
  EXPECT_TRUE(batch.Matches(file_.model()));
  EXPECT_EQ(calls_.total(), 1u);
  EXPECT_EQ(
      statistics_.Snapshot().op(StatKind::kRead, IoPath::kPageCache).bytes,
      3000u);
}

TEST_F(PosixEngineTest, AReadThatIsNotAllCachedIsLeftToTheCaller) {
  const auto expect_left = [&] {
    ReadBatch batch(file_.fd(), 0, {{5000, 3000}});
    const uint64_t before = calls_.total();
    EXPECT_FALSE(engine_.RunIfCached(&batch.ops()[0]));
    EXPECT_EQ(batch.ops()[0].state(), IoState::kIdle);
    EXPECT_EQ(calls_.total(), before + 1) << "asked more than once";
    EXPECT_EQ(statistics_.Snapshot().op(StatKind::kRead).count, 0u);
  };
  for (const int error : {-EAGAIN, -EOPNOTSUPP, -EIO, -EINTR}) {
    calls_.Fail(FakeSystemCalls::kPreadNoWait, 1, error);
    expect_left();
  }
  calls_.set_bytes_max(2999);
  expect_left();
}

TEST_F(PosixEngineTest, TheErrorOfEachCallIsTheResult) {
  const std::pair<IoKind, FakeSystemCalls::Call> cases[] = {
      {IoKind::kRead, FakeSystemCalls::kPread},
      {IoKind::kReadv, FakeSystemCalls::kPreadv},
      {IoKind::kWrite, FakeSystemCalls::kPwrite},
      {IoKind::kWritev, FakeSystemCalls::kPwritev},
      {IoKind::kFsync, FakeSystemCalls::kFsync},
      {IoKind::kFdatasync, FakeSystemCalls::kFdatasync},
      {IoKind::kSyncFileRange, FakeSystemCalls::kSyncFileRange},
      {IoKind::kFallocate, FakeSystemCalls::kFallocate}};
  char buffer[10] = {};
  const iovec iov = {buffer, sizeof(buffer)};
  for (const auto& [kind, call] : cases) {
    for (const int error : {-EIO, -ENOSPC, -ESTALE}) {
      IoOp op;
      op.kind = kind;
      op.fd = file_.fd();
      op.buffer = buffer;
      op.length = sizeof(buffer);
      op.iov = &iov;
      op.iov_count = 1;
      const uint64_t before = calls_.total();
      calls_.Fail(call, 1, error);
      engine_.Run(&op, 1, RunOptions{});
      EXPECT_EQ(op.result, error);
      EXPECT_EQ(calls_.total(), before + 1) << "an error is not repeated";
    }
  }
}

TEST_F(PosixEngineTest, InterruptionsAreRepeated) {
  calls_.InterruptEvery(2);
  IoOp op;
  op.fd = file_.fd();
  for (const IoKind kind :
       {IoKind::kFsync, IoKind::kFdatasync, IoKind::kSyncFileRange}) {
    for (int i = 0; i < 5; ++i) {
      op.Reset();
      op.kind = kind;
      engine_.Run(&op, 1, RunOptions{});
      EXPECT_EQ(op.result, 0);
    }
  }
}

TEST_F(PosixEngineTest, TakesNothingThatOutlivesTheCall) {
  IoOp op;
  IoOp* ops = &op;
  EXPECT_FALSE(engine_.asynchronous());
  EXPECT_EQ(engine_.Submit(&ops, 1), 0u);
  EXPECT_EQ(op.state(), IoState::kIdle);
}

TEST(SystemCallsTest, KernelReadAheadIsKnownOfFilesOnADevice) {
  SystemCalls* const calls = SystemCalls::Default();
  EXPECT_EQ(calls->KernelReadAhead(-1), 0u);
  const FileDescriptor none(open("/proc/self/stat", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(calls->KernelReadAhead(none.get()), 0u);
  // What it is depends on the machine: whole KiB, and not known everywhere.
  const TestFile file(4096);
  EXPECT_EQ(calls->KernelReadAhead(file.fd()) % 1024, 0u);
}

}  // namespace
}  // namespace rocksdb_uring
