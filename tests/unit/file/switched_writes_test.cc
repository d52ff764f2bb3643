// Files that are written while the settings change: each next append and sync
// follows, writes in flight come first, and no sync misses them.
//
// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/file/write_fault_fixture.h"

namespace rocksdb_uring {
namespace {

using rocksdb::IOOptions;
using rocksdb::IOStatus;

class SwitchedWritesTest : public WriteFaultFixture {
 protected:
  static constexpr size_t kStep = 64 << 10;

  void SetShare(uint32_t share) {
    FileSettings settings = policy_->settings();
    settings.share = share;
    policy_->Change(settings);
  }
  void SetPaths(PathChoice writes, PathChoice syncs) {
    FileSettings settings = policy_->settings();
    settings.paths.writes = writes;
    settings.paths.syncs = syncs;
    policy_->Change(settings);
  }
  // Every way off the rings.
  void Leave(bool by_share) {
    by_share ? SetShare(0) : SetPaths(PathChoice::kPosix, PathChoice::kPosix);
  }
  void Return(bool by_share) {
    by_share ? SetShare(100) : SetPaths(PathChoice::kUring, PathChoice::kUring);
  }
  // Requests of this kind are withheld, and counted.
  void Withhold(RingOpcode opcode) {
    kernel_.SetRequestScript(
        [this, opcode](const RingRequest& request, uint64_t) {
          FakeKernel::Verdict verdict;
          verdict.withheld = request.opcode == opcode;
          seen_ += request.opcode == opcode ? 1 : 0;
          return verdict;
        });
  }
  OperationCount Plain(StatKind kind) const {
    const Statistics* const plain = engine_->plain_statistics();
    return plain == nullptr ? OperationCount()
                            : plain->Snapshot().op(kind, IoPath::kPosix);
  }

