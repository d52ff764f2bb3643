// Early write-out on a kernel that completes when the test says so, and fails
// as the test says.
//
// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/file/write_fault_fixture.h"

namespace rocksdb_uring {
namespace {

using rocksdb::IOOptions;
using rocksdb::IOStatus;

class EarlyWriteOutTest : public WriteFaultFixture {
 protected:
  static constexpr size_t kStep = 64 << 10;
  using Ranges = std::vector<std::pair<uint64_t, uint64_t>>;

  EarlyWriteOutTest() {
    writes_ = PathChoice::kAuto;
    write_out_bytes_ = kStep;
  }

  void Record(bool withheld = false) {
    kernel_.SetRequestScript([this, withheld](const RingRequest& request,
                                              uint64_t) {
      FakeKernel::Verdict verdict;
      if (request.opcode == RingOpcode::kSyncFileRange) {
        ranges_.emplace_back(request.offset, request.offset + request.length);
        verdict.withheld = withheld;
      }
      return verdict;
    });
  }
  void AppendSteps(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      MustAppend(kStep);
    }
  }
  void ExpectNone() {
    Record();
    AppendSteps(8);
    EXPECT_EQ(ranges_, Ranges());
    EXPECT_TRUE(Sync().ok());
    EXPECT_TRUE(Close().ok());
  }

  // The failure of a step in flight is known when it was collected.
  void ExpectFailsFromNowOn(const IOStatus& expected) {
    EXPECT_TRUE(SameStatus(Sync(), expected));
    ExpectEveryCallFailsAs(expected);
  }

