// What a slow piece says of its device, and how the limit is left again.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/engine/ahead_pace.h"

#include <fcntl.h>

#include "env/base/file_descriptor.h"
#include "tests/support/engine/test_support.h"

namespace rocksdb_uring {
namespace {

constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kMax = 256 * kMiB;
constexpr uint64_t kSlow = AheadPace::kSlowNs;
constexpr uint64_t kLook = AheadPace::kLookNs;

class AheadPaceTest : public ::testing::Test {
 protected:
  // The limit is 8 MiB.
  void Limit() { EXPECT_TRUE(pace_.Waited(kSlow, 16 * kMiB, now_)); }
  // A look at so many bytes in it, for which threads wait for most of it.
  void Look(uint64_t bytes, uint64_t waited_ns = kLook * 9 / 10) {
    now_ += kLook;
    pace_.Came(bytes, waited_ns, now_);
  }

  AheadPace pace_;
  uint64_t now_ = 1000 * AheadPace::kPatienceNs;
};

TEST_F(AheadPaceTest, NoLimitWithoutAQueue) {
  EXPECT_FALSE(pace_.Waited(kSlow - 1, 100 * kMiB, now_));
  pace_.InTime(kMiB, kMax, now_);
  EXPECT_EQ(pace_.limit(), AheadPace::kNoLimit);
}

TEST_F(AheadPaceTest, LimitIsWhatTheDeviceDeliversInTheTimeAimedAt) {
  EXPECT_TRUE(pace_.Waited(4 * AheadPace::kAimNs, 100 * kMiB, now_));
  EXPECT_EQ(pace_.limit(), 25 * kMiB);
  EXPECT_TRUE(pace_.Waited(kSlow, 200 * kMiB, now_));
  EXPECT_EQ(pace_.limit(), 25 * kMiB) << "a shorter queue raises nothing";
  EXPECT_TRUE(pace_.Waited(kSlow, 10 * kMiB, now_));
  EXPECT_EQ(pace_.limit(), 5 * kMiB);
}

TEST_F(AheadPaceTest, GrowsPieceByPieceAfterAWhile) {
  Limit();
  now_ += AheadPace::kPatienceNs;
  pace_.InTime(kMiB, kMax, now_ - 1);
  EXPECT_EQ(pace_.limit(), 8 * kMiB);
  pace_.InTime(kMiB, kMax, now_);
  EXPECT_EQ(pace_.limit(), 9 * kMiB);
  Limit();
  pace_.InTime(kMiB, kMax, now_);
  EXPECT_EQ(pace_.limit(), 8 * kMiB);
}

TEST_F(AheadPaceTest, EndsAtTheBudget) {
  Limit();
  now_ += AheadPace::kPatienceNs;
  pace_.InTime(kMiB, 10 * kMiB, now_);
  EXPECT_EQ(pace_.limit(), 9 * kMiB);
  pace_.InTime(kMiB, 10 * kMiB, now_);
  EXPECT_EQ(pace_.limit(), AheadPace::kNoLimit);
}

// At 100 MiB in each look without the limit; what the limit leaves decides.
TEST_F(AheadPaceTest, LimitThatLeavesEnoughStaysAfterTheComparison) {
  Limit();
  now_ += kSlow;
  Look(71 * kMiB);
  EXPECT_EQ(pace_.limit(), AheadPace::kNoLimit) << "the other rate";
  EXPECT_TRUE(pace_.Waited(kSlow, 16 * kMiB, now_));
  EXPECT_EQ(pace_.limit(), AheadPace::kNoLimit);
  Look(100 * kMiB);
  EXPECT_EQ(pace_.limit(), 8 * kMiB);
  // Once is enough.
  Look(kMiB);
  Look(100 * kMiB);
  EXPECT_EQ(pace_.limit(), 8 * kMiB);
}

TEST_F(AheadPaceTest, FutileLimitIsDroppedForAWhile) {
  Limit();
  now_ += kSlow;
  Look(69 * kMiB);
  Look(100 * kMiB);
  EXPECT_EQ(pace_.limit(), AheadPace::kNoLimit);
  now_ += AheadPace::kFutileNs - 1;
  EXPECT_FALSE(pace_.Waited(kSlow, 16 * kMiB, now_));
  EXPECT_EQ(pace_.limit(), AheadPace::kNoLimit);
  ++now_;
  Limit();
  EXPECT_EQ(pace_.limit(), 8 * kMiB);
}

TEST_F(AheadPaceTest, WhatWasAskedForBeforeTheLimitDoesNotCount) {
  Limit();
  pace_.Came(1000 * kMiB, kSlow, now_ + kSlow - 1);
  now_ += kSlow;
  Look(69 * kMiB);
  Look(100 * kMiB);
  EXPECT_FALSE(pace_.Waited(kSlow, 16 * kMiB, now_)) << "futile";
}

TEST_F(AheadPaceTest, RatesOfThreadsThatDoNotWaitAreNotCompared) {
  Limit();
  now_ += kSlow;
  Look(kMiB, kLook / 4);
  EXPECT_EQ(pace_.limit(), 8 * kMiB);
  Look(kMiB);
  EXPECT_EQ(pace_.limit(), AheadPace::kNoLimit);
  Look(100 * kMiB, kLook / 4);
  EXPECT_EQ(pace_.limit(), 8 * kMiB) << "and from the beginning";
  Look(100 * kMiB);
  Look(100 * kMiB);
  EXPECT_EQ(pace_.limit(), 8 * kMiB);
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