  uint64_t seen_ = 0;
};

TEST_F(SwitchedWritesTest, AnAppendWaitsForTheWritesInFlight) {
  for (const bool by_share : {true, false}) {
    Open();
    kernel_.WithholdAll();
    MustAppend(2 * kPiece);
    MustAppend(100);
    EXPECT_EQ(kernel_.withheld(), 3u);
    Leave(by_share);
    const uint64_t before = kernel_.observations().requests;
    ExpectWaitsForTheKernel([this] { return Append(1000); });
    EXPECT_EQ(ReadWholeFile(path_), written_);
    EXPECT_EQ(engine_->write_bytes(), 0u);
    MustAppend(1000);
    EXPECT_EQ(kernel_.observations().requests, before);
    EXPECT_EQ(Plain(StatKind::kWrite).count, 2u);
    EXPECT_TRUE(Close().ok());
    EXPECT_EQ(ReadWholeFile(path_), written_);
  }
  // Without those that writes=posix has moved.
  EXPECT_EQ(Plain(StatKind::kWrite).bytes, 2000u);
}

// Of two writes of the same block the later one must win.
TEST_F(SwitchedWritesTest, ABlockThatIsWrittenAgainHasTheNewBytes) {
  Open();
  kernel_.WithholdAll();
  MustAppend(kPiece);
  SetShare(0);
  const std::string block = RandomBytes(4096, 99);
  ExpectWaitsForTheKernel([&] {
    return file_->PositionedAppend(block, kPiece - 4096, IOOptions(), nullptr);
  });
  written_.replace(kPiece - 4096, 4096, block);
  EXPECT_TRUE(Close().ok());
  EXPECT_EQ(ReadWholeFile(path_), written_);
}

TEST_F(SwitchedWritesTest, WritesAreInFlightAgainAfterTheWayBack) {
  for (const bool by_share : {true, false}) {
    Open();
    Leave(by_share);
    MustAppend(1000);
    Return(by_share);
    kernel_.WithholdAll();
    MustAppend(kPiece);
    EXPECT_EQ(kernel_.withheld(), 1u);
    Leave(by_share);
    ExpectWaitsForTheKernel([this] { return Append(1000); });
    Return(by_share);
    MustAppend(kPiece);
    EXPECT_TRUE(Close().ok());
    EXPECT_EQ(ReadWholeFile(path_), written_);
  }
}

TEST_F(SwitchedWritesTest, TheFailureOfAWriteInFlightComesOutAndStays) {
  for (const bool by_share : {true, false}) {
    Open();
    FailFrom(RingOpcode::kWrite, 1, -EIO);
    MustAppend(kPiece);
    MustAppend(kPiece);
    Leave(by_share);
    const IOStatus status = Append(1000);
    EXPECT_TRUE(status.IsIOError()) << status.ToString();
    EXPECT_NE(
        status.ToString().find("at offset " + std::to_string(size_t{kPiece})),
        std::string::npos)
        << status.ToString();
    // Nothing was written behind the hole.
    EXPECT_LE(ReadWholeFile(path_).size(), size_t{2 * kPiece});
    ExpectEveryCallFailsAs(status);
    kernel_.SetRequestScript(nullptr);
  }
}

TEST_F(SwitchedWritesTest, ASyncCoversTheWritesInFlight) {
  for (const bool by_share : {true, false}) {
    Open();
    Withhold(RingOpcode::kWrite);
    MustAppend(3 * kPiece);
    Leave(by_share);
    const uint64_t before = calls_.count(FakeSystemCalls::kFdatasync);
    std::thread thread([this] { EXPECT_TRUE(Sync().ok()); });
    EXPECT_TRUE(kernel_.AwaitWaiting(1));
    EXPECT_EQ(calls_.count(FakeSystemCalls::kFdatasync), before);
    kernel_.ReleaseAll(/*newest_first=*/true);
    thread.join();
    EXPECT_EQ(calls_.count(FakeSystemCalls::kFdatasync), before + 1);
    EXPECT_EQ(ReadWholeFile(path_), written_);
    EXPECT_TRUE(Close().ok());
    kernel_.SetRequestScript(nullptr);
  }
  EXPECT_EQ(Plain(StatKind::kFdatasync).count, 1u);
}

TEST_F(SwitchedWritesTest, ASyncThatGoesToARingCoversPlainWrites) {
  Open();
  SetShare(0);
  MustAppend(3 * kPiece);
  SetShare(100);
  EXPECT_TRUE(Sync().ok());
  EXPECT_EQ(engine_->statistics()
                ->Snapshot()
                .op(StatKind::kFdatasync, IoPath::kRing)
                .count,
            1u);
  EXPECT_EQ(ReadWholeFile(path_), written_);
}

class SwitchedWriteOutTest : public SwitchedWritesTest {
 protected:
  SwitchedWriteOutTest() {
    writes_ = PathChoice::kAuto;
    write_out_bytes_ = kStep;
  }
  void AppendSteps(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      MustAppend(kStep);
    }
  }
};

// The step may take the kernel's report of a failed page.
TEST_F(SwitchedWriteOutTest, ASyncWaitsForTheStepInFlight) {
  for (const bool by_share : {true, false}) {
    Open();
    Withhold(RingOpcode::kSyncFileRange);
    AppendSteps(2);
    EXPECT_EQ(kernel_.withheld(), 1u);
    Leave(by_share);
    const uint64_t before = calls_.count(FakeSystemCalls::kFdatasync);
    std::thread thread([this] { EXPECT_TRUE(Sync().ok()); });
    EXPECT_TRUE(kernel_.AwaitWaiting(1));
    EXPECT_EQ(calls_.count(FakeSystemCalls::kFdatasync), before);
    kernel_.StopWithholding();
    thread.join();
    EXPECT_EQ(calls_.count(FakeSystemCalls::kFdatasync), before + 1);
    EXPECT_TRUE(Close().ok());
    kernel_.SetRequestScript(nullptr);
  }
}

TEST_F(SwitchedWriteOutTest, TheFailureOfAStepStays) {
  Open();
  FailFrom(RingOpcode::kSyncFileRange, 0, -EIO);
  AppendSteps(2);
  SetShare(0);
  const IOStatus status = Sync();
  EXPECT_TRUE(status.IsIOError()) << status.ToString();
  EXPECT_EQ(calls_.count(FakeSystemCalls::kFdatasync), 0u);
  ExpectEveryCallFailsAs(status);
}

TEST_F(SwitchedWriteOutTest, StepsEndAndBeginAgain) {
  for (const bool by_share : {true, false}) {
    Open();
    seen_ = 0;
    Withhold(RingOpcode::kSyncFileRange);
    kernel_.StopWithholding();
    kernel_.SetRequestScript([this](const RingRequest& request, uint64_t) {
      seen_ += request.opcode == RingOpcode::kSyncFileRange ? 1 : 0;
      return FakeKernel::Verdict();
    });
    AppendSteps(3);
    EXPECT_EQ(seen_, 2u);
    Leave(by_share);
    AppendSteps(4);
    EXPECT_EQ(seen_, 2u);
    Return(by_share);
    AppendSteps(2);
    EXPECT_GT(seen_, 2u);
    EXPECT_TRUE(Close().ok());
    EXPECT_EQ(ReadWholeFile(path_), written_);
  }
}

TEST_F(SwitchedWriteOutTest, ARangeInFlightIsWaitedForByTheNext) {
  for (const bool by_share : {true, false}) {
    Open();
    MustAppend(3 * kStep);
    Withhold(RingOpcode::kSyncFileRange);
    EXPECT_TRUE(file_->RangeSync(0, kStep, IOOptions(), nullptr).ok());
    EXPECT_EQ(kernel_.withheld(), 1u);
    Leave(by_share);
    ExpectWaitsForTheKernel(
        [&] { return file_->RangeSync(kStep, kStep, IOOptions(), nullptr); });
    EXPECT_EQ(seen_, by_share ? 1u : 2u);
    EXPECT_TRUE(Close().ok());
    kernel_.SetRequestScript(nullptr);
  }
  EXPECT_EQ(Plain(StatKind::kSyncFileRange).count, 1u);
}

// Each call of a log waits for its operation.
TEST_F(SwitchedWritesTest, ALogFollowsCallByCall) {
  Open("000007.log");
  for (int i = 0; i < 100; ++i) {
    Leave(i % 4 < 2);
    MustAppend(100);
    EXPECT_TRUE(Sync().ok());
    EXPECT_EQ(ReadWholeFile(path_), written_);
    Return(i % 4 < 2);
    MustAppend(100);
    EXPECT_TRUE(Sync().ok());
    EXPECT_EQ(ReadWholeFile(path_), written_);
  }
  EXPECT_TRUE(Close().ok());
  EXPECT_GT(Plain(StatKind::kWrite).count, 0u);
  EXPECT_GT(Plain(StatKind::kFdatasync).count, 0u);
}

}  // namespace
}  // namespace rocksdb_uring