  Ranges ranges_;
};

// Each range waits for the step before it and starts its own.
TEST_F(EarlyWriteOutTest, StepsFollowTheFile) {
  for (const char* name : {"000007.sst", "000007.blob"}) {
    Open(name);
    ranges_.clear();
    Record();
    AppendSteps(1);
    EXPECT_EQ(ranges_, Ranges());
    AppendSteps(1);
    EXPECT_EQ(ranges_, Ranges({{0, 2 * kStep}}));
    MustAppend(kStep - 1);
    EXPECT_EQ(ranges_.size(), 1u);
    MustAppend(1);
    AppendSteps(1);
    EXPECT_EQ(ranges_,
              Ranges({{0, 2 * kStep}, {0, 3 * kStep}, {2 * kStep, 4 * kStep}}));
    EXPECT_TRUE(Sync().ok());
    EXPECT_TRUE(Close().ok());
    EXPECT_EQ(ranges_.size(), 3u);
    EXPECT_EQ(ReadWholeFile(path_), written_);
  }
  EXPECT_EQ(SyncsSeen(), 2u);
}

TEST_F(EarlyWriteOutTest, OneAppendOfManyStepsIsOneStep) {
  Open();
  Record();
  MustAppend(7 * kStep);
  AppendSteps(1);
  EXPECT_EQ(ranges_, Ranges({{0, 7 * kStep}, {0, 8 * kStep}}));
  EXPECT_TRUE(Close().ok());
}

TEST_F(EarlyWriteOutTest, LeavesOutWhatIsInFlight) {
  writes_ = PathChoice::kUring;
  Open();
  kernel_.SetRequestScript([&](const RingRequest& request, uint64_t) {
    FakeKernel::Verdict verdict;
    verdict.withheld = IsWrite(request) && request.offset >= 2 * kStep;
    if (request.opcode == RingOpcode::kSyncFileRange) {
      ranges_.emplace_back(request.offset, request.offset + request.length);
    }
    return verdict;
  });
  AppendSteps(5);
  EXPECT_EQ(ranges_, Ranges({{0, 2 * kStep}}));
  kernel_.StopWithholding();
  kernel_.ReleaseAll();
  EXPECT_TRUE(Sync().ok());
  EXPECT_TRUE(Close().ok());
}

TEST_F(EarlyWriteOutTest, OnlyTablesAndBlobs) {
  for (const char* name :
       {"000007.log", "MANIFEST-000007", "CURRENT", "000007.dbtmp"}) {
    Open(name);
    ExpectNone();
  }
}

TEST_F(EarlyWriteOutTest, OptionSwitchesItOff) {
  write_out_bytes_ = 0;
  Open();
  ExpectNone();
}

TEST_F(EarlyWriteOutTest, SyncsOnPosixSwitchItOff) {
  syncs_ = PathChoice::kPosix;
  Open();
  ExpectNone();
  EXPECT_EQ(calls_.count(FakeSystemCalls::kSyncFileRange), 0u);
}

TEST_F(EarlyWriteOutTest, BytesPerSyncOverridesIt) {
  options_.bytes_per_sync = 1 << 20;
  Open();
  ExpectNone();
}

TEST_F(EarlyWriteOutTest, RangeSyncOverridesIt) {
  Open();
  Record();
  AppendSteps(2);
  EXPECT_TRUE(file_->RangeSync(0, kStep, IOOptions(), nullptr).ok());
  AppendSteps(6);
  EXPECT_EQ(ranges_, Ranges({{0, 2 * kStep}, {0, kStep}}));
  EXPECT_TRUE(Close().ok());
}

TEST_F(EarlyWriteOutTest, WaitsForAStepThatIsALittleLate) {
  Open();
  Record(/*withheld=*/true);
  AppendSteps(3);
  MustAppend(kStep - 1);
  EXPECT_EQ(ranges_.size(), 1u);
  kernel_.ReleaseAll();
  MustAppend(1);
  EXPECT_EQ(ranges_, Ranges({{0, 2 * kStep}, {0, 4 * kStep}}));
  EXPECT_EQ(Count(StatEvent::kWriteOutStopped), 0u);
  kernel_.StopWithholding();
  EXPECT_TRUE(Close().ok());
}

TEST_F(EarlyWriteOutTest, StopsIfTheDeviceIsSlower) {
  Open();
  Record(/*withheld=*/true);
  AppendSteps(4);
  kernel_.ReleaseAll();
  AppendSteps(4);
  EXPECT_EQ(ranges_, Ranges({{0, 2 * kStep}}));
  EXPECT_EQ(Count(StatEvent::kWriteOutStopped), 1u);
  EXPECT_TRUE(Sync().ok());
  EXPECT_TRUE(Close().ok());
  EXPECT_EQ(SyncsSeen(), 1u);
  // The next file tries again.
  Open("000008.sst");
  Record();
  AppendSteps(3);
  EXPECT_EQ(ranges_.size(), 3u);
  EXPECT_TRUE(Close().ok());
}

TEST_F(EarlyWriteOutTest, SyncAndCloseWaitForTheStep) {
  for (const bool sync : {true, false}) {
    Open();
    Record(/*withheld=*/true);
    AppendSteps(2);
    ExpectWaitsForTheKernel([&] { return sync ? Sync() : Close(); });
    if (sync) {
      EXPECT_TRUE(Close().ok());
    }
  }
}

// The step has taken the report of the kernel: a sync would return success for
// a file that has lost a page.
TEST_F(EarlyWriteOutTest, AFailureStays) {
  for (const int error : {EIO, ENOSPC, EROFS, ENOMEM}) {
    for (uint64_t nth = 0; nth < 7; ++nth) {
      Open();
      FailFrom(RingOpcode::kSyncFileRange, nth, -error);
      const uint64_t syncs = SyncsSeen();
      AppendSteps(2 + nth);
      ExpectFailsFromNowOn(MakeIOStatus("While sync_file_range", path_,
                                        Errno::FromErrno(error)));
      EXPECT_EQ(SyncsSeen(), syncs);
    }
  }
}

TEST_F(EarlyWriteOutTest, ARefusalIsNoFailure) {
  for (const int error : {EPERM, EACCES, EINVAL, EOPNOTSUPP, ENOSYS, EINTR}) {
    for (uint64_t nth = 0; nth < 7; ++nth) {
      Open();
      FailFrom(RingOpcode::kSyncFileRange, nth, -error);
      AppendSteps(8);
      EXPECT_TRUE(Sync().ok());
      EXPECT_TRUE(Close().ok());
      EXPECT_EQ(ReadWholeFile(path_), written_);
    }
  }
}

}  // namespace
}  // namespace rocksdb_uring
