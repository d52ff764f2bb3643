// The read-ahead on a kernel that fails, shortens and withholds its windows:
// reads stay right, and only POSIX's own errors are reported.
//
// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <cerrno>
#include <chrono>
#include <string>
#include <thread>
#include <utility>

#include "env/engine/background_pace.h"
#include "tests/support/engine/fake_ring.h"
#include "tests/support/engine/fake_system_calls.h"
#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {
namespace {

using rocksdb::FSRandomAccessFile;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

class ReadAheadFaultTest : public ::testing::Test {
 protected:
  static constexpr size_t kFileSize = (4 << 20) + 1234;
  static constexpr size_t kLength = 128 << 10;

  void SetUp() override {
    WriteFile(path_, model_);
    SkipWithoutDirectReads(true, path_);
    EngineOptions options;
    options.ring_factory = kernel_.factory();
    options.system_calls = &calls_;
    engine_ = MakeEngine(options);
    Reopen();
  }

  void TearDown() override {
    file_.reset();
    if (engine_ != nullptr) {
      EXPECT_EQ(engine_->read_ahead_bytes(), 0u);
    }
    engine_.reset();
    EXPECT_EQ(kernel_.observations().Complaints(), "");
  }

  void Reopen() {
    file_.reset();
    file_ = OpenOnEngine(engine_, path_, /*direct=*/true);
    ASSERT_NE(file_, nullptr);
  }

  void SetVerdict(const FakeKernel::Verdict& verdict) {
    kernel_.SetRequestScript(
        [verdict](const RingRequest&, uint64_t) { return verdict; });
  }

  IOStatus Read(uint64_t offset, size_t length = kLength,
                const IOOptions& options = IOOptions()) {
    Scratch scratch(length);
    Slice result;
    const IOStatus status =
        file_->Read(offset, length, options, &result, scratch.data(), nullptr);
    if (status.ok()) {
      EXPECT_TRUE(scratch.Holds(result, model_, offset, length, false));
    } else {
      EXPECT_EQ(result.size(), 0u);
    }
    return status;
  }

  // Forwards in large reads, and backwards in small ones.
  void ExpectScan() {
    for (uint64_t offset = 0; offset < kFileSize; offset += kLength) {
      const IOStatus status = Read(offset);
      ASSERT_TRUE(status.ok()) << status.ToString();
    }
    for (uint64_t offset = 2 << 20; offset > 0; offset -= 2 * kBlock) {
      const IOStatus status = Read(offset - 2 * kBlock, 3 * kBlock);
      ASSERT_TRUE(status.ok()) << status.ToString();
    }
  }

