// What slow pieces say of their device, and how a compaction is held back.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/engine/ahead_pace.h"

#include <fcntl.h>

#include <algorithm>

#include "env/base/file_descriptor.h"
#include "tests/support/engine/test_support.h"

namespace rocksdb_uring {
namespace {

constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kMs = 1000 * 1000;
constexpr uint64_t kSlow = AheadPace::kSlowNs;
constexpr uint64_t kLook = AheadPace::kLookNs;
// At the rate of Measure.
constexpr double kNsPerByte =
    static_cast<double>(kLook) / (100 * kMiB * AheadPace::kShare);

class AheadPaceTest : public ::testing::Test {
 protected:
  // A piece that a thread gets at this moment.
  void Piece(uint64_t bytes, uint64_t age_ns, uint64_t waited_ns) {
    pace_.Came(pace_.Asked(bytes), age_ns, waited_ns, now_);
  }
  // 100 MiB in kLook, for which threads wait so long.
  void Measure(uint64_t waited_ns = kLook) {
    Piece(kMiB, kSlow, kSlow);
    now_ += kLook;
    Piece(100 * kMiB, kSlow, waited_ns);
  }
  uint64_t Pause(uint64_t bytes) { return pace_.PauseNs(bytes, now_); }
  bool paces() { return Pause(100 * kMiB) > 0; }

  AheadPace pace_;
  uint64_t now_ = 1000 * AheadPace::kValidNsMax;
};

TEST_F(AheadPaceTest, FullSpeedWithoutAQueue) {
  for (int i = 0; i < 20; ++i) {
    now_ += kLook / 10;
    Piece(10 * kMiB, kSlow - 1, kSlow - 1);
    Piece(10 * kMiB, 10 * kSlow, 0);
    EXPECT_FALSE(paces());
  }
}

TEST_F(AheadPaceTest, FullSpeedUntilTheRateIsKnown) {
  Piece(kMiB, kSlow, kSlow);
  EXPECT_FALSE(paces());
  now_ += kLook - 1;
  Piece(100 * kMiB, kSlow, kLook);
  EXPECT_FALSE(paces());
  now_ += 1;
  Piece(100 * kMiB, kSlow, kLook);
  EXPECT_TRUE(paces());
}

TEST_F(AheadPaceTest, CompactionsGetAShareOfTheRate) {
  Measure();
  const uint64_t began = now_;
  uint64_t bytes = 0;
  while (bytes < 64 * kMiB) {
    bytes += kMiB / 2;
    now_ += Pause(kMiB / 2);
  }
  EXPECT_NEAR(static_cast<double>(now_ + AheadPace::kBurstNs - began),
              kNsPerByte * static_cast<double>(bytes), 1000);
}

TEST_F(AheadPaceTest, IdleTimeIsNotMadeUpFor) {
  Measure();
  now_ += kLook;
  EXPECT_EQ(Pause(kMiB), 0u) << "a burst";
  EXPECT_GT(Pause(10 * kMiB), 0u);
}

TEST_F(AheadPaceTest, NoPauseIsLong) {
  Measure();
  EXPECT_EQ(Pause(1000 * kMiB), AheadPace::kPauseNsMax);
}

// What was asked for later has not come, and comes first.
TEST_F(AheadPaceTest, TheQueueEmptiesFirst) {
  Piece(kMiB, kSlow, kSlow);
  const uint64_t asked = pace_.Asked(100 * kMiB);
  pace_.Asked(10 * kMiB);
  now_ += kLook;
  pace_.Came(asked, kSlow, kLook, now_);
  const uint64_t pause = Pause(2 * kMiB);
  EXPECT_NEAR(static_cast<double>(pause + AheadPace::kBurstNs),
              kNsPerByte * 12 * kMiB, 1000);
}

TEST_F(AheadPaceTest, ThreadsThatDoNotWaitAreNotHeldBack) {
  Measure(/*waited_ns=*/kLook / 5);
  EXPECT_FALSE(paces());
  Measure();
  EXPECT_TRUE(paces());
}

TEST_F(AheadPaceTest, ACompactionThatEndsMeanwhileLeavesNoRate) {
  Piece(kMiB, kSlow, kSlow);
  now_ += 100 * kLook;
  Piece(100 * kMiB, kSlow, kSlow);
  EXPECT_FALSE(paces());
}

TEST_F(AheadPaceTest, FullSpeedAgainAfterAWhile) {
  uint64_t valid = AheadPace::kValidNsMin;
  for (int i = 0; i < 10; ++i) {
    Measure();
    now_ += valid - 1;
    EXPECT_TRUE(paces());
    now_ += 1;
    EXPECT_FALSE(paces());
    now_ += AheadPace::kAgainNs - 1;
    valid = std::min(2 * valid, AheadPace::kValidNsMax);
  }
}

TEST_F(AheadPaceTest, ADeviceThatStopsForAMomentIsNotSlow) {
  for (int i = 0; i < 3; ++i) {
    Measure();
    now_ += AheadPace::kValidNsMin;
    EXPECT_FALSE(paces());
    now_ += AheadPace::kAgainNs;
  }
}

// Whatever they make of it, it is a rate, and ends.
TEST_F(AheadPaceTest, ManyThreads) {
  Threads threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.Start([this] {
      uint64_t now = now_;
      for (int i = 0; i < 10000; ++i) {
        now += kMs;
        pace_.Came(pace_.Asked(kMiB), kSlow, kMs, now);
        EXPECT_LE(pace_.PauseNs(kMiB, now), AheadPace::kPauseNsMax);
      }
    });
  }
  threads.Join();
  now_ += 10000 * kMs + AheadPace::kValidNsMax;
  EXPECT_FALSE(paces());
}

TEST(AheadPacesTest, OneForEachDevice) {
  const TestFile file(4096);
  const FileDescriptor other(open("/proc/self/stat", O_RDONLY | O_CLOEXEC));
  AheadPaces paces;
  EXPECT_EQ(paces.Of(file.fd()), paces.Of(file.read_only_fd()));
  EXPECT_NE(paces.Of(file.fd()), paces.Of(other.get()));
  // A descriptor of nothing has one, too.
  EXPECT_NE(paces.Of(-1), nullptr);
}

}  // namespace
}  // namespace rocksdb_uring
