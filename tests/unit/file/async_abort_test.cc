// AbortIO: every callback runs once, nothing of others is lost, and afterwards
// the buffers are the caller's.
//
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "tests/unit/file/async_file_fixture.h"

namespace rocksdb_uring {
namespace {

using rocksdb::FileSystem;
using rocksdb::FSRandomAccessFile;

class AbortIoTest : public AsyncFileFixture {
 protected:
  static constexpr size_t kFileSize = 4 << 20;

  AbortIoTest() : AsyncFileFixture(kFileSize) {}

  void SetUp() override {
    AsyncFileFixture::SetUp();
    DropCache(path_);
  }

  void ExpectEnded(const AsyncCalls& calls) {
    for (const auto& call : calls) {
      EXPECT_TRUE(call->DeliveredOrAborted(model_));
      EXPECT_EQ(call->thread(), std::this_thread::get_id());
    }
  }

  // Aborts `aborted`, then polls all: those left over must be delivered whole.
  void AbortSomeAndPollAll(const AsyncCalls& calls,
                           const std::vector<size_t>& aborted) {
    std::vector<void*> handles;
    for (size_t i : aborted) {
      handles.push_back(calls[i]->handle());
    }
    ASSERT_TRUE(Abort(file_system_.get(), handles).ok());
    for (size_t i : aborted) {
      EXPECT_TRUE(calls[i]->DeliveredOrAborted(model_));
    }
    ASSERT_TRUE(Poll(file_system_.get(), HandlesOf(calls)).ok());
    for (size_t i = 0; i < calls.size(); ++i) {
      const bool was_aborted =
          std::find(aborted.begin(), aborted.end(), i) != aborted.end();
      EXPECT_TRUE(was_aborted ? calls[i]->DeliveredOrAborted(model_)
                              : calls[i]->Delivered(model_))
          << "call " << i;
    }
  }
};

TEST_P(AbortIoTest, All) {
  const AsyncCalls calls = MakeCalls(100, kFileSize);
  StartAll(calls, file_.get());
  EXPECT_TRUE(Abort(file_system_.get(), HandlesOf(calls)).ok());
  ExpectEnded(calls);
  // Again, and Poll after it: no callback runs twice.
  EXPECT_TRUE(Abort(file_system_.get(), HandlesOf(calls)).ok());
  EXPECT_TRUE(Poll(file_system_.get(), HandlesOf(calls)).ok());
  ExpectEnded(calls);
}

TEST_P(AbortIoTest, SubsetThenPollTheRest) {
  const AsyncCalls calls = MakeCalls(100, kFileSize);
  StartAll(calls, file_.get());
  std::vector<size_t> odd;
  for (size_t i = 1; i < calls.size(); i += 2) {
    odd.push_back(i);
  }
  AbortSomeAndPollAll(calls, odd);
}

TEST_P(AbortIoTest, ReversedOrder) {
  const AsyncCalls calls = MakeCalls(60, kFileSize);
  StartAll(calls, file_.get());
  std::vector<size_t> reversed;
  for (size_t i = calls.size(); i-- > 0;) {
    reversed.push_back(i);
  }
  AbortSomeAndPollAll(calls, reversed);
}

TEST_P(AbortIoTest, LastOnlyThenPollTheRest) {
  const AsyncCalls calls = MakeCalls(60, kFileSize);
  StartAll(calls, file_.get());
  AbortSomeAndPollAll(calls, {59});
}

TEST_P(AbortIoTest, TheSameHandleTwice) {
  const AsyncCalls calls = MakeCalls(4, kFileSize);
  StartAll(calls, file_.get());
  AbortSomeAndPollAll(calls, {2, 2, 0, 2});
}

TEST_P(AbortIoTest, MixedWithCompletedOnes) {
  const AsyncCalls calls = MakeCalls(40, kFileSize);
  StartAll(calls, file_.get());
  for (size_t i = 0; i < calls.size(); i += 4) {
    ASSERT_TRUE(Poll(file_system_.get(), {calls[i]->handle()}).ok());
    EXPECT_TRUE(calls[i]->Delivered(model_));
  }
  EXPECT_TRUE(Abort(file_system_.get(), HandlesOf(calls)).ok());
  ExpectEnded(calls);
  for (size_t i = 0; i < calls.size(); i += 4) {
    EXPECT_TRUE(calls[i]->Delivered(model_));
  }
}

TEST_P(AbortIoTest, OverlappingReads) {
  AsyncCalls calls;
  for (size_t i = 0; i < 30; ++i) {
    calls.push_back(std::make_unique<AsyncCall>(i * kBlock, 16 * kBlock));
  }
  StartAll(calls, file_.get());
  AbortSomeAndPollAll(calls, {0, 5, 29, 7, 8, 9});
}

TEST_P(AbortIoTest, ReadsOfAllPlacesAndSizes) {
  // Unaligned ones, too, where RocksDB may make them.
  const size_t unit = GetParam() ? kBlock : 1;
  AsyncCalls calls;
  for (size_t i = 0; i < 30; ++i) {
    calls.push_back(std::make_unique<AsyncCall>(RoundUp(1 + i * 33331, unit),
                                                RoundUp(1 + i * 777, unit)));
  }
  StartAll(calls, file_.get());
  AbortSomeAndPollAll(calls, {3, 1, 4, 15, 9, 26});
}

TEST_P(AbortIoTest, BuffersAreTheCallersAfterwards) {
  for (int round = 0; round < 30; ++round) {
    DropCache(path_);
    AsyncCalls calls;
    for (size_t i = 0; i < 8; ++i) {
      calls.push_back(std::make_unique<AsyncCall>(i * 131072, 131072));
    }
    StartAll(calls, file_.get());
    EXPECT_TRUE(Abort(file_system_.get(), HandlesOf(calls)).ok());
    ExpectEnded(calls);
    // Handles and buffers are freed here; a late write is a use after free.
  }
}

TEST_P(AbortIoTest, RandomSubsets) {
  std::mt19937_64 random(TestSeed());
  for (int round = 0; round < 50; ++round) {
    if (round % 5 == 0) {
      DropCache(path_);
    }
    const AsyncCalls calls = MakeCalls(1 + random() % 64, kFileSize, random());
    StartAll(calls, file_.get());
    std::vector<size_t> aborted;
    for (size_t i = 0; i < calls.size(); ++i) {
      if (random() % 2 == 0) {
        aborted.push_back(i);
      }
    }
    std::shuffle(aborted.begin(), aborted.end(), random);
    AbortSomeAndPollAll(calls, aborted);
    ASSERT_FALSE(HasFailure()) << "seed " << TestSeed();
  }
}

INSTANTIATE_TEST_SUITE_P(Modes, AbortIoTest, ::testing::Bool(),
                         [](const ::testing::TestParamInfo<bool>& info) {
                           return info.param ? "Direct" : "Buffered";
                         });

}  // namespace
}  // namespace rocksdb_uring
