// ReadAsync on a kernel that completes when the test says so: reads are in
// flight when the call returns, and callbacks run in Poll and AbortIO only.
//
// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/file/async_seam_fixture.h"

namespace rocksdb_uring {
namespace {

using rocksdb::FileSystem;
using rocksdb::FSRandomAccessFile;
using rocksdb::IOStatus;

TEST_F(AsyncSeamTest, AThousandReadsInFlightAndCallbacksInPollOnly) {
  Open(256);
  kernel_.WithholdAll();
  const AsyncCalls calls = MakeCalls(1000, kFileSize);
  StartAll(calls, file_.get());
  EXPECT_EQ(kernel_.withheld(), 1000u);
  ExpectNoCallbacks(calls);
  for (const auto& call : calls) {
    ASSERT_NE(call->handle(), nullptr);
  }
  kernel_.StopWithholding();
  ExpectNoCallbacks(calls);
  EXPECT_TRUE(Poll(file_system_.get(), HandlesOf(calls)).ok());
  EXPECT_TRUE(AllDelivered(calls, model_));
  for (const auto& call : calls) {
    EXPECT_EQ(call->thread(), std::this_thread::get_id());
  }
}

TEST_F(AsyncSeamTest, PollDoesNotReturnBeforeItsHandlesAreComplete) {
  kernel_.WithholdAll();
  const AsyncCalls calls = MakeCalls(50, kFileSize);
  StartAll(calls, file_.get());
  std::atomic<bool> returned{false};
  std::thread poller([&] {
    EXPECT_TRUE(Poll(file_system_.get(), HandlesOf(calls)).ok());
    returned = true;
  });
  EXPECT_TRUE(kernel_.AwaitWaiting(1));
  kernel_.ReleaseIf([](const RingRequest& request) {
    return request.offset % (2 * kBlock) == 0;
  });
  EXPECT_TRUE(kernel_.AwaitWaiting(1));
  EXPECT_FALSE(returned);
  kernel_.StopWithholding();
  poller.join();
  EXPECT_TRUE(AllDelivered(calls, model_));
}

TEST_F(AsyncSeamTest, CompletionsOfOthersAreKeptForTheirPoll) {
  kernel_.WithholdAll();
  const AsyncCalls calls = MakeCalls(10, kFileSize);
  StartAll(calls, file_.get());
  kernel_.ReleaseAll(/*newest_first=*/true);
  EXPECT_TRUE(Poll(file_system_.get(), {calls[4]->handle()}).ok());
  EXPECT_TRUE(calls[4]->Delivered(model_));
  for (size_t i = 0; i < calls.size(); ++i) {
    EXPECT_EQ(calls[i]->callbacks(), i == 4 ? 1 : 0);
  }
  EXPECT_TRUE(Poll(file_system_.get(), HandlesOf(calls)).ok());
  EXPECT_TRUE(AllDelivered(calls, model_));
}

TEST_F(AsyncSeamTest, AbortEndsWithheldReads) {
  kernel_.WithholdAll();
  const AsyncCalls calls = MakeCalls(50, kFileSize);
  StartAll(calls, file_.get());
  EXPECT_TRUE(Abort(file_system_.get(), HandlesOf(calls)).ok());
  for (const auto& call : calls) {
    EXPECT_EQ(call->callbacks(), 1);
    EXPECT_TRUE(call->status().IsAborted()) << call->status().ToString();
    EXPECT_EQ(call->thread(), std::this_thread::get_id());
  }
  EXPECT_EQ(kernel_.observations().cancels, 50u);
}

TEST_F(AsyncSeamTest, AbortOfASubsetLeavesTheOthersInFlight) {
  kernel_.WithholdAll();
  const AsyncCalls calls = MakeCalls(9, kFileSize);
  StartAll(calls, file_.get());
  EXPECT_TRUE(Abort(file_system_.get(), {calls[8]->handle(), calls[0]->handle(),
                                         calls[4]->handle()})
                  .ok());
  EXPECT_EQ(kernel_.withheld(), 6u);
  for (size_t i = 0; i < calls.size(); ++i) {
    EXPECT_EQ(calls[i]->callbacks(), i % 4 == 0 ? 1 : 0) << i;
  }
  kernel_.StopWithholding();
  EXPECT_TRUE(Poll(file_system_.get(), HandlesOf(calls)).ok());
  for (size_t i = 0; i < calls.size(); ++i) {
    EXPECT_TRUE(i % 4 == 0 ? calls[i]->DeliveredOrAborted(model_)
                           : calls[i]->Delivered(model_));
  }
}

TEST_F(AsyncSeamTest, AbortWaitsForWhatCannotBeCancelled) {
  kernel_.SetRequestScript([](const RingRequest&, uint64_t) {
    FakeKernel::Verdict verdict;
    verdict.withheld = true;
    verdict.cancelable = false;
    return verdict;
  });
  const AsyncCalls calls = MakeCalls(3, kFileSize);
  StartAll(calls, file_.get());
  std::atomic<bool> returned{false};
  std::thread aborter([&] {
    EXPECT_TRUE(Abort(file_system_.get(), HandlesOf(calls)).ok());
    returned = true;
  });
  EXPECT_TRUE(kernel_.AwaitWaiting(1));
  EXPECT_FALSE(returned);
  kernel_.StopWithholding();
  aborter.join();
  EXPECT_TRUE(AllDelivered(calls, model_));
}

TEST_F(AsyncSeamTest, DeleterWaitsForTheKernelAndRunsNoCallback) {
  kernel_.SetRequestScript([](const RingRequest&, uint64_t) {
    FakeKernel::Verdict verdict;
    verdict.withheld = true;
    verdict.cancelable = false;
    return verdict;
  });
  AsyncCalls calls = MakeCalls(1, kFileSize);
  StartAll(calls, file_.get());
  std::thread deleter([&] {
    calls[0]->Delete();
    EXPECT_EQ(calls[0]->callbacks(), 0);
    // The buffer goes now.
    calls.clear();
  });
  EXPECT_TRUE(kernel_.AwaitWaiting(1));
  EXPECT_EQ(kernel_.withheld(), 1u);
  kernel_.StopWithholding();
  deleter.join();
}

TEST_F(AsyncSeamTest, NoRoomMeansReadingAtOnce) {
  Open(kSmallDepth);
  kernel_.WithholdAll();
  const AsyncCalls calls = MakeCalls(3 * kSmallRoom, kFileSize);
  StartAll(calls, file_.get());
  const size_t in_flight = kernel_.withheld();
  EXPECT_GT(in_flight, 0u);
  EXPECT_LE(in_flight, kSmallRoom);
  size_t read_at_once = 0;
  for (const auto& call : calls) {
    if (call->handle() == nullptr) {
      ++read_at_once;
      EXPECT_TRUE(kNullHandleMeansDelivered);
      EXPECT_TRUE(call->Delivered(model_));
      EXPECT_EQ(call->thread(), std::this_thread::get_id());
    } else {
      EXPECT_EQ(call->callbacks(), 0);
    }
  }
  EXPECT_EQ(Count(StatEvent::kAsyncQueued), kSmallRoom);
  EXPECT_EQ(Count(StatEvent::kAsyncOverflow), 2 * kSmallRoom - in_flight);
  if (kNullHandleMeansDelivered) {
    EXPECT_EQ(read_at_once, 2 * kSmallRoom - in_flight);
  }
  kernel_.StopWithholding();
  EXPECT_TRUE(Poll(file_system_.get(), HandlesOf(calls)).ok());
  EXPECT_TRUE(AllDelivered(calls, model_));
}

TEST_F(AsyncSeamTest, QueuedReadsCanBeAborted) {
  Open(kSmallDepth);
  kernel_.WithholdAll();
  const AsyncCalls calls = MakeCalls(kSmallRoom, kFileSize);
  StartAll(calls, file_.get());
  const size_t in_flight = kernel_.withheld();
  ASSERT_LT(in_flight, calls.size());
  std::vector<void*> queued = HandlesOf(calls);
  queued.erase(queued.begin(),
               queued.begin() + static_cast<ptrdiff_t>(in_flight));
  EXPECT_TRUE(Abort(file_system_.get(), queued).ok());
  EXPECT_EQ(kernel_.withheld(), in_flight);
  for (size_t i = 0; i < calls.size(); ++i) {
    EXPECT_EQ(calls[i]->callbacks(), i < in_flight ? 0 : 1);
    EXPECT_EQ(calls[i]->status().IsAborted(), i >= in_flight);
  }
  kernel_.StopWithholding();
  EXPECT_TRUE(Poll(file_system_.get(), HandlesOf(calls)).ok());
  for (size_t i = 0; i < in_flight; ++i) {
    EXPECT_TRUE(calls[i]->Delivered(model_));
  }
}

TEST_F(AsyncSeamTest, AbortWithAFullRing) {
  Open(kSmallDepth);
  kernel_.WithholdAll();
  const AsyncCalls calls = MakeCalls(2 * kSmallRoom, kFileSize);
  StartAll(calls, file_.get());
  // More than there is room for cancel requests at once.
  std::atomic<bool> returned{false};
  std::thread aborter([&] {
    EXPECT_TRUE(Abort(file_system_.get(), HandlesOf(calls)).ok());
    returned = true;
  });
  // If it hangs the test is to fail, and end.
  for (int i = 0; i < 4000 && !returned; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_TRUE(returned);
  kernel_.StopWithholding();
  aborter.join();
  for (const auto& call : calls) {
    EXPECT_EQ(call->callbacks(), 1);
    EXPECT_TRUE(call->DeliveredOrAborted(model_));
  }
}

TEST_F(AsyncSeamTest, ReadsThatTheRingFailsAreReadThroughPosix) {
  for (int error : {EIO, EFAULT, EINVAL, EOPNOTSUPP, EAGAIN, ECANCELED}) {
    kernel_.SetRequestScript([error](const RingRequest&, uint64_t) {
      FakeKernel::Verdict verdict;
      verdict.error = -error;
      return verdict;
    });
    const AsyncCalls calls = MakeCalls(10, kFileSize);
    StartAll(calls, file_.get());
    EXPECT_TRUE(Poll(file_system_.get(), HandlesOf(calls)).ok());
    EXPECT_TRUE(AllDelivered(calls, model_)) << strerror(error);
  }
}

TEST_F(AsyncSeamTest, ReadsThatPosixFailsTooHaveAStatus) {
  kernel_.SetRequestScript([](const RingRequest&, uint64_t) {
    FakeKernel::Verdict verdict;
    verdict.error = -EIO;
    return verdict;
  });
  calls_.Fail(FakeSystemCalls::kPread, FakeSystemCalls::kAlways, -EIO);
  const AsyncCalls calls = MakeCalls(10, kFileSize);
  StartAll(calls, file_.get());
  EXPECT_TRUE(Poll(file_system_.get(), HandlesOf(calls)).ok());
  for (const auto& call : calls) {
    EXPECT_EQ(call->callbacks(), 1);
    EXPECT_TRUE(call->status().IsIOError()) << call->status().ToString();
    EXPECT_EQ(call->result_size(), 0u);
    EXPECT_NE(call->status().ToString().find(path_), std::string::npos);
  }
}

// A scan that is told NotSupported in its midst fails.
TEST_F(AsyncSeamTest, NoRingNowMeansReadAtOnce) {
  kernel_.SetFactoryError(-ENOMEM);
  const AsyncCalls calls = MakeCalls(200, kFileSize);
  for (const auto& call : calls) {
    const IOStatus status = call->Start(file_.get());
    EXPECT_TRUE(status.ok()) << status.ToString();
    EXPECT_EQ(call->handle() == nullptr, kNullHandleMeansDelivered);
    EXPECT_EQ(call->callbacks(), kNullHandleMeansDelivered ? 1 : 0);
  }
  EXPECT_TRUE(Poll(file_system_.get(), HandlesOf(calls)).ok());
  EXPECT_TRUE(AllDelivered(calls, model_));
  EXPECT_GT(Count(StatEvent::kBreakerOpened), 0u);
}

TEST_F(AsyncSeamTest, FaultsOfAllKindsDoNotShow) {
  kernel_.SetRandomFaults(TestSeed());
  for (int round = 0; round < 20; ++round) {
    const AsyncCalls calls =
        MakeCalls(200, kFileSize, static_cast<size_t>(round));
    for (const auto& call : calls) {
      const IOStatus status = call->Start(file_.get());
      ASSERT_TRUE(status.ok()) << status.ToString();
      if (call->handle() == nullptr) {
        EXPECT_TRUE(call->Delivered(model_));
      }
    }
    EXPECT_TRUE(Poll(file_system_.get(), HandlesOf(calls)).ok());
    for (const auto& call : calls) {
      EXPECT_TRUE(call->handle() == nullptr || call->Delivered(model_))
          << "seed " << TestSeed();
    }
  }
}

}  // namespace
}  // namespace rocksdb_uring
