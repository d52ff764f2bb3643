// RangeSync on a kernel that completes when the test says so, and fails as the
// test says.
//
// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <vector>

#include "tests/unit/file/write_fault_fixture.h"

namespace rocksdb_uring {
namespace {

using rocksdb::IOOptions;
using rocksdb::IOStatus;

class RangeSyncFaultTest : public WriteFaultFixture {};

TEST_F(RangeSyncFaultTest, DoesNotWait) {
  Open("000007.log");
  MustAppend(2 * kPiece);
  std::vector<uint64_t> ends;
  kernel_.SetRequestScript([&](const RingRequest& request, uint64_t) {
    FakeKernel::Verdict verdict;
    verdict.withheld = request.opcode == RingOpcode::kSyncFileRange;
    if (verdict.withheld) {
      ends.push_back(request.offset + request.length);
    }
    return verdict;
  });
  EXPECT_TRUE(file_->RangeSync(0, kPiece, IOOptions(), nullptr).ok());
  // Remembered while the first is in flight.
  EXPECT_TRUE(file_->RangeSync(kPiece, 10, IOOptions(), nullptr).ok());
  EXPECT_EQ(ends, std::vector<uint64_t>{kPiece});
  kernel_.ReleaseAll();
  EXPECT_TRUE(file_->RangeSync(kPiece + 10, 10, IOOptions(), nullptr).ok());
  EXPECT_EQ(ends, (std::vector<uint64_t>{kPiece, kPiece + 20}));
  ExpectWaitsForTheKernel([this] { return Close(); });
}

TEST_F(RangeSyncFaultTest, LeavesOutWhatIsInFlight) {
  Open();
  std::vector<uint64_t> ends;
  kernel_.SetRequestScript([&](const RingRequest& request, uint64_t) {
    FakeKernel::Verdict verdict;
    verdict.withheld = IsWrite(request) && request.offset >= kPiece;
    if (request.opcode == RingOpcode::kSyncFileRange) {
      ends.push_back(request.offset + request.length);
    }
    return verdict;
  });
  MustAppend(3 * kPiece);
  EXPECT_TRUE(file_->RangeSync(0, 3 * kPiece, IOOptions(), nullptr).ok());
  EXPECT_EQ(ends, std::vector<uint64_t>{kPiece});
  kernel_.ReleaseAll();
  EXPECT_TRUE(file_->RangeSync(0, 1, IOOptions(), nullptr).ok());
  EXPECT_EQ(ends, (std::vector<uint64_t>{kPiece, 3 * kPiece}));
  EXPECT_TRUE(Close().ok());
}

TEST_F(RangeSyncFaultTest, StrictWaitsForWritesAndForItself) {
  options_.strict_bytes_per_sync = true;
  Open();
  kernel_.WithholdAll();
  MustAppend(kPiece);
  ExpectWaitsForTheKernel(
      [this] { return file_->RangeSync(0, kPiece, IOOptions(), nullptr); });
  EXPECT_EQ(ReadWholeFile(path_), written_);
  EXPECT_TRUE(Close().ok());
}

// Of a WAL that Resume() gives up, Flush and Sync must work as on POSIX.
TEST_F(RangeSyncFaultTest, AFailureInFlightIsReportedOnce) {
  Open("000007.log");
  MustAppend(100);
  FailFrom(RingOpcode::kSyncFileRange, 0, -EIO);
  EXPECT_TRUE(file_->RangeSync(0, 50, IOOptions(), nullptr).ok());
  kernel_.SetRequestScript(nullptr);
  EXPECT_TRUE(Flush().ok());
  MustAppend(10);
  EXPECT_TRUE(Sync().ok());
  const IOStatus expected =
      MakeIOStatus("While sync_file_range", path_, Errno::FromErrno(EIO));
  EXPECT_TRUE(
      SameStatus(file_->RangeSync(50, 50, IOOptions(), nullptr), expected));
  ExpectEveryCallWorks();
}

TEST_F(RangeSyncFaultTest, AFailureInFlightIsReportedByCloseAtTheLatest) {
  Open("000007.log");
  MustAppend(100);
  FailFrom(RingOpcode::kSyncFileRange, 0, -EIO);
  EXPECT_TRUE(file_->RangeSync(0, 50, IOOptions(), nullptr).ok());
  EXPECT_TRUE(SameStatus(Close(), MakeIOStatus("While sync_file_range", path_,
                                               Errno::FromErrno(EIO))));
}

TEST_F(RangeSyncFaultTest, AStrictFailureIsReportedByItsOwnCallAlone) {
  options_.strict_bytes_per_sync = true;
  for (const int error : {EIO, EINTR, EACCES}) {
    Open("000007.log");
    MustAppend(100);
    FailFrom(RingOpcode::kSyncFileRange, 0, -error);
    EXPECT_TRUE(SameStatus(
        file_->RangeSync(0, 50, IOOptions(), nullptr),
        MakeIOStatus("While sync_file_range", path_, Errno::FromErrno(error))));
    ExpectEveryCallWorks();
  }
}

}  // namespace
}  // namespace rocksdb_uring
