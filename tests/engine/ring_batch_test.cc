// RingBatch on a ring that fails in every way that rings can fail.
#include "env/engine/ring_batch.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "tests/engine/fake_ring.h"
#include "tests/engine/fake_system_calls.h"
#include "tests/engine/test_support.h"

namespace rocksdb_uring {
namespace {

using Verdict = FakeKernel::Verdict;

class RingBatchTest : public ::testing::Test {
 protected:
  static constexpr size_t kFileSize = 1 << 20;

  void MakeRing(unsigned entries) {
    RingOptions options;
    options.entries = entries;
    ring_ = kernel_.factory()(options).ring;
  }

  void TearDown() override {
    ring_.reset();
    const FakeKernel::Observations seen = kernel_.observations();
    EXPECT_EQ(seen.overflows, 0u);
    EXPECT_EQ(seen.lost, 0u);
  }

  // Returns what RingBatch::Run says of the ring.
  bool Run(IoOp* ops, size_t count, uint64_t timeout_us = 0) {
    RingBatch batch(ring_.get(), &posix_, &statistics_, timeout_us);
    const bool ring_is_well = batch.Run(ops, count);
    CompleteAll(ops, count);
    return ring_is_well;
  }

  std::vector<ReadBatch::Range> Ranges(size_t count, size_t length = 1000) {
    std::vector<ReadBatch::Range> ranges;
    for (size_t i = 0; i < count; ++i) {
      ranges.push_back({i * length, length});
    }
    return ranges;
  }

  // The `nth` request fails with `error`, the others succeed.
  void FailNth(uint64_t nth, int error) {
    const uint64_t first = kernel_.observations().requests;
    kernel_.SetRequestScript([=](const RingRequest&, uint64_t ordinal) {
      Verdict verdict;
      verdict.error = ordinal == first + nth ? error : 0;
      return verdict;
    });
  }

  uint64_t Event(StatEvent event) {
    return statistics_.Snapshot().event(event);
  }

