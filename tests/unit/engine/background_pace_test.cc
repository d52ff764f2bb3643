// What reads of compactions say of their device, and when they may start.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/engine/background_pace.h"

#include <fcntl.h>

#include <deque>

#include "env/base/file_descriptor.h"
#include "tests/support/engine/test_support.h"

namespace rocksdb_uring {
namespace {

constexpr uint64_t kMs = 1000 * 1000;
constexpr uint64_t kPiece = 512 << 10;
constexpr uint64_t kAtOnce = BackgroundPace::kInFlightMax / kPiece;
constexpr uint64_t kLook = BackgroundPace::kLookNs;
constexpr uint64_t kFixed = BackgroundPace::kFixedNsMin;
// What a piece takes: of a slow device 50 MB/s, of a fast one 5 GB/s.
constexpr uint64_t kSlow = 10 * kMs;
constexpr uint64_t kFast = kMs / 10;

// A compaction that takes all that it is allowed to, of a device that delivers
// one piece after the other. Time stands still but in Run.
class BackgroundPaceTest : public ::testing::Test {
 protected:
  struct Result {
    double pieces = 0;
    // Part of the time in which more than one piece was in flight.
    double queued = 0;
  };

  bool MayStart(bool awaited = false) {
    return pace_.MayStart(kPiece, awaited, now_);
  }
  Result Run(uint64_t ns, uint64_t piece_ns, bool wanted = true) {
    constexpr uint64_t kStep = kMs / 10;
    Result result;
    if (wanted) {
      pace_.Want(now_);
    }
    for (const uint64_t end = now_ + ns; now_ < end; now_ += kStep) {
      for (; !comes_.empty() && comes_.front() <= now_; comes_.pop_front()) {
        pace_.Came(kPiece, now_);
        ++result.pieces;
      }
      for (; MayStart(); pace_.Started(kPiece, now_)) {
        const uint64_t begins = comes_.empty() ? now_ : comes_.back();
        comes_.push_back(begins + piece_ns);
      }
      result.queued += comes_.size() > 1 ? 1.0 * kStep / ns : 0;
    }
    if (wanted) {
      pace_.Have(now_);
    }
    return result;
  }
  void MeasureSlowDevice() {
    Run(4 * kLook, kSlow);
    ASSERT_TRUE(pace_.limited());
  }

