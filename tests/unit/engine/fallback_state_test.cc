// What users are told of rings that are refused or of no use: reason and remedy
// of the fallback.
//
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cerrno>
#include <memory>

#include "env/engine/shared_engine.h"
#include "tests/unit/engine/async_fixture.h"

namespace rocksdb_uring {
namespace {

class FallbackStates : public ::testing::Test {
 protected:
  void Make(RingVerdict verdict) {
    RingFeatures features;
    features.verdict = verdict;
    if (verdict != RingVerdict::kUsable) {
      features = ExplainRefusal(
          "io_uring_setup",
          Errno::FromErrno(verdict == RingVerdict::kRefused ? ENOSYS : EMFILE));
    }
    EngineOptions options;
    options.ring_factory = kernel_.factory();
    engine_ = std::make_unique<SharedEngine>(options, features);
  }

  void RunReads() {
    ReadBatch batch(file_.fd(), 0, {{0, 100}, {200, 100}});
    RunOptions options;
    options.path = PathChoice::kUring;
    engine_->engine()->Run(batch.ops(), batch.size(), options);
    EXPECT_TRUE(batch.Matches(file_.model()));
  }

  FakeKernel kernel_;
  TestFile file_{4096};
  std::unique_ptr<SharedEngine> engine_;
};

TEST_F(FallbackStates, NothingToTellOfRingsThatWork) {
  Make(RingVerdict::kUsable);
  RunReads();
  EXPECT_EQ(engine_->fallback().reason, "");
  EXPECT_EQ(engine_->fallback().remedy, "");
  EXPECT_FALSE(engine_->fallback().active);
  EXPECT_EQ(engine_->TryRing().reason, "");
}

TEST_F(FallbackStates, ARefusalAtDetectionStays) {
  Make(RingVerdict::kRefused);
  RunReads();
  EXPECT_NE(engine_->fallback().reason.find("io_uring_setup"),
            std::string::npos);
  EXPECT_NE(engine_->fallback().remedy, "");
  EXPECT_TRUE(engine_->fallback().active);
  EXPECT_EQ(engine_->TryRing().reason, engine_->fallback().reason);
}

TEST_F(FallbackStates, ALimitAtDetectionEndsWithTheFirstRing) {
  Make(RingVerdict::kRefusedNow);
  EXPECT_TRUE(engine_->fallback().active);
  RunReads();
  EXPECT_FALSE(engine_->fallback().active);
}

// Detection's ring fitted, and none does now.
TEST_F(FallbackStates, ALaterRefusalIsTold) {
  Make(RingVerdict::kUsable);
  kernel_.SetFactoryError(-ENOMEM);
  RunReads();
  const FallbackState state = engine_->fallback();
  EXPECT_NE(state.reason.find("io_uring_setup: Cannot allocate memory"),
            std::string::npos)
      << state.reason;
  EXPECT_NE(state.remedy.find("RLIMIT_MEMLOCK"), std::string::npos);
  EXPECT_TRUE(state.active);
  EXPECT_EQ(engine_->TryRing().reason, state.reason);
  kernel_.SetFactoryError(0);
  while (engine_->fallback().active) {
    RunReads();
  }
  EXPECT_EQ(engine_->fallback().reason, state.reason)
      << "what was is still worth knowing";
}

TEST_F(FallbackStates, AForbiddenEnterIsTold) {
  Make(RingVerdict::kUsable);
  kernel_.SetSubmitError(-EPERM);
  RunReads();
  const FallbackState state = engine_->fallback();
  EXPECT_NE(state.reason.find("io_uring_enter: Operation not permitted"),
            std::string::npos)
      << state.reason;
  EXPECT_TRUE(state.active);
}

// A ring can be made and takes nothing: to have one is not enough.
TEST_F(FallbackStates, ARingThatTakesNothingIsNoRing) {
  Make(RingVerdict::kUsable);
  kernel_.SetSubmitError(-EPERM);
  const FallbackState state = engine_->TryRing();
  EXPECT_NE(state.reason.find("io_uring_enter: Operation not permitted"),
            std::string::npos)
      << state.reason;
  EXPECT_TRUE(state.active);
  EXPECT_EQ(engine_->rings(), 0u);
}

}  // namespace
}  // namespace rocksdb_uring
