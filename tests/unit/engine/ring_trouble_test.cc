// RingBatch on a ring that fails in every way that rings can fail.
//
// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <thread>
#include <vector>

#include "tests/unit/engine/ring_batch_fixture.h"

namespace rocksdb_uring {
namespace {

using Verdict = FakeKernel::Verdict;

class RingFailures : public RingBatchFixture,
                     public ::testing::WithParamInterface<unsigned> {
 protected:
  void SetUp() override { MakeRing(GetParam()); }

  static constexpr size_t kCount = 50;

  void ExpectRun(bool ring_is_well) {
    ReadBatch batch(file_.fd(), 0, Ranges(kCount));
    EXPECT_EQ(Run(batch.ops(), kCount), ring_is_well);
    EXPECT_TRUE(batch.Matches(file_.model()));
  }
};

// Fails the first submission for good, then the second, and so on, until a
// batch needs no more of them.
TEST_P(RingFailures, ASubmissionThatFailsForGood) {
  for (const int error : {-EPERM, -EBADF, -ENXIO}) {
    for (uint64_t position = 0;; ++position) {
      MakeRing(GetParam());
      const uint64_t first = kernel_.observations().submits;
      kernel_.SetSubmitScript([=](unsigned, uint64_t ordinal) {
        return ordinal >= first + position ? error : FakeKernel::kAll;
      });
      ReadBatch batch(file_.fd(), 0, Ranges(kCount));
      const bool ring_is_well = Run(batch.ops(), kCount);
      EXPECT_TRUE(batch.Matches(file_.model())) << "submission " << position;
      if (ring_is_well) {
        EXPECT_GT(position, 0u);
        break;
      }
      ASSERT_LT(position, 200u);
    }
  }
}

TEST_P(RingFailures, ASubmissionThatFailsForGoodWithSomeInFlight) {
  const uint64_t seed = TestSeed();
  for (uint64_t position = 0; position < 6; ++position) {
    MakeRing(GetParam());
    kernel_.SetRequestScript([=](const RingRequest&, uint64_t ordinal) {
      Verdict verdict;
      verdict.calls_late = static_cast<unsigned>((seed + ordinal) % 5);
      return verdict;
    });
    const uint64_t first = kernel_.observations().submits;
    kernel_.SetSubmitScript([=](unsigned, uint64_t ordinal) {
      return ordinal >= first + position ? -EPERM : 3;
    });
    ExpectRun(false);
  }
}

TEST_P(RingFailures, AWaitThatFailsForGood) {
  kernel_.SetRequestScript([](const RingRequest&, uint64_t) {
    Verdict verdict;
    verdict.us_late = 300;
    return verdict;
  });
  // Nothing more is submitted either, so that the batch sees the failure.
  kernel_.SetSubmitScript([](unsigned, uint64_t ordinal) {
    return ordinal == 0 ? FakeKernel::kAll : -EAGAIN;
  });
  kernel_.SetWaitError(-EPERM);
  ExpectRun(false);
}

TEST_P(RingFailures, SubmissionsOfEverySize) {
  for (int size = 1; size <= static_cast<int>(kCount); ++size) {
    kernel_.SetSubmitScript([=](unsigned, uint64_t) { return size; });
    ExpectRun(true);
  }
}

TEST_P(RingFailures, SubmissionsRefusedForAMoment) {
  for (const int error : {-EAGAIN, -EBUSY, -ENOMEM, -EINTR, 0}) {
    for (const uint64_t every : {2, 3, 5}) {
      kernel_.SetSubmitScript([=](unsigned, uint64_t ordinal) {
        return ordinal % every != 0 ? error : 2;
      });
      ExpectRun(true);
    }
  }
}

TEST_P(RingFailures, SubmissionsRefusedForEver) {
  for (const int error : {-EAGAIN, -EBUSY, -ENOMEM, 0}) {
    MakeRing(GetParam());
    kernel_.SetSubmitScript([=](unsigned, uint64_t) { return error; });
    ExpectRun(false);
  }
}

TEST_P(RingFailures, WaitsThatAreInterrupted) {
  kernel_.SetRequestScript([](const RingRequest&, uint64_t) {
    Verdict verdict;
    verdict.calls_late = 2;
    return verdict;
  });
  kernel_.SetWaitScript([](uint64_t ordinal) {
    constexpr int kResults[] = {-EINTR, -EINTR, 0, -EAGAIN};
    return kResults[ordinal % 4];
  });
  ExpectRun(true);
}

TEST_P(RingFailures, CompletionsThatNameNobody) {
  for (const uint64_t tag :
       {uint64_t{0}, UINT64_MAX, uint64_t{0xdeadbeef00000003}}) {
    kernel_.CompleteUnknown(tag);
    ExpectRun(true);
  }
  EXPECT_EQ(Event(StatEvent::kUnknownCompletion), 3u);
}

TEST_P(RingFailures, EverythingAtOnce) {
  kernel_.SetRandomFaults(TestSeed());
  for (int i = 0; i < 100; ++i) {
    ExpectRun(true);
  }
}

INSTANTIATE_TEST_SUITE_P(Depths, RingFailures,
                         ::testing::Values(1, 2, 3, 8, 17, 64));

}  // namespace
}  // namespace rocksdb_uring