  BackgroundPace pace_;
  uint64_t now_ = 1000 * BackgroundPace::kFixedNsMax;
  // When those in flight come.
  std::deque<uint64_t> comes_;
};

TEST_F(BackgroundPaceTest, LittleIsInFlight) {
  for (uint64_t i = 0; i < kAtOnce; ++i) {
    EXPECT_TRUE(MayStart());
    pace_.Started(kPiece, now_);
  }
  EXPECT_FALSE(MayStart());
  EXPECT_TRUE(MayStart(/*awaited=*/true));
  pace_.Came(kPiece, now_);
  EXPECT_TRUE(MayStart());
  EXPECT_FALSE(pace_.MayStart(kPiece + 1, false, now_));
}

TEST_F(BackgroundPaceTest, AReadThatIsTooLargeStartsAlone) {
  constexpr uint64_t kLarge = BackgroundPace::kInFlightMax + 1;
  EXPECT_TRUE(pace_.MayStart(kLarge, false, now_));
  pace_.Started(kPiece, now_);
  EXPECT_FALSE(pace_.MayStart(kLarge, false, now_));
}

TEST_F(BackgroundPaceTest, TwoLooksInARowShowALimit) {
  // Each with the rest of the look before it, which nothing came in.
  for (int i = 0; i < 3; ++i) {
    Run(kLook * 5 / 4, kSlow);
    EXPECT_FALSE(pace_.limited());
    now_ += 10 * kLook;
  }
  MeasureSlowDevice();
}

TEST_F(BackgroundPaceTest, AFastDeviceIsNoLimit) {
  const Result result = Run(2 * kFixed, kFast);
  EXPECT_FALSE(pace_.limited());
  EXPECT_GT(result.pieces, 0.9 * 2 * kFixed / kFast);
}

TEST_F(BackgroundPaceTest, NoLimitIfNothingIsHeldBackOrWaitedFor) {
  Run(2 * kFixed, kSlow, /*wanted=*/false);
  EXPECT_FALSE(pace_.limited());
}

TEST_F(BackgroundPaceTest, CompactionsGetAShareOfTheRate) {
  MeasureSlowDevice();
  const Result result = Run(kFixed / 2, kSlow);
  EXPECT_NEAR(result.pieces, BackgroundPace::kShare * kFixed / 2 / kSlow, 5);
  EXPECT_LT(result.queued, 0.1) << "the device is free in between";
}

TEST_F(BackgroundPaceTest, AnAwaitedReadKeepsToTheRate) {
  MeasureSlowDevice();
  for (int i = 0; i < 3; ++i) {
    pace_.Started(kPiece, now_);
  }
  EXPECT_FALSE(MayStart(/*awaited=*/true));
}

TEST_F(BackgroundPaceTest, IdleTimeIsNotMadeUpFor) {
  MeasureSlowDevice();
  now_ += kLook;
  EXPECT_LE(Run(2 * kMs, kFast).pieces, 3);
}

TEST_F(BackgroundPaceTest, NoReadMakesOthersWaitForLong) {
  MeasureSlowDevice();
  pace_.Started(1000 * kPiece, now_);
  now_ += BackgroundPace::kTurnNsMax;
  EXPECT_TRUE(MayStart(/*awaited=*/true));
}

TEST_F(BackgroundPaceTest, TheRateOfADeviceThatIsFastNowIsForgotten) {
  MeasureSlowDevice();
  const double first = Run(kFixed, kFast).pieces * kLook / kFixed;
  Run(kLook, kFast);
  const double then = Run(kLook, kFast).pieces;
  EXPECT_GT(then, first * 1.2);
  EXPECT_LT(then, first * 6) << "step by step";
  Run(10 * kLook, kFast);
  EXPECT_FALSE(pace_.limited());
}

TEST_F(BackgroundPaceTest, TheNextCompactionBeginsWithTheLastRate) {
  MeasureSlowDevice();
  // No compaction runs for that long.
  now_ += 100 * BackgroundPace::kFixedNsMax;
  EXPECT_LT(Run(kLook, kFast).pieces, 1.0 * kLook / kSlow);
  EXPECT_TRUE(pace_.limited());
}

TEST_F(BackgroundPaceTest, ADeviceThatStaysSlowIsTriedMoreAndMoreRarely) {
  MeasureSlowDevice();
  const Result first = Run(4 * kFixed, kSlow);
  EXPECT_GT(first.queued, 0.02) << "it was tried";
  Run(64 * kFixed, kSlow);
  const Result then = Run(32 * kFixed, kSlow);
  EXPECT_GT(then.queued, 0);
  EXPECT_LT(then.queued, 0.06);
  EXPECT_NEAR(then.pieces, BackgroundPace::kShare * 32 * kFixed / kSlow,
              0.05 * 32 * kFixed / kSlow);
}

// Whatever they make of it, reads start.
TEST_F(BackgroundPaceTest, ManyThreads) {
  Threads threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.Start([this] {
      uint64_t now = now_;
      for (int i = 0; i < 10000; ++i) {
        now += kMs;
        pace_.Want(now);
        pace_.Started(kPiece, now);
        pace_.Came(kPiece, now);
        pace_.Have(now);
      }
    });
  }
  threads.Join();
  now_ += 10000 * kMs + BackgroundPace::kTurnNsMax;
  EXPECT_TRUE(MayStart());
}

TEST(BackgroundPacesTest, OneForEachDevice) {
  const TestFile file(4096);
  const FileDescriptor other(open("/proc/self/stat", O_RDONLY | O_CLOEXEC));
  BackgroundPaces paces;
  EXPECT_EQ(paces.Of(file.fd()), paces.Of(file.read_only_fd()));
  EXPECT_NE(paces.Of(file.fd()), paces.Of(other.get()));
  // A descriptor of nothing has one, too.
  EXPECT_NE(paces.Of(-1), nullptr);
}

}  // namespace
}  // namespace rocksdb_uring
