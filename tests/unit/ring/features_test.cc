// SPDX-License-Identifier: Apache-2.0

#include "env/ring/features.h"

#include <cerrno>
#include <cstdio>

#include "tests/support/engine/test_support.h"

namespace rocksdb_uring {
namespace {

TEST(FeaturesTest, EveryRefusalHasAReasonAndARemedy) {
  for (const int error : {ENOSYS, EPERM, EACCES, ENOMEM, EMFILE, ENFILE, EINVAL,
                          EFAULT, EAGAIN, EIO}) {
    const Errno refusal = Errno::FromErrno(error);
    const RingFeatures features = ExplainRefusal("io_uring_setup", refusal);
    EXPECT_NE(features.verdict, RingVerdict::kUsable);
    EXPECT_EQ(features.error.value(), error);
    EXPECT_NE(features.reason.find("io_uring_setup"), std::string::npos);
    EXPECT_NE(features.reason.find(refusal.message()), std::string::npos)
        << features.reason;
    ASSERT_FALSE(features.remedy.empty());
    EXPECT_NE(features.reason.back(), '.');
    EXPECT_NE(features.remedy.back(), '.');
  }
}

TEST(FeaturesTest, OnlyLimitsAreWorthAnotherTry) {
  const auto verdict = [](int error) {
    return ExplainRefusal("io_uring_setup", Errno::FromErrno(error)).verdict;
  };
  for (const int error : {ENOMEM, EMFILE, ENFILE}) {
    EXPECT_EQ(verdict(error), RingVerdict::kRefusedNow) << error;
  }
  for (const int error : {ENOSYS, EPERM, EACCES, EINVAL}) {
    EXPECT_EQ(verdict(error), RingVerdict::kRefused) << error;
  }
}

TEST(FeaturesTest, RemediesNameWhatToChange) {
  const auto remedy = [](int error) {
    return ExplainRefusal("io_uring_setup", Errno::FromErrno(error)).remedy;
  };
  EXPECT_NE(remedy(ENOMEM).find("RLIMIT_MEMLOCK"), std::string::npos);
  EXPECT_NE(remedy(EMFILE).find("RLIMIT_NOFILE"), std::string::npos);
  EXPECT_NE(remedy(ENFILE).find("fs.file-max"), std::string::npos);
  EXPECT_NE(remedy(ENOSYS).find("Linux 5.12"), std::string::npos);
}

TEST(FeaturesTest, DetectionHoldsTogether) {
  const size_t descriptors = OpenDescriptors();
  const RingFeatures features = DetectRingFeatures();
  printf("verdict %d, features 0x%x, flags 0x%x, reason '%s', remedy '%s'\n",
         static_cast<int>(features.verdict), features.kernel_features,
         features.setup_flags, features.reason.c_str(),
         features.remedy.c_str());
  const bool usable = features.verdict == RingVerdict::kUsable;
  EXPECT_EQ(features.reason.empty(), usable);
  EXPECT_EQ(features.remedy.empty(), usable);
  EXPECT_TRUE(!usable || features.missing_opcodes.empty());
  EXPECT_EQ(OpenDescriptors(), descriptors) << "the trial ring must be gone";
}

TEST(FeaturesTest, WhatDetectionPromisesRingsKeep) {
  SkipWithoutRing();
  for (const unsigned entries : {8u, 64u, 256u}) {
    RingOptions options;
    options.entries = entries;
    const RingOrError made = CreateRing(options);
    ASSERT_NE(made.ring, nullptr) << made.error.message();
    EXPECT_EQ(made.ring->submission_entries(), entries);
    EXPECT_EQ(made.ring->completion_entries(), 2 * entries);
    EXPECT_GT(made.ring->memory_bytes(), 0u);
  }
}

TEST(FeaturesTest, ARingThatCannotBeSaysWhy) {
  RingOptions options;
  options.entries = 1 << 30;
  const RingOrError made = CreateRing(options);
  EXPECT_EQ(made.ring, nullptr);
  EXPECT_FALSE(made.error.ok());
}

}  // namespace
}  // namespace rocksdb_uring
