// SPDX-License-Identifier: Apache-2.0

#include "env/engine/breaker.h"

#include <atomic>
#include <cerrno>
#include <thread>

#include "tests/support/engine/test_support.h"

namespace rocksdb_uring {
namespace {

class BreakerTest : public ::testing::Test {
 protected:
  bool Fail() {
    return breaker_.RecordFailure("io_uring_enter", Errno::FromErrno(EPERM));
  }

  void Open() {
    opened_at_ = Breaker::Clock::now();
    for (uint32_t i = 0; i + 1 < Breaker::kFailuresMax; ++i) {
      EXPECT_FALSE(Fail());
    }
    EXPECT_TRUE(Fail()) << "this one opens it";
  }

  // Whether it opens the breaker.
  bool Refuse(int error) {
    return breaker_.RecordRefusal(Errno::FromErrno(error));
  }

  // Waits for the trial.
  // Leaves a time before that of the trial in `opened_at_`.
  void AwaitTrial() {
    do {
      std::this_thread::yield();
      opened_at_ = Breaker::Clock::now();
    } while (!breaker_.Allow());
  }

  // Refused, unless the test was kept from running for the whole pause.
  void ExpectRefused(std::chrono::milliseconds pause) {
    const bool may_allow = breaker_.MayAllow();
    const bool allowed = breaker_.Allow();
    if (Breaker::Clock::now() - opened_at_ < pause) {
      EXPECT_FALSE(may_allow);
      EXPECT_FALSE(allowed);
    }
  }