  TempDir directory_;
  const std::string path_ = directory_.file("000020.sst");
  const std::string model_ = RandomBytes(kFileSize, 20);
  FakeKernel kernel_;
  FakeSystemCalls calls_;
  std::shared_ptr<SharedEngine> engine_;
  std::unique_ptr<FSRandomAccessFile> file_;
};

TEST_F(ReadAheadFaultTest, FailedWindowsAreReadThroughPosix) {
  for (int error : {EIO, EFAULT, EINVAL, EAGAIN, ECANCELED}) {
    FakeKernel::Verdict verdict;
    verdict.error = -error;
    SetVerdict(verdict);
    Reopen();
    ExpectScan();
  }
  EXPECT_GT(kernel_.observations().requests, 0u);
}

TEST_F(ReadAheadFaultTest, EveryPreadFailsOnce) {
  // As after the exit of a thread: an error that does not speak against the
  // ring, which would be given up otherwise.
  FakeKernel::Verdict verdict;
  verdict.error = -ECANCELED;
  SetVerdict(verdict);
  uint64_t failures = 0;
  for (uint64_t nth = 1; nth <= 40; ++nth) {
    Reopen();
    calls_.Fail(FakeSystemCalls::kPread, nth, -EIO);
    for (uint64_t offset = 0; offset < kFileSize; offset += kLength) {
      const IOStatus status = Read(offset);
      EXPECT_TRUE(status.ok() || status.IsIOError()) << status.ToString();
      failures += status.ok() ? 0 : 1;
    }
  }
  // A pread that failed for a window is tried again for the reader.
  EXPECT_GT(failures, 0u);
  EXPECT_LT(failures, 30u);
}

TEST_F(ReadAheadFaultTest, WindowsAreAlignedToTheEndOfTheFile) {
  std::atomic<int> unaligned{0};
  kernel_.SetRequestScript([&unaligned](const RingRequest& request, uint64_t) {
    const auto address = reinterpret_cast<uintptr_t>(request.address);
    if (!IsAligned(request.offset | request.length | address, 512)) {
      ++unaligned;
    }
    return FakeKernel::Verdict();
  });
  ExpectScan();
  EXPECT_GT(kernel_.observations().requests, 0u);
  EXPECT_EQ(unaligned, 0);
}

TEST_F(ReadAheadFaultTest, ShortWindows) {
  for (int64_t bytes : {0, 4096, 8192, 65536}) {
    FakeKernel::Verdict verdict;
    verdict.bytes_max = bytes;
    SetVerdict(verdict);
    Reopen();
    ExpectScan();
  }
}

TEST_F(ReadAheadFaultTest, RandomFaults) {
  kernel_.SetRandomFaults(TestSeed());
  for (int round = 0; round < 20; ++round) {
    Reopen();
    ExpectScan();
    ASSERT_FALSE(HasFailure()) << "seed " << TestSeed();
  }
}

TEST_F(ReadAheadFaultTest, NoRingToBeHad) {
  kernel_.SetFactoryError(-ENOMEM);
  ExpectScan();
  EXPECT_EQ(engine_->statistics()->Snapshot().op(StatKind::kRead).errors, 0u);
}

TEST_F(ReadAheadFaultTest, WindowIsOnItsWayWhenTheReadReturns) {
  kernel_.WithholdAll();
  EXPECT_TRUE(Read(0).ok());
  EXPECT_TRUE(Read(kLength).ok());
  EXPECT_EQ(kernel_.withheld(), 1u);
  std::thread reader([this] { EXPECT_TRUE(Read(2 * kLength).ok()); });
  // It waits for the window instead of reading the same bytes again.
  EXPECT_TRUE(kernel_.AwaitWaiting(1));
  const uint64_t preads = calls_.count(FakeSystemCalls::kPread);
  kernel_.StopWithholding();
  reader.join();
  EXPECT_EQ(calls_.count(FakeSystemCalls::kPread), preads);
}

TEST_F(ReadAheadFaultTest, LittleOfACompactionIsInFlight) {
  IOOptions low;
  low.rate_limiter_priority = rocksdb::Env::IO_LOW;
  constexpr size_t kLarge = 1 << 20;
  // Windows of two inputs, of more than 1 MiB each.
  kernel_.WithholdAll();
  auto other = OpenOnEngine(engine_, path_, /*direct=*/true);
  EXPECT_TRUE(Read(0, kLarge, low).ok());
  std::swap(file_, other);
  EXPECT_TRUE(Read(0, kLarge, low).ok());
  EXPECT_EQ(kernel_.withheld(), BackgroundPace::kInFlightMax / (512 << 10));
  EXPECT_GT(engine_->read_ahead_bytes(), BackgroundPace::kInFlightMax);
  // The rest is read by the wait for it.
  kernel_.StopWithholding();
  EXPECT_TRUE(Read(kLarge, kLarge, low).ok());
  std::swap(file_, other);
  EXPECT_TRUE(Read(kLarge, kLarge, low).ok());
  const StatisticsSnapshot seen = engine_->statistics()->Snapshot();
  EXPECT_EQ(seen.op(StatKind::kRead, IoPath::kReadAhead).count, 2u);
}

// Each window comes so late that the device must be what limits the reader.
TEST_F(ReadAheadFaultTest, CompactionsAreHeldBackOnASlowDevice) {
  IOOptions low;
  low.rate_limiter_priority = rocksdb::Env::IO_LOW;
  kernel_.WithholdAll();
  const auto paused_us = [this] {
    return engine_->statistics()->Snapshot().event(
        StatEvent::kBackgroundPaused);
  };
  std::atomic<bool> ends{false};
  std::thread reader([&] {
    for (uint64_t offset = 0; !ends;
         offset = offset + kLength < kFileSize ? offset + kLength : 0) {
      EXPECT_TRUE(Read(offset, kLength, low).ok());
    }
  });
  // Without evidence this never ends.
  while (paused_us() == 0) {
    EXPECT_TRUE(kernel_.AwaitWaiting(1));
    std::this_thread::sleep_for(std::chrono::milliseconds(60));
    kernel_.ReleaseAll();
  }
  ends = true;
  kernel_.StopWithholding();
  reader.join();
}

TEST_F(ReadAheadFaultTest, PointReadsDoNotWaitForAWindow) {
  kernel_.WithholdAll();
  EXPECT_TRUE(Read(0).ok());
  EXPECT_TRUE(Read(kLength).ok());
  ASSERT_EQ(kernel_.withheld(), 1u);
  // Would hang if it did.
  EXPECT_TRUE(Read(2 << 20).ok());
  EXPECT_TRUE(Read(1 << 20).ok());
  EXPECT_EQ(kernel_.withheld(), 1u);
  kernel_.StopWithholding();
}

TEST_F(ReadAheadFaultTest, FileWaitsForWhatCannotBeCancelled) {
  FakeKernel::Verdict verdict;
  verdict.withheld = true;
  verdict.cancelable = false;
  SetVerdict(verdict);
  EXPECT_TRUE(Read(0).ok());
  EXPECT_TRUE(Read(kLength).ok());
  std::thread closer([this] { file_.reset(); });
  EXPECT_TRUE(kernel_.AwaitWaiting(1));
  EXPECT_GT(engine_->read_ahead_bytes(), 0u);
  kernel_.StopWithholding();
  closer.join();
}

TEST_F(ReadAheadFaultTest, FileCancelsAWindowThatIsWithheld) {
  kernel_.WithholdAll();
  EXPECT_TRUE(Read(0).ok());
  EXPECT_TRUE(Read(kLength).ok());
  file_.reset();
  EXPECT_EQ(kernel_.observations().cancels, 1u);
}

TEST_F(ReadAheadFaultTest, AsynchronousReadDropsTheWindowOfItsStream) {
  kernel_.WithholdAll();
  EXPECT_TRUE(Read(0).ok());
  EXPECT_TRUE(Read(kLength).ok());
  AsyncCall call(2 * kLength, kLength);
  ASSERT_TRUE(call.Start(file_.get()).ok());
  EXPECT_EQ(kernel_.observations().cancels, 1u);
  kernel_.StopWithholding();
  const auto file_system = OpenFileSystem("");
  EXPECT_TRUE(Poll(file_system.get(), {call.handle()}).ok());
  EXPECT_TRUE(call.Delivered(model_));
}

}  // namespace
}  // namespace rocksdb_uring
