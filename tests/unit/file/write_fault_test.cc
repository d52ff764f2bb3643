// Writes and syncs on a kernel that completes when the test says so, and fails
// as the test says: what may be in flight is, what must wait waits, and every
// error is reported: that of a write in flight by all later calls, that of a
// call that waited by this call alone.
//
// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "env/base/aligned_buffer.h"
#include "env/base/file_descriptor.h"
#include "tests/support/engine/limited_pace.h"
#include "tests/unit/file/write_fault_fixture.h"

namespace rocksdb_uring {
namespace {

using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

class WriteFaultTest : public WriteFaultFixture {};

TEST_F(WriteFaultTest, TableWritesAreInFlightWhenAppendReturns) {
  Open();
  kernel_.WithholdAll();
  MustAppend(2 * kPiece);
  MustAppend(100);
  EXPECT_TRUE(Flush().ok());
  EXPECT_EQ(kernel_.withheld(), 3u);
  EXPECT_EQ(ReadWholeFile(path_), "");
  EXPECT_EQ(file_->GetFileSize(IOOptions(), nullptr), written_.size());
  EXPECT_EQ(Count(StatEvent::kWriteOverlapped), written_.size());
  kernel_.StopWithholding();
  EXPECT_TRUE(Close().ok());
  EXPECT_EQ(ReadWholeFile(path_), written_);
}

// By default short ones cost less than to hand them over, unless they follow
// long ones; a thread that only submits must not execute them.
TEST_F(WriteFaultTest, LongBufferedAppendsAreInFlightByDefault) {
  writes_ = PathChoice::kAuto;
  Open();
  kernel_.SetRequestScript([](const RingRequest& request, uint64_t) {
    EXPECT_TRUE(!IsWrite(request) || request.by_worker);
    FakeKernel::Verdict verdict;
    verdict.withheld = true;
    return verdict;
  });
  MustAppend(WriteBehind::kBufferedBytesMin - 1);
  EXPECT_EQ(ReadWholeFile(path_), written_);
  MustAppend(WriteBehind::kBufferedBytesMin);
  MustAppend(100);
  EXPECT_TRUE(Flush().ok());
  EXPECT_EQ(kernel_.withheld(), 2u);
  ExpectWaitsForTheKernel([this] { return Sync(); });
  EXPECT_EQ(ReadWholeFile(path_), written_);
  EXPECT_TRUE(Close().ok());
}

// A Flush after each append would wait for it.
TEST_F(WriteFaultTest, BufferedBlobsThatAreReadAreWrittenAtOnceByDefault) {
  writes_ = PathChoice::kAuto;
  Open("000007.blob");
  kernel_.WithholdAll();
  MustAppend(2 * kPiece);
  EXPECT_EQ(ReadWholeFile(path_), written_);
  EXPECT_EQ(kernel_.withheld(), 0u);
}

TEST_F(WriteFaultTest, BlobFlushWaits) {
  Open("000007.blob");
  kernel_.WithholdAll();
  MustAppend(kPiece);
  EXPECT_EQ(kernel_.withheld(), 1u);
  ExpectWaitsForTheKernel([this] { return Flush(); });
  EXPECT_EQ(ReadWholeFile(path_), written_);
}

#if ROCKSDB_URING_ROCKSDB_GE(11, 5)
TEST_F(WriteFaultTest, BlobFlushDoesNotWaitIfNobodyReadsTheFile) {
  options_.open_contract = rocksdb::FileOpenContract::kNoReopenForWrite;
  Open("000007.blob");
  kernel_.WithholdAll();
  MustAppend(kPiece);
  ExpectWaitsForTheKernel([this] { return Flush(); });
  EXPECT_TRUE(Close().ok());

  options_.open_contract |=
      rocksdb::FileOpenContract::kNoReadersWhileOpenForWrite;
  Open("000008.blob");
  kernel_.WithholdAll();
  MustAppend(kPiece);
  EXPECT_TRUE(Flush().ok());
  EXPECT_EQ(kernel_.withheld(), 1u);
  kernel_.StopWithholding();
  EXPECT_TRUE(Sync().ok());
  EXPECT_TRUE(Close().ok());
  EXPECT_EQ(ReadWholeFile(path_), written_);
  // A log is read while it grows, whatever is said.
  Open("000009.log");
  kernel_.WithholdAll();
  ExpectWaitsForTheKernel([this] { return Append(1000); });
}
#endif

TEST_F(WriteFaultTest, AppendToLogsAndOtherFilesWaits) {
  for (const char* name : {"000007.log", "MANIFEST-000007", "CURRENT",
                           "000007.dbtmp", "000007.sst.trash"}) {
    Open(name);
    kernel_.WithholdAll();
    ExpectWaitsForTheKernel([this] { return Append(1000); });
    EXPECT_EQ(ReadWholeFile(path_), written_) << name;
    EXPECT_TRUE(Close().ok());
  }
}

TEST_F(WriteFaultTest, SyncIsSubmittedAfterTheWritesCompleted) {
  for (const PathChoice syncs : {PathChoice::kUring, PathChoice::kPosix}) {
    syncs_ = syncs;
    Open();
    std::atomic<uint64_t> syncs_seen{0};
    kernel_.SetRequestScript([&](const RingRequest& request, uint64_t) {
      FakeKernel::Verdict verdict;
      verdict.withheld = IsWrite(request);
      syncs_seen += request.opcode == RingOpcode::kFsync ? 1 : 0;
      return verdict;
    });
    const uint64_t before = calls_.count(FakeSystemCalls::kFdatasync);
    MustAppend(3 * kPiece);
    std::thread thread([this] { EXPECT_TRUE(Sync().ok()); });
    EXPECT_TRUE(kernel_.AwaitWaiting(1));
    EXPECT_EQ(syncs_seen, 0u);
    EXPECT_EQ(calls_.count(FakeSystemCalls::kFdatasync), before);
    kernel_.ReleaseAll(/*newest_first=*/true);
    thread.join();
    EXPECT_EQ(syncs_seen + calls_.count(FakeSystemCalls::kFdatasync) - before,
              1u);
    EXPECT_TRUE(Close().ok());
    EXPECT_EQ(ReadWholeFile(path_), written_);
    kernel_.SetRequestScript(nullptr);
  }
}

TEST_F(WriteFaultTest, SyncRunsBesideAppend) {
  Open();
  std::atomic<bool> stop{false};
  std::thread syncer([&] {
    while (!stop) {
      EXPECT_TRUE(Sync().ok());
    }
  });
  for (int i = 0; i < 100; ++i) {
    MustAppend(100 * 1000);
    EXPECT_TRUE(Flush().ok());
  }
  stop = true;
  syncer.join();
  EXPECT_TRUE(Close().ok());
  EXPECT_EQ(ReadWholeFile(path_), written_);
}

TEST_F(WriteFaultTest, AppendWaitsForABufferWhenAllAreInFlight) {
  Open();
  kernel_.WithholdAll();
  MustAppend(WriteBehind::kWritesMax * kPiece);
  EXPECT_EQ(kernel_.withheld(), WriteBehind::kWritesMax);
  ExpectWaitsForTheKernel([this] { return Append(kPiece); });
  EXPECT_GT(Count(StatEvent::kWriteBufferWait), 0u);
  EXPECT_TRUE(Close().ok());
  EXPECT_EQ(ReadWholeFile(path_), written_);
}

// A synced write of others would wait behind more.
TEST_F(WriteFaultTest, ACompactionHasOneWriteInFlightOnASlowDevice) {
  options_.use_direct_writes = true;
  Open();
  SkipWithoutDirectReads(true, path_);
  file_->SetIOPriority(rocksdb::Env::IO_LOW);
  LimitCompactions(engine_->background_paces()->Of(
      FileDescriptor(open(path_.c_str(), O_RDONLY | O_CLOEXEC)).get()));
  kernel_.WithholdAll();
  const auto append = [this] {
    const AlignedBuffer data(kPiece, 4096);
    std::memset(data.data(), 'x', kPiece);
    written_.append(data.data(), kPiece);
    return file_->PositionedAppend(Slice(data.data(), kPiece),
                                   written_.size() - kPiece, IOOptions(),
                                   nullptr);
  };
  EXPECT_TRUE(append().ok());
  EXPECT_EQ(kernel_.withheld(), 1u);
  ExpectWaitsForTheKernel(append);
  EXPECT_GT(Count(StatEvent::kBackgroundPaused), 0u);
  // A flush has no time to lose.
  file_->SetIOPriority(rocksdb::Env::IO_HIGH);
  kernel_.WithholdAll();
  EXPECT_TRUE(append().ok());
  EXPECT_TRUE(append().ok());
  EXPECT_EQ(kernel_.withheld(), 2u);
  kernel_.StopWithholding();
  EXPECT_TRUE(Close().ok());
  EXPECT_EQ(ReadWholeFile(path_), written_);
}

TEST_F(WriteFaultTest, NobodyWaitsForTheBuffersOfAnotherFile) {
  EngineOptions small;
  small.write_buffer_bytes = kPiece;
  MakeEngineWith(small);
  const std::unique_ptr<UringWritableFile> other = OpenNew("000008.sst");
  kernel_.SetRequestScript([](const RingRequest& request, uint64_t ordinal) {
    FakeKernel::Verdict verdict;
    verdict.withheld = IsWrite(request) && ordinal == 0;
    return verdict;
  });
  const std::string data = RandomBytes(kPiece, 8);
  ASSERT_TRUE(other->Append(data, IOOptions(), nullptr).ok());
  Open();
  MustAppend(2 * kPiece + 5);
  EXPECT_EQ(Count(StatEvent::kWriteBufferNone), 3u);
  EXPECT_EQ(ReadWholeFile(path_), written_);
  EXPECT_EQ(kernel_.withheld(), 1u);
  kernel_.StopWithholding();
  EXPECT_TRUE(other->Close(IOOptions(), nullptr).ok());
  EXPECT_EQ(ReadWholeFile(directory_.file("000008.sst")), data);
}

TEST_F(WriteFaultTest, FilesShareTheBuffers) {
  EngineOptions options;
  options.write_buffer_bytes = 4 * kPiece;
  MakeEngineWith(options);
  Open();
  kernel_.WithholdAll();
  MustAppend(4 * kPiece);
  kernel_.StopWithholding();
  EXPECT_TRUE(Sync().ok());
  EXPECT_EQ(engine_->write_bytes(), 4 * kPiece);
  // What the first file keeps for its next writes.
  const std::unique_ptr<UringWritableFile> other = OpenNew("000008.sst");
  const std::string data = RandomBytes(2 * kPiece, 8);
  kernel_.WithholdAll();
  ASSERT_TRUE(other->Append(data, IOOptions(), nullptr).ok());
  EXPECT_EQ(kernel_.withheld(), 2u);
  MustAppend(2 * kPiece);
  EXPECT_EQ(kernel_.withheld(), 4u);
  ExpectWaitsForTheKernel([this] { return Append(kPiece); });
  EXPECT_EQ(Count(StatEvent::kWriteBufferNone), 0u);
  EXPECT_TRUE(other->Close(IOOptions(), nullptr).ok());
  EXPECT_EQ(engine_->write_bytes(), 2 * kPiece);
  EXPECT_TRUE(Close().ok());
  EXPECT_EQ(ReadWholeFile(path_), written_);
  EXPECT_EQ(ReadWholeFile(directory_.file("000008.sst")), data);
}

TEST_F(WriteFaultTest, IdleBuffersMakeRoomForALargerOne) {
  EngineOptions options;
  options.write_buffer_bytes = 2 * kPiece;
  MakeEngineWith(options);
  Open();
  kernel_.WithholdAll();
  for (size_t i = 0; i < WriteBehind::kWritesMax; ++i) {
    MustAppend(2 * kPiece / WriteBehind::kWritesMax);
  }
  kernel_.StopWithholding();
  MustAppend(kPiece);
  EXPECT_EQ(Count(StatEvent::kWriteBufferNone), 0u);
  EXPECT_TRUE(Close().ok());
  EXPECT_EQ(ReadWholeFile(path_), written_);
}

TEST_F(WriteFaultTest, NoBuffersAtAll) {
  for (const uint64_t bytes : {uint64_t{0}, uint64_t{4096}}) {
    EngineOptions none;
    none.write_buffer_bytes = bytes;
    MakeEngineWith(none);
    Open();
    MustAppend(kPiece + 5);
    EXPECT_EQ(ReadWholeFile(path_), written_);
    EXPECT_TRUE(Close().ok());
  }
}

TEST_F(WriteFaultTest, SizeSetAheadHidesNoHole) {
  path_ = directory_.file("000007.sst");
  WriteFile(path_, "");
  SkipWithoutDirectReads(true, path_);
  options_.use_direct_writes = true;
  Open();
  file_->SetPreallocationBlockSize(8 * kPiece);
  file_->PrepareWrite(0, kPiece, IOOptions(), nullptr);
  EXPECT_EQ(ReadWholeFile(path_).size(), 8 * kPiece);
  FailFrom(RingOpcode::kWrite, 1, -EIO);
  Scratch data(kPiece);
  for (size_t i = 0; i < 3; ++i) {
    (void)file_->PositionedAppend(rocksdb::Slice(data.data(), kPiece),
                                  i * kPiece, IOOptions(), nullptr);
  }
  EXPECT_TRUE(Close().IsIOError());
  EXPECT_EQ(ReadWholeFile(path_).size(), kPiece);
}

TEST_F(WriteFaultTest, OverlappingWritesAreOrdered) {
  Open();
  kernel_.WithholdAll();
  const std::string first = RandomBytes(2 * kBlock, 1);
  const std::string second = RandomBytes(2 * kBlock, 2);
  ASSERT_TRUE(file_->PositionedAppend(first, 0, IOOptions(), nullptr).ok());
  // The tail block again, as a direct file's flush writes it.
  ExpectWaitsForTheKernel([&] {
    return file_->PositionedAppend(second, kBlock, IOOptions(), nullptr);
  });
  EXPECT_TRUE(Close().ok());
  EXPECT_EQ(ReadWholeFile(path_), first.substr(0, kBlock) + second);
}

TEST_F(WriteFaultTest, TruncateAndDestructionWait) {
  Open();
  kernel_.WithholdAll();
  MustAppend(kPiece);
  ExpectWaitsForTheKernel(
      [this] { return file_->Truncate(1000, IOOptions(), nullptr); });
  EXPECT_EQ(ReadWholeFile(path_), written_.substr(0, 1000));
  Open();
  kernel_.WithholdAll();
  MustAppend(kPiece);
  ExpectWaitsForTheKernel([this] {
    file_.reset();
    return IOStatus::OK();
  });
  EXPECT_EQ(ReadWholeFile(path_), written_);
}

TEST_F(WriteFaultTest, WriteErrorsComeOutAndStay) {
  for (const int error : {EIO, ENOSPC, EDQUOT}) {
    Open();
    FailFrom(RingOpcode::kWrite, 1, -error);
    const uint64_t syncs = calls_.count(FakeSystemCalls::kFdatasync);
    MustAppend(kPiece);
    (void)Append(kPiece);
    const IOStatus status = Sync();
    const IOStatus expected = MakeIOStatus(
        "While appending to file at offset " + std::to_string(kPiece) +
            " len " + std::to_string(kPiece),
        path_, Errno::FromErrno(error));
    EXPECT_TRUE(SameStatus(status, expected));
    kernel_.SetRequestScript(nullptr);
    ExpectEveryCallFailsAs(expected);
    EXPECT_EQ(calls_.count(FakeSystemCalls::kFdatasync), syncs);
  }
}

TEST_F(WriteFaultTest, ErrorOfTheLowestOffsetIsReported) {
  Open();
  kernel_.WithholdAll();
  MustAppend(3 * kPiece);
  kernel_.SetRequestScript([](const RingRequest&, uint64_t) {
    FakeKernel::Verdict verdict;
    verdict.error = -EIO;
    return verdict;
  });
  (void)Append(10);
  kernel_.StopWithholding();
  const IOStatus status = Close();
  EXPECT_NE(status.ToString().find(path_), std::string::npos);
  EXPECT_NE(status.ToString().find("offset " + std::to_string(3 * kPiece)),
            std::string::npos)
      << status.ToString();
}

TEST_F(WriteFaultTest, NoErrorOfAnyWriteIsLost) {
  for (const char* name : {"000007.sst", "000007.blob", "000007.log"}) {
    bool failed = true;
    for (uint64_t nth = 0; failed; ++nth) {
      Open(name);
      FailFrom(RingOpcode::kWrite, nth, -EIO);
      failed = false;
      for (const size_t size : {kPiece, size_t{10}, 2 * kPiece, size_t{1}}) {
        failed = !Append(size).ok() || failed;
      }
      failed = !Close().ok() || failed;
      if (!failed) {
        EXPECT_EQ(ReadWholeFile(path_), written_);
        EXPECT_GE(nth, 4u);
      }
    }
  }
}

// The engine asks once. RocksDB decides what follows, so later calls answer as
// those of the default file system: after ENOSPC a WAL goes on with Resume().
TEST_F(WriteFaultTest, SyncErrorIsReportedOnceAndNotRepeated) {
  for (const PathChoice syncs : {PathChoice::kUring, PathChoice::kPosix}) {
    for (const char* name :
         {"000007.sst", "000007.blob", "000007.log", "MANIFEST-000007"}) {
      for (const int error : {EIO, ENOSPC, EINTR, EAGAIN, EINVAL, ECANCELED}) {
        syncs_ = syncs;
        Open(name);
        MustAppend(100);
        EXPECT_TRUE(Sync().ok());
        const uint64_t syncs_before = SyncsSeen();
        FailFrom(RingOpcode::kFsync, 0, -error);
        calls_.Fail(FakeSystemCalls::kFdatasync, 1, -error);
        EXPECT_TRUE(SameStatus(Sync(), MakeIOStatus("While fdatasync", path_,
                                                    Errno::FromErrno(error))));
        EXPECT_EQ(SyncsSeen(), syncs_before + 1) << name << ", " << error;
        calls_.Fail(FakeSystemCalls::kFdatasync, 0, 0);
        ExpectEveryCallWorks();
      }
    }
  }
}

TEST_F(WriteFaultTest, ShortWritesAreFinished) {
  for (const int64_t bytes : {1, 511, 4096, 100000}) {
    Open();
    kernel_.SetRequestScript([=](const RingRequest&, uint64_t) {
      FakeKernel::Verdict verdict;
      verdict.bytes_max = bytes;
      return verdict;
    });
    MustAppend(kPiece + 77);
    EXPECT_TRUE(Sync().ok());
    EXPECT_TRUE(Close().ok());
    EXPECT_EQ(ReadWholeFile(path_), written_);
  }
}

TEST_F(WriteFaultTest, RingTroubleIsHidden) {
  for (const int error : {-EAGAIN, -EINTR, -ECANCELED}) {
    Open();
    kernel_.SetRequestScript([=](const RingRequest& request, uint64_t) {
      FakeKernel::Verdict verdict;
      verdict.error = IsWrite(request) ? error : 0;
      return verdict;
    });
    MustAppend(2 * kPiece);
    EXPECT_TRUE(Sync().ok());
    EXPECT_TRUE(Close().ok());
    EXPECT_EQ(ReadWholeFile(path_), written_);
  }
  EXPECT_GT(Count(StatEvent::kPosixRescue), 0u);
}

TEST_F(WriteFaultTest, RingThatDiesLosesNothing) {
  Open();
  MustAppend(2 * kPiece);
  kernel_.SetSubmitError(-EBADF);
  MustAppend(3 * kPiece);
  EXPECT_TRUE(Sync().ok());
  MustAppend(10);
  EXPECT_TRUE(Close().ok());
  EXPECT_EQ(ReadWholeFile(path_), written_);
  kernel_.SetSubmitError(0);
}

TEST_F(WriteFaultTest, RandomFaultsLoseNothing) {
  kernel_.SetRandomFaults(TestSeed());
  std::mt19937_64 random(TestSeed());
  for (int round = 0; round < 20; ++round) {
    Open(round % 2 == 0 ? "000007.sst" : "000007.blob");
    for (int i = 0; i < 10; ++i) {
      MustAppend(random() % (2 * kPiece));
      EXPECT_TRUE(random() % 3 != 0 || Sync().ok());
      EXPECT_TRUE(random() % 3 != 0 || Flush().ok());
    }
    EXPECT_TRUE(Close().ok());
    ASSERT_EQ(ReadWholeFile(path_), written_) << "round " << round;
  }
}

TEST_F(WriteFaultTest, SignalsDoNotChangeTheSize) {
  Open();
  file_->SetPreallocationBlockSize(1 << 20);
  file_->PrepareWrite(0, 100, IOOptions(), nullptr);
  MustAppend(100);
  calls_.Fail(FakeSystemCalls::kFtruncate, 1, -EINTR);
  EXPECT_TRUE(file_->Truncate(50, IOOptions(), nullptr).ok());
  // That of Close gives the preallocated space back.
  calls_.Fail(FakeSystemCalls::kFtruncate, 1, -EINTR);
  calls_.Fail(FakeSystemCalls::kFallocate, 1, -EINTR);
  EXPECT_TRUE(Close().ok());
  EXPECT_EQ(ReadWholeFile(path_).size(), 50u);
}

TEST_F(WriteFaultTest, TruncateErrorIsReportedOnce) {
  Open();
  MustAppend(100);
  calls_.Fail(FakeSystemCalls::kFtruncate, 1, -EIO);
  const IOStatus status = file_->Truncate(50, IOOptions(), nullptr);
  EXPECT_TRUE(status.IsIOError()) << status.ToString();
  EXPECT_EQ(file_->GetFileSize(IOOptions(), nullptr), 100u);
  ExpectEveryCallWorks();
}

// RocksDB recycles a WAL before it has closed its old writer.
TEST_F(WriteFaultTest, ClosingTheOldWriterDoesNotCutARecycledLog) {
  const std::unique_ptr<UringWritableFile> old = OpenNew("000004.log");
  old->SetPreallocationBlockSize(1 << 20);
  old->PrepareWrite(0, 1000, IOOptions(), nullptr);
  ASSERT_TRUE(old->Append("old", IOOptions(), nullptr).ok());
  std::shared_ptr<OpenFile> reused;
  path_ = directory_.file("000009.log");
  ASSERT_TRUE(OpenForReuse(path_, directory_.file("000004.log"), options_,
                           FileContext{PolicyOf({}), engine_}, &reused)
                  .ok());
  file_ = std::make_unique<UringWritableFile>(std::move(reused), options_, 0);
  MustAppend(10000);
  EXPECT_TRUE(old->Close(IOOptions(), nullptr).ok());
  EXPECT_EQ(ReadWholeFile(path_), written_);
}

TEST_F(WriteFaultTest, PreallocationThatFailsDoesNotMatter) {
  Open();
  FailFrom(RingOpcode::kFallocate, 0, -ENOSPC);
  file_->SetPreallocationBlockSize(1 << 20);
  file_->PrepareWrite(0, 100, IOOptions(), nullptr);
  MustAppend(100);
  EXPECT_TRUE(Close().ok());
  EXPECT_EQ(ReadWholeFile(path_), written_);
}

}  // namespace
}  // namespace rocksdb_uring