  Breaker breaker_;
  Breaker::Clock::time_point opened_at_;
};

TEST_F(BreakerTest, IsClosedAtFirst) {
  EXPECT_FALSE(breaker_.open());
  EXPECT_TRUE(breaker_.Allow());
  EXPECT_TRUE(breaker_.MayAllow());
}

TEST_F(BreakerTest, OpensAfterFailuresInARow) {
  Open();
  EXPECT_TRUE(breaker_.open());
  ExpectRefused(Breaker::kPauseMin);
  EXPECT_FALSE(Fail()) << "it is open already";
}

TEST_F(BreakerTest, ASuccessBetweenFailuresKeepsItClosed) {
  for (uint32_t i = 0; i < 10 * Breaker::kFailuresMax; ++i) {
    EXPECT_FALSE(Fail());
    breaker_.RecordSuccess();
  }
  EXPECT_FALSE(breaker_.open());
}

TEST_F(BreakerTest, OneTrialAtATime) {
  Open();
  AwaitTrial();
  ExpectRefused(Breaker::kPauseMin);
  EXPECT_TRUE(breaker_.open()) << "until the trial has reported back";
}

// Nobody waits for the read that was the trial.
TEST_F(BreakerTest, ATrialThatIsNeverHeardOfIsFollowedByAnother) {
  Open();
  for (int i = 0; i < 3; ++i) {
    AwaitTrial();
  }
  EXPECT_TRUE(breaker_.open());
  breaker_.RecordSuccess();
  EXPECT_FALSE(breaker_.open());
}

TEST_F(BreakerTest, ATrialThatSucceedsClosesIt) {
  Open();
  AwaitTrial();
  breaker_.RecordSuccess();
  EXPECT_FALSE(breaker_.open());
  EXPECT_TRUE(breaker_.Allow());
  EXPECT_TRUE(breaker_.Allow());
}

TEST_F(BreakerTest, ATrialThatFailsDoublesThePause) {
  Open();
  AwaitTrial();
  opened_at_ = Breaker::Clock::now();
  EXPECT_FALSE(Fail());
  ExpectRefused(2 * Breaker::kPauseMin);
  const Breaker::Clock::time_point failed_at = opened_at_;
  AwaitTrial();
  EXPECT_GE(Breaker::Clock::now() - failed_at, 2 * Breaker::kPauseMin);
}

TEST_F(BreakerTest, ASuccessForgetsOldPausesAndFailures) {
  Open();
  AwaitTrial();
  Fail();
  AwaitTrial();
  breaker_.RecordSuccess();
  Open();
  ExpectRefused(Breaker::kPauseMin);
  AwaitTrial();
}

TEST_F(BreakerTest, TellsTheLastFailureAndWhetherItIsOver) {
  EXPECT_EQ(breaker_.last_failure().call, nullptr);
  EXPECT_FALSE(breaker_.last_failure().current);
  Fail();
  breaker_.RecordFailure("io_uring_setup", Errno::FromErrno(ENOMEM));
  EXPECT_STREQ(breaker_.last_failure().call, "io_uring_setup");
  EXPECT_EQ(breaker_.last_failure().error.value(), ENOMEM);
  EXPECT_TRUE(breaker_.last_failure().current);
  breaker_.RecordSuccess();
  EXPECT_FALSE(breaker_.last_failure().current);
  EXPECT_STREQ(breaker_.last_failure().call, "io_uring_setup")
      << "what was is still worth knowing";
  Open();
  EXPECT_TRUE(breaker_.last_failure().current);
}

TEST_F(BreakerTest, RefusalsOpenItWhileNoRingIsAlive) {
  breaker_.RingCreated();
  breaker_.RingDestroyed();
  for (uint32_t i = 0; i + 1 < Breaker::kFailuresMax; ++i) {
    EXPECT_FALSE(Refuse(ENOMEM));
  }
  EXPECT_TRUE(Refuse(ENOMEM));
}

TEST_F(BreakerTest, AShortageDoesNotOpenItWhileARingIsAlive) {
  breaker_.RingCreated();
  for (const int error : {ENOMEM, EMFILE, ENFILE}) {
    for (uint32_t i = 0; i < 2 * Breaker::kFailuresMax; ++i) {
      EXPECT_FALSE(Refuse(error));
    }
    EXPECT_FALSE(breaker_.open());
    EXPECT_STREQ(breaker_.last_failure().call, "io_uring_setup");
    EXPECT_EQ(breaker_.last_failure().error.value(), error);
    EXPECT_FALSE(breaker_.last_failure().current);
  }
}

// After a shortage no ring is asked for until the pause is over, by any user of
// rings; with the last ring gone it is the breaker that decides.
TEST_F(BreakerTest, AShortageEndsCreationForAPauseWhileARingIsAlive) {
  EXPECT_TRUE(breaker_.MayCreate());
  breaker_.RingCreated();
  EXPECT_TRUE(breaker_.MayCreate());
  const Breaker::Clock::time_point before = Breaker::Clock::now();
  Refuse(EMFILE);
  const bool allowed = breaker_.MayCreate();
  if (Breaker::Clock::now() - before < Breaker::kCreatePause) {
    EXPECT_FALSE(allowed);
  }
  breaker_.RingDestroyed();
  EXPECT_TRUE(breaker_.MayCreate());
  breaker_.RingCreated();
  while (!breaker_.MayCreate()) {
    std::this_thread::yield();
  }
  EXPECT_GE(Breaker::Clock::now() - before, Breaker::kCreatePause);
}

// What forbids one ring will forbid the next operation of another, too.
TEST_F(BreakerTest, OtherRefusalsOpenItWhateverIsAlive) {
  breaker_.RingCreated();
  for (uint32_t i = 0; i + 1 < Breaker::kFailuresMax; ++i) {
    EXPECT_FALSE(Refuse(EPERM));
  }
  EXPECT_TRUE(Refuse(EPERM));
}

TEST_F(BreakerTest, ATrialThatFindsAShortageLeavesItToTheNext) {
  breaker_.RingCreated();
  Open();
  AwaitTrial();
  EXPECT_FALSE(Refuse(ENOMEM));
  EXPECT_TRUE(breaker_.open());
  EXPECT_TRUE(breaker_.Allow()) << "without another pause";
  breaker_.RecordSuccess();
  EXPECT_FALSE(breaker_.open());
}

TEST_F(BreakerTest, ManyThreadsGetOneTrial) {
  Open();
  const Breaker::Clock::time_point opened_at = Breaker::Clock::now();
  std::atomic<int> trials{0};
  std::atomic<bool> stop{false};
  Threads threads;
  for (int i = 0; i < 4; ++i) {
    threads.Start([&] {
      while (!stop) {
        trials += breaker_.Allow() ? 1 : 0;
      }
    });
  }
  while (trials == 0) {
    std::this_thread::yield();
  }
  stop = true;
  threads.Join();
  // Unless the test was kept from running until the next is due.
  if (Breaker::Clock::now() - opened_at < 2 * Breaker::kPauseMin) {
    EXPECT_EQ(trials, 1);
  }
}

}  // namespace
}  // namespace rocksdb_uring
