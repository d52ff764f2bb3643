// Every error of every system call of the POSIX engine, and transfers that stop
// anywhere.
//
// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "env/engine/posix_engine.h"
#include "tests/support/engine/fake_system_calls.h"
#include "tests/support/engine/test_support.h"

namespace rocksdb_uring {
namespace {

using Fake = FakeSystemCalls;

class PosixFaults : public ::testing::Test {
 protected:
  static constexpr size_t kFileSize = 1 << 20;
  static constexpr size_t kLength = 2 * TestFile::kAlignment;

  // An operation of each kind on buffers of the fixture.
  void Describe(IoKind kind, IoOp* op) {
    op->kind = kind;
    op->fd = file_.fd();
    op->buffer = buffer_.data();
    op->length = kLength;
    op->iov = iov_;
    op->iov_count = 2;
  }
  int64_t Run(IoOp* op) {
    op->Reset();
    engine_.Run(op, 1, RunOptions());
    return op->result;
  }

  FakeSystemCalls calls_;
  Statistics statistics_;
  PosixEngine engine_{&calls_, &statistics_};
  TestFile file_{kFileSize};
  AlignedBuffer buffer_{kLength, TestFile::kAlignment};
  const iovec iov_[2] = {
      {buffer_.data(), TestFile::kAlignment},
      {buffer_.data() + TestFile::kAlignment, TestFile::kAlignment}};
};

struct KindAndCall {
  IoKind kind;
  Fake::Call call;
};
constexpr KindAndCall kKinds[] = {
    {IoKind::kRead, Fake::kPread},
    {IoKind::kReadv, Fake::kPreadv},
    {IoKind::kWrite, Fake::kPwrite},
    {IoKind::kWritev, Fake::kPwritev},
    {IoKind::kFsync, Fake::kFsync},
    {IoKind::kFdatasync, Fake::kFdatasync},
    {IoKind::kSyncFileRange, Fake::kSyncFileRange},
    {IoKind::kFallocate, Fake::kFallocate}};

TEST_F(PosixFaults, InterruptionsOfEveryCallButSyncsAreRepeated) {
  calls_.set_bytes_max(3000);
  for (const KindAndCall& kind : kKinds) {
    for (uint64_t nth = 1; nth <= 4; ++nth) {
      IoOp op;
      Describe(kind.kind, &op);
      if (ReportsWriteErrors(op)) {
        continue;
      }
      calls_.Fail(kind.call, nth, -EINTR);
      const int64_t wanted = IsTransfer(op) ? static_cast<int64_t>(kLength) : 0;
      EXPECT_EQ(Run(&op), wanted) << kind.call << " at " << nth;
    }
  }
}

// Whatever was reported is used up: asked again, the kernel says 0 for pages
// that are lost.
TEST_F(PosixFaults, AnInterruptedSyncHasFailed) {
  for (const IoKind kind :
       {IoKind::kFsync, IoKind::kFdatasync, IoKind::kSyncFileRange}) {
    IoOp op;
    Describe(kind, &op);
    op.flags = kind == IoKind::kSyncFileRange ? SYNC_FILE_RANGE_WAIT_BEFORE : 0;
    const uint64_t before = calls_.total();
    for (const Fake::Call call :
         {Fake::kFsync, Fake::kFdatasync, Fake::kSyncFileRange}) {
      calls_.Fail(call, 1, -EINTR);
    }
    EXPECT_EQ(Run(&op), -EINTR);
    EXPECT_EQ(calls_.total(), before + 1);
  }
}

// As RocksDB's own file system does: EAGAIN of a regular file is an error.
TEST_F(PosixFaults, NoOtherErrorIsRepeated) {
  for (const int error : {-EAGAIN, -EIO, -ENOSPC, -EBADF, -EFAULT}) {
    for (const KindAndCall& kind : kKinds) {
      IoOp op;
      Describe(kind.kind, &op);
      const uint64_t before = calls_.total();
      calls_.Fail(kind.call, 1, error);
      EXPECT_EQ(Run(&op), error);
      EXPECT_EQ(calls_.total(), before + 1);
    }
  }
}

TEST_F(PosixFaults, OfHintsDoNotShow) {
  for (const Fake::Call call : {Fake::kPreadNoWait, Fake::kWillNeed}) {
    for (const int error : {-EAGAIN, -EINTR, -EIO, -EINVAL, -ENOSYS}) {
      calls_.Fail(Fake::kPreadNoWait, Fake::kAlways, -EAGAIN);
      calls_.Fail(call, Fake::kAlways, error);
      ReadBatch batch(file_.fd(), 0, {{0, 100}, {50000, 100}, {7, 9000}});
      engine_.Run(batch.ops(), batch.size(), RunOptions());
      EXPECT_TRUE(batch.Matches(file_.model()));
    }
  }
}

class PosixShortTransfers : public PosixFaults {
 protected:
  void SetUp() override { SkipWithoutDirectIo(file_); }

  void DescribeDirect(IoKind kind, IoOp* op) {
    Describe(kind, op);
    op->fd = file_.direct_fd();
    op->alignment = TestFile::kAlignment;
    op->offset = TestFile::kAlignment;
  }
  void Fill(uint64_t seed) {
    const std::string bytes = RandomBytes(kLength, seed);
    memcpy(buffer_.data(), bytes.data(), kLength);
  }
  std::string Buffer() const { return std::string(buffer_.data(), kLength); }
};

// One that stops anywhere, a sector's inside included, goes on.
TEST_F(PosixShortTransfers, OfDirectReadsOfEveryLength) {
  for (size_t bytes = 1; bytes < kLength; bytes += bytes < 5000 ? 1 : 17) {
    for (const IoKind kind : {IoKind::kRead, IoKind::kReadv}) {
      Fill(bytes);
      IoOp op;
      DescribeDirect(kind, &op);
      calls_.ReportAtMost(1, bytes);
      ASSERT_EQ(Run(&op), static_cast<int64_t>(kLength)) << bytes;
      ASSERT_TRUE(Buffer() ==
                  file_.model().substr(TestFile::kAlignment, kLength))
          << bytes;
    }
  }
}

TEST_F(PosixShortTransfers, OfDirectWritesOfEveryLength) {
  for (size_t bytes = 1; bytes < kLength; bytes += bytes < 300 ? 1 : 61) {
    for (const IoKind kind : {IoKind::kWrite, IoKind::kWritev}) {
      Fill(bytes);
      file_.model().replace(TestFile::kAlignment, kLength, Buffer());
      IoOp op;
      DescribeDirect(kind, &op);
      calls_.ReportAtMost(1, bytes);
      ASSERT_EQ(Run(&op), static_cast<int64_t>(kLength)) << bytes;
      ASSERT_TRUE(file_.Contents() == file_.model()) << bytes;
    }
  }
}

// A device that never comes to the end of the first sector is broken, and the
// file does not end there.
TEST_F(PosixShortTransfers, ForEverInsideASectorAreAnError) {
  for (const IoKind kind :
       {IoKind::kRead, IoKind::kReadv, IoKind::kWrite, IoKind::kWritev}) {
    Fill(1);
    file_.model().replace(TestFile::kAlignment, kLength, Buffer());
    IoOp op;
    DescribeDirect(kind, &op);
    calls_.ReportAtMost(Fake::kAlways, 100);
    EXPECT_EQ(Run(&op), -EIO);
  }
}

}  // namespace
}  // namespace rocksdb_uring
