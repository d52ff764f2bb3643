// RingBatch where single operations fail or end short.
//
// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "tests/unit/engine/ring_batch_fixture.h"

namespace rocksdb_uring {
namespace {

using Verdict = FakeKernel::Verdict;

class RingBatchTest : public RingBatchFixture {};

TEST_F(RingBatchTest, AFailedReadIsRescuedByPosix) {
  constexpr size_t kCount = 20;
  MakeRing(8);
  uint64_t rescues = 0;
  for (const int error : {-EIO, -EAGAIN, -EINTR, -ECANCELED, -EFAULT, -EINVAL,
                          -EOPNOTSUPP, -EACCES, -ENOMEM}) {
    for (size_t nth = 0; nth < kCount; ++nth) {
      FailNth(nth, error);
      ReadBatch batch(file_.fd(), 0, Ranges(kCount));
      EXPECT_TRUE(Run(batch.ops(), kCount));
      EXPECT_TRUE(batch.Matches(file_.model())) << error << " at " << nth;
      EXPECT_EQ(batch[nth].path, IoPath::kPosix);
      EXPECT_EQ(batch[(nth + 1) % kCount].path, IoPath::kRing);
      EXPECT_EQ(Event(StatEvent::kPosixRescue), ++rescues);
    }
  }
  EXPECT_EQ(calls_.count(FakeSystemCalls::kPread), rescues);
}

TEST_F(RingBatchTest, AReadThatPosixFailsToo) {
  MakeRing(8);
  FailNth(2, -EFAULT);
  calls_.Fail(FakeSystemCalls::kPread, 1, -EIO);
  ReadBatch batch(file_.fd(), 0, Ranges(5));
  EXPECT_TRUE(Run(batch.ops(), 5));
  EXPECT_EQ(batch[2].result, -EIO);
  EXPECT_TRUE(batch.Matches(file_.model(), 3));
}

TEST_F(RingBatchTest, AFailedWriteIsReportedAndNotRepeated) {
  constexpr size_t kCount = 10;
  MakeRing(8);
  std::string bytes = RandomBytes(1000, 5);
  for (const int error : {-EIO, -ENOSPC, -EDQUOT, -EROFS}) {
    for (size_t nth = 0; nth < kCount; ++nth) {
      FailNth(nth, error);
      std::unique_ptr<IoOp[]> ops(new IoOp[kCount]);
      for (size_t i = 0; i < kCount; ++i) {
        ops[i].kind = IoKind::kWrite;
        ops[i].fd = file_.fd();
        ops[i].buffer = bytes.data();
        ops[i].length = bytes.size();
        ops[i].offset = i * 1000;
      }
      EXPECT_TRUE(Run(ops.get(), kCount));
      for (size_t i = 0; i < kCount; ++i) {
        EXPECT_EQ(ops[i].result, i == nth ? error : 1000);
      }
    }
  }
  EXPECT_EQ(calls_.total(), 0u);
}

TEST_F(RingBatchTest, AFailedSyncIsNeverRepeated) {
  MakeRing(8);
  for (const IoKind kind : {IoKind::kFsync, IoKind::kFdatasync}) {
    for (const int error : {-EIO, -ENOSPC, -EDQUOT}) {
      FailNth(0, error);
      IoOp op;
      op.kind = kind;
      op.fd = file_.fd();
      EXPECT_TRUE(Run(&op, 1));
      EXPECT_EQ(op.result, error);
    }
  }
  EXPECT_EQ(calls_.total(), 0u);
  EXPECT_EQ(kernel_.observations().requests, 6u);
}

// Whatever its errno: the server of a network filesystem may have sent it, and
// the kernel reports it once.
TEST_F(RingBatchTest, AFailedSyncIsFinal) {
  MakeRing(8);
  for (const int error :
       {-EAGAIN, -EINTR, -ECANCELED, -EINVAL, -EOPNOTSUPP, -EACCES, -EPERM,
        -EFAULT, -EBADF, -ENOSYS, -ENOMEM, -EIO}) {
    FailNth(0, error);
    for (const IoKind kind :
         {IoKind::kFsync, IoKind::kFdatasync, IoKind::kSyncFileRange}) {
      IoOp op;
      op.kind = kind;
      op.flags =
          kind == IoKind::kSyncFileRange ? SYNC_FILE_RANGE_WAIT_BEFORE : 0;
      op.fd = file_.fd();
      FailNth(0, error);
      EXPECT_TRUE(Run(&op, 1));
      EXPECT_EQ(op.result, error);
      EXPECT_EQ(op.path, IoPath::kRing);
      EXPECT_EQ(op.end, IoEnd::kFinished);
    }
  }
  EXPECT_EQ(calls_.total(), 0u);
}

// To start the write-out reports no error, so POSIX may do it instead.
TEST_F(RingBatchTest, AWriteOutThatWasNotBegunIsDoneByPosix) {
  MakeRing(8);
  for (const int error : {-EAGAIN, -ECANCELED, -EINVAL, -EACCES}) {
    FailNth(0, error);
    IoOp op;
    op.kind = IoKind::kSyncFileRange;
    op.flags = SYNC_FILE_RANGE_WRITE;
    op.fd = file_.fd();
    EXPECT_TRUE(Run(&op, 1) || error == -EINVAL || error == -EACCES);
    EXPECT_EQ(op.result, 0);
  }
  EXPECT_EQ(calls_.count(FakeSystemCalls::kSyncFileRange), 4u);
}

// More than Linux transfers in one request; the file has less.
TEST_F(RingBatchTest, WhatIsTooLargeForARequestIsDoneByPosix) {
  MakeRing(8);
  ReadBatch batch(file_.fd(), 0, {{0, 500}, {kFileSize - 100, 500}});
  batch[1].length = uint64_t{3} << 30;
  EXPECT_TRUE(Run(batch.ops(), 2));
  EXPECT_TRUE(batch.Matches(file_.model()));
  EXPECT_EQ(batch[0].path, IoPath::kRing);
  EXPECT_EQ(batch[1].path, IoPath::kPosix);
  EXPECT_EQ(kernel_.observations().requests, 1u);
}

class ShortTransfers : public RingBatchFixture {
 protected:
  // Every request transfers at most `bytes_max`.
  void Shorten(int64_t bytes_max) {
    kernel_.SetRequestScript([=](const RingRequest&, uint64_t) {
      Verdict verdict;
      verdict.bytes_max = bytes_max;
      return verdict;
    });
  }
};

TEST_F(ShortTransfers, OfEveryLengthAreFinished) {
  constexpr int64_t kLength = 600;
  MakeRing(8);
  for (int64_t bytes_max = 0; bytes_max <= kLength; ++bytes_max) {
    Shorten(bytes_max);
    ReadBatch batch(file_.fd(), 0, Ranges(3, kLength));
    EXPECT_TRUE(Run(batch.ops(), 3));
    EXPECT_TRUE(batch.Matches(file_.model())) << bytes_max;
    EXPECT_EQ(batch[0].path, IoPath::kRing) << "a short read is no failure";
  }
}

TEST_F(ShortTransfers, OfVectorsAreFinished) {
  MakeRing(8);
  for (int64_t bytes_max = 0; bytes_max <= 300; ++bytes_max) {
    Shorten(bytes_max);
    std::string pieces[3] = {std::string(100, 0), std::string(1, 0),
                             std::string(199, 0)};
    iovec iov[3];
    for (int i = 0; i < 3; ++i) {
      iov[i] = {pieces[i].data(), pieces[i].size()};
    }
    IoOp op;
    op.kind = IoKind::kReadv;
    op.fd = file_.fd();
    op.iov = iov;
    op.iov_count = 3;
    op.offset = 50;
    EXPECT_TRUE(Run(&op, 1));
    EXPECT_EQ(op.result, 300);
    EXPECT_EQ(pieces[0] + pieces[1] + pieces[2], file_.model().substr(50, 300));
  }
}

TEST_F(ShortTransfers, OfWritesAreFinished) {
  MakeRing(8);
  for (int64_t bytes_max = 0; bytes_max <= 600; ++bytes_max) {
    Shorten(bytes_max);
    std::string bytes = RandomBytes(600, static_cast<uint64_t>(bytes_max));
    IoOp op;
    op.kind = IoKind::kWrite;
    op.fd = file_.fd();
    op.buffer = bytes.data();
    op.length = bytes.size();
    op.offset = 4321;
    EXPECT_TRUE(Run(&op, 1));
    EXPECT_EQ(op.result, 600);
    file_.model().replace(4321, 600, bytes);
  }
  EXPECT_TRUE(file_.Contents() == file_.model());
}

// What stops inside a sector before the end of the file goes on from the
// beginning of that sector: reading on from inside it would be -EINVAL.
TEST_F(ShortTransfers, OfDirectReads) {
  SkipWithoutDirectIo(file_);
  constexpr size_t kLength = 2 * TestFile::kAlignment;
  MakeRing(8);
  for (int64_t bytes_max = 0; bytes_max <= static_cast<int64_t>(kLength);
       bytes_max += bytes_max < 600 ? 1 : 7) {
    Shorten(bytes_max);
    ReadBatch batch(file_.direct_fd(), TestFile::kAlignment,
                    Ranges(2, kLength));
    EXPECT_TRUE(Run(batch.ops(), 2));
    ASSERT_TRUE(batch.Matches(file_.model())) << bytes_max;
    EXPECT_EQ(batch[0].path, IoPath::kRing) << "a short read is no failure";
  }
}

TEST_F(ShortTransfers, OfDirectReadsAtTheEnd) {
  SkipWithoutDirectIo(file_);
  constexpr size_t kLength = 2 * TestFile::kAlignment;
  MakeRing(8);
  for (const size_t tail : {1, 511, 512, 4095, 4097, 8191}) {
    ASSERT_EQ(ftruncate(file_.fd(), static_cast<off_t>(kLength + tail)), 0);
    file_.model().resize(kLength + tail);
    for (const int64_t bytes_max : {1, 511, 512, 4095, 4096, 4097, 8192}) {
      Shorten(bytes_max);
      ReadBatch batch(file_.direct_fd(), TestFile::kAlignment,
                      Ranges(2, kLength));
      EXPECT_TRUE(Run(batch.ops(), 2));
      ASSERT_TRUE(batch.Matches(file_.model())) << tail << ", " << bytes_max;
    }
  }
}

TEST_F(ShortTransfers, OfDirectWritesGoOnAtASector) {
  SkipWithoutDirectIo(file_);
  constexpr size_t kLength = 2 * TestFile::kAlignment;
  MakeRing(8);
  AlignedBuffer buffer(kLength, TestFile::kAlignment);
  for (int64_t bytes_max = 0; bytes_max <= static_cast<int64_t>(kLength);
       bytes_max += bytes_max < 600 ? 13 : 97) {
    // The request is carried out up to the sector, and reports more.
    kernel_.SetRequestScript([=](const RingRequest&, uint64_t) {
      Verdict verdict;
      verdict.bytes_max = bytes_max;
      return verdict;
    });
    const std::string bytes =
        RandomBytes(kLength, 7 + static_cast<uint64_t>(bytes_max));
    memcpy(buffer.data(), bytes.data(), kLength);
    IoOp op;
    op.kind = IoKind::kWrite;
    op.fd = file_.direct_fd();
    op.alignment = TestFile::kAlignment;
    op.buffer = buffer.data();
    op.length = kLength;
    op.offset = 8192;
    EXPECT_TRUE(Run(&op, 1));
    EXPECT_EQ(op.result, static_cast<int64_t>(kLength));
    file_.model().replace(8192, kLength, bytes);
    ASSERT_TRUE(file_.Contents() == file_.model()) << bytes_max;
  }
}

}  // namespace
}  // namespace rocksdb_uring