  FakeKernel kernel_;
  FakeSystemCalls calls_;
  Statistics statistics_;
  PosixEngine posix_{&calls_, &statistics_};
  std::unique_ptr<Ring> ring_;
  TestFile file_{kFileSize};
};

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

TEST_F(RingBatchTest, ASyncThatWasNotBegunIsDoneByPosix) {
  MakeRing(8);
  for (const int error : {-EAGAIN, -EINTR, -ECANCELED}) {
    FailNth(0, error);
    IoOp op;
    op.kind = IoKind::kFsync;
    op.fd = file_.fd();
    EXPECT_TRUE(Run(&op, 1));
    EXPECT_EQ(op.result, 0);
  }
  EXPECT_EQ(calls_.count(FakeSystemCalls::kFsync), 3u);
  // And then its error counts.
  FailNth(0, -EAGAIN);
  calls_.Fail(FakeSystemCalls::kFsync, 1, -EIO);
  IoOp op;
  op.kind = IoKind::kFsync;
  op.fd = file_.fd();
  EXPECT_TRUE(Run(&op, 1));
  EXPECT_EQ(op.result, -EIO);
  EXPECT_EQ(calls_.count(FakeSystemCalls::kFsync), 4u);
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

class ShortTransfers : public RingBatchTest {
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

class RingFailures : public RingBatchTest,
                     public ::testing::WithParamInterface<unsigned> {
 protected:
  void SetUp() override { MakeRing(GetParam()); }

  static constexpr size_t kCount = 50;

  void ExpectRun(bool ring_is_well) {
    ReadBatch batch(file_.fd(), 0, Ranges(kCount));
    EXPECT_EQ(Run(batch.ops(), kCount), ring_is_well);
    EXPECT_TRUE(batch.Matches(file_.model()));
  }
};

// Fails the first submission for good, then the second, and so on, until a
// batch needs no more of them.
TEST_P(RingFailures, ASubmissionThatFailsForGood) {
  for (const int error : {-EPERM, -EBADF, -ENXIO}) {
    for (uint64_t position = 0;; ++position) {
      MakeRing(GetParam());
      const uint64_t first = kernel_.observations().submits;
      kernel_.SetSubmitScript([=](unsigned, uint64_t ordinal) {
        return ordinal >= first + position ? error : FakeKernel::kAll;
      });
      ReadBatch batch(file_.fd(), 0, Ranges(kCount));
      const bool ring_is_well = Run(batch.ops(), kCount);
      EXPECT_TRUE(batch.Matches(file_.model())) << "submission " << position;
      if (ring_is_well) {
        EXPECT_GT(position, 0u);
        break;
      }
      ASSERT_LT(position, 200u);
    }
  }
}

TEST_P(RingFailures, ASubmissionThatFailsForGoodWithSomeInFlight) {
  const uint64_t seed = TestSeed();
  for (uint64_t position = 0; position < 6; ++position) {
    MakeRing(GetParam());
    kernel_.SetRequestScript([=](const RingRequest&, uint64_t ordinal) {
      Verdict verdict;
      verdict.calls_late = static_cast<unsigned>((seed + ordinal) % 5);
      return verdict;
    });
    const uint64_t first = kernel_.observations().submits;
    kernel_.SetSubmitScript([=](unsigned, uint64_t ordinal) {
      return ordinal >= first + position ? -EPERM : 3;
    });
    ExpectRun(false);
  }
}

TEST_P(RingFailures, AWaitThatFailsForGood) {
  kernel_.SetRequestScript([](const RingRequest&, uint64_t) {
    Verdict verdict;
    verdict.us_late = 300;
    return verdict;
  });
  // Nothing more is submitted either, so that the batch sees the failure.
  kernel_.SetSubmitScript([](unsigned, uint64_t ordinal) {
    return ordinal == 0 ? FakeKernel::kAll : -EAGAIN;
  });
  kernel_.SetWaitError(-EPERM);
  ExpectRun(false);
}

TEST_P(RingFailures, SubmissionsOfEverySize) {
  for (int size = 1; size <= static_cast<int>(kCount); ++size) {
    kernel_.SetSubmitScript([=](unsigned, uint64_t) { return size; });
    ExpectRun(true);
  }
}

TEST_P(RingFailures, SubmissionsRefusedForAMoment) {
  for (const int error : {-EAGAIN, -EBUSY, -ENOMEM, -EINTR, 0}) {
    for (const uint64_t every : {2, 3, 5}) {
      kernel_.SetSubmitScript([=](unsigned, uint64_t ordinal) {
        return ordinal % every != 0 ? error : 2;
      });
      ExpectRun(true);
    }
  }
}

TEST_P(RingFailures, SubmissionsRefusedForEver) {
  for (const int error : {-EAGAIN, -EBUSY, -ENOMEM, 0}) {
    MakeRing(GetParam());
    kernel_.SetSubmitScript([=](unsigned, uint64_t) { return error; });
    ExpectRun(false);
  }
}

TEST_P(RingFailures, WaitsThatAreInterrupted) {
  kernel_.SetRequestScript([](const RingRequest&, uint64_t) {
    Verdict verdict;
    verdict.calls_late = 2;
    return verdict;
  });
  kernel_.SetWaitScript([](uint64_t ordinal) {
    constexpr int kResults[] = {-EINTR, -EINTR, 0, -EAGAIN};
    return kResults[ordinal % 4];
  });
  ExpectRun(true);
}

TEST_P(RingFailures, CompletionsThatNameNobody) {
  for (const uint64_t tag :
       {uint64_t{0}, UINT64_MAX, uint64_t{0xdeadbeef00000003}}) {
    kernel_.CompleteUnknown(tag);
    ExpectRun(true);
  }
  EXPECT_EQ(Event(StatEvent::kUnknownCompletion), 3u);
}

TEST_P(RingFailures, EverythingAtOnce) {
  kernel_.SetRandomFaults(TestSeed());
  for (int i = 0; i < 100; ++i) {
    ExpectRun(true);
  }
}

INSTANTIATE_TEST_SUITE_P(Depths, RingFailures,
                         ::testing::Values(1, 2, 3, 8, 17, 64));

class Timeouts : public RingBatchTest {};

TEST_F(Timeouts, EndABatchThatTheDeviceKeeps) {
  MakeRing(8);
  kernel_.WithholdAll();
  ReadBatch batch(file_.fd(), 0, Ranges(30));
  EXPECT_TRUE(Run(batch.ops(), 30, 2000));
  for (size_t i = 0; i < 30; ++i) {
    EXPECT_EQ(batch[i].result, -ETIMEDOUT) << i;
  }
  EXPECT_EQ(calls_.total(), 0u);
}

TEST_F(Timeouts, LeaveWhatIsCompleteAlone) {
  MakeRing(64);
  kernel_.SetRequestScript([](const RingRequest&, uint64_t ordinal) {
    Verdict verdict;
    verdict.withheld = ordinal % 3 == 0;
    return verdict;
  });
  ReadBatch batch(file_.fd(), 0, Ranges(30));
  EXPECT_TRUE(Run(batch.ops(), 30, 2000));
  for (size_t i = 0; i < 30; ++i) {
    if (i % 3 == 0) {
      EXPECT_EQ(batch[i].result, -ETIMEDOUT);
    } else {
      EXPECT_TRUE(batch.Matches(file_.model(), i));
    }
  }
}

TEST_F(Timeouts, WaitForWhatTheDeviceIsDoing) {
  MakeRing(8);
  kernel_.SetRequestScript([](const RingRequest&, uint64_t) {
    Verdict verdict;
    verdict.withheld = true;
    verdict.cancelable = false;
    return verdict;
  });
  ReadBatch batch(file_.fd(), 0, Ranges(4));
  Threads threads;
  threads.Start([&] {
    // Let go once the batch has asked in vain for all to be cancelled.
    while (kernel_.observations().cancels < 4) {
      std::this_thread::yield();
    }
    kernel_.StopWithholding();
  });
  EXPECT_TRUE(Run(batch.ops(), 4, 1000));
  EXPECT_TRUE(batch.Matches(file_.model()));
}

TEST_F(Timeouts, DoNotTouchABatchInTime) {
  MakeRing(8);
  ReadBatch batch(file_.fd(), 0, Ranges(30));
  EXPECT_TRUE(Run(batch.ops(), 30, 60 * 1000 * 1000));
  EXPECT_TRUE(batch.Matches(file_.model()));
}

// The queue still holds requests that the kernel refused, so that the cancel
// requests do not all fit.
TEST_F(Timeouts, CancelEvenWhenTheQueueIsFull) {
  MakeRing(8);
  kernel_.WithholdAll();
  // Half of the batch, then nothing until the queue is full of cancel requests.
  bool full = false;
  kernel_.SetSubmitScript([&full](unsigned prepared, uint64_t ordinal) {
    full = full || (ordinal > 0 && prepared == 8);
    return ordinal == 0 ? 4 : full ? FakeKernel::kAll : -EBUSY;
  });
  ReadBatch batch(file_.fd(), 0, Ranges(8));
  EXPECT_TRUE(Run(batch.ops(), 8, 2000));
  for (size_t i = 0; i < 8; ++i) {
    EXPECT_EQ(batch[i].result, -ETIMEDOUT) << i;
  }
}

TEST_F(Timeouts, OnARingThatDiesMeanwhile) {
  MakeRing(8);
  kernel_.SetRequestScript([](const RingRequest&, uint64_t) {
    Verdict verdict;
    verdict.us_late = 20000;
    return verdict;
  });
  kernel_.SetSubmitScript([](unsigned, uint64_t ordinal) {
    return ordinal == 0 ? FakeKernel::kAll : -EPERM;
  });
  ReadBatch batch(file_.fd(), 0, Ranges(20));
  EXPECT_FALSE(Run(batch.ops(), 20, 1000));
  for (size_t i = 0; i < 20; ++i) {
    if (batch[i].result != -ETIMEDOUT) {
      EXPECT_TRUE(batch.Matches(file_.model(), i));
    }
  }
}

}  // namespace
}  // namespace rocksdb_uring
