// Asynchronous reads that change threads, as iterators do that are used by one
// thread after the other.
//
// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/engine/sanitizers.h"
#include "tests/unit/file/async_file_fixture.h"

namespace rocksdb_uring {
namespace {

using rocksdb::FileSystem;
using rocksdb::FSRandomAccessFile;
using rocksdb::FSReadRequest;
using rocksdb::IOOptions;

class AsyncThreadTest : public AsyncFileFixture {
 protected:
  static constexpr size_t kFileSize = 4 << 20;

  AsyncThreadTest() : AsyncFileFixture(kFileSize) {}

  void SetUp() override {
    AsyncFileFixture::SetUp();
    DropCache(path_);
  }

  template <typename Function>
  static void OnAThread(Function function) {
    std::thread(function).join();
  }
};

TEST_P(AsyncThreadTest, PolledByAnotherThread) {
  const AsyncCalls calls = MakeCalls(100, kFileSize);
  StartAll(calls, file_.get());
  std::thread::id poller;
  OnAThread([&] {
    poller = std::this_thread::get_id();
    EXPECT_TRUE(Poll(file_system_.get(), HandlesOf(calls)).ok());
  });
  EXPECT_TRUE(AllDelivered(calls, model_));
  for (const auto& call : calls) {
    EXPECT_EQ(call->thread(), poller);
  }
}

TEST_P(AsyncThreadTest, SubmittedByAThreadThatIsGone) {
  for (int round = 0; round < 20; ++round) {
    DropCache(path_);
    const AsyncCalls calls = MakeCalls(100, kFileSize);
    OnAThread([&] { StartAll(calls, file_.get()); });
    EXPECT_TRUE(Poll(file_system_.get(), HandlesOf(calls)).ok());
    ASSERT_TRUE(AllDelivered(calls, model_));
    EXPECT_EQ(calls[0]->thread(), std::this_thread::get_id());
  }
}

TEST_P(AsyncThreadTest, AbortedByAnotherThread) {
  const AsyncCalls calls = MakeCalls(100, kFileSize);
  OnAThread([&] { StartAll(calls, file_.get()); });
  OnAThread(
      [&] { EXPECT_TRUE(Abort(file_system_.get(), HandlesOf(calls)).ok()); });
  for (const auto& call : calls) {
    EXPECT_TRUE(call->DeliveredOrAborted(model_));
  }
}

TEST_P(AsyncThreadTest, DeletedByAnotherThread) {
  AsyncCalls calls = MakeCalls(100, kFileSize);
  OnAThread([&] { StartAll(calls, file_.get()); });
  OnAThread([&] { calls.clear(); });
}

TEST_P(AsyncThreadTest, MovedFromThreadToThread) {
  // One iterator: a read ahead is started where the last one was polled.
  std::unique_ptr<AsyncCall> pending;
  for (size_t step = 0; step < 64; ++step) {
    OnAThread([&] {
      auto next = std::make_unique<AsyncCall>(step * 16 * kBlock, 16 * kBlock);
      ASSERT_TRUE(next->Start(file_.get()).ok());
      if (pending != nullptr) {
        EXPECT_TRUE(Poll(file_system_.get(), {pending->handle()}).ok());
        EXPECT_TRUE(pending->Delivered(model_)) << "step " << step;
        EXPECT_EQ(pending->thread(), std::this_thread::get_id());
      }
      pending = std::move(next);
    });
  }
  EXPECT_TRUE(Abort(file_system_.get(), {pending->handle()}).ok());
  EXPECT_TRUE(pending->DeliveredOrAborted(model_));
}

TEST_P(AsyncThreadTest, ManyThreadsEachWithItsOwn) {
  Threads threads;
  for (size_t thread = 0; thread < 8; ++thread) {
    threads.Start([this, thread] {
      std::mt19937_64 random(TestSeed() + thread);
      for (int round = 0; round < 30; ++round) {
        const AsyncCalls calls =
            MakeCalls(1 + random() % 30, kFileSize, random());
        StartAll(calls, file_.get());
        if (random() % 4 == 0) {
          EXPECT_TRUE(Abort(file_system_.get(), {calls[0]->handle()}).ok());
          EXPECT_TRUE(calls[0]->DeliveredOrAborted(model_));
        } else {
          EXPECT_TRUE(Poll(file_system_.get(), {calls[0]->handle()}).ok());
        }
        EXPECT_TRUE(Poll(file_system_.get(), HandlesOf(calls)).ok());
        for (const auto& call : calls) {
          EXPECT_TRUE(call->DeliveredOrAborted(model_));
          EXPECT_EQ(call->thread(), std::this_thread::get_id());
        }
      }
    });
  }
}

TEST_P(AsyncThreadTest, ManyThreadsMixAllKindsOfReads) {
  Threads threads;
  for (size_t thread = 0; thread < 6; ++thread) {
    threads.Start([this, thread] {
      std::mt19937_64 random(TestSeed() + 100 + thread);
      for (int round = 0; round < 30; ++round) {
        const AsyncCalls calls = MakeCalls(8, kFileSize, random());
        StartAll(calls, file_.get());
        const size_t count = 1 + random() % 16;
        std::vector<std::unique_ptr<Scratch>> scratch;
        std::vector<FSReadRequest> requests(count);
        for (FSReadRequest& request : requests) {
          scratch.push_back(std::make_unique<Scratch>(kBlock));
          request.offset = random() % 1000 * kBlock;
          request.len = kBlock;
          request.scratch = scratch.back()->data();
        }
        EXPECT_TRUE(
            file_->MultiRead(requests.data(), count, IOOptions(), nullptr)
                .ok());
        for (size_t i = 0; i < count; ++i) {
          EXPECT_TRUE(scratch[i]->Holds(requests[i].result, model_,
                                        requests[i].offset, kBlock, true));
        }
        EXPECT_TRUE(Poll(file_system_.get(), HandlesOf(calls)).ok());
        EXPECT_TRUE(AllDelivered(calls, model_));
      }
    });
  }
}

// Nor memory, but a sanitizer keeps back what is freed. Direct reads wait for
// the device, so there are fewer.
TEST_P(AsyncThreadTest, ShortLivedThreadsLeaveNoDescriptors) {
  constexpr bool kSanitizer = kAddressSanitizer || kThreadSanitizer;
  const auto run_threads = [&](int count) {
    for (int i = 0; i < count; ++i) {
      const AsyncCalls calls = MakeCalls(2, kFileSize);
      OnAThread([&] { StartAll(calls, file_.get()); });
      EXPECT_TRUE(Poll(file_system_.get(), HandlesOf(calls)).ok());
      EXPECT_TRUE(AllDelivered(calls, model_));
    }
  };
  run_threads(200);
  const size_t descriptors = OpenDescriptors();
  const uint64_t memory = ResidentBytes();
  run_threads(kSanitizer || GetParam() ? 1000 : 10000);
  EXPECT_EQ(OpenDescriptors(), descriptors);
  if (!kSanitizer) {
    EXPECT_LT(ResidentBytes(), memory + (16 << 20));
  }
}

INSTANTIATE_TEST_SUITE_P(Modes, AsyncThreadTest, ::testing::Bool(),
                         [](const ::testing::TestParamInfo<bool>& info) {
                           return info.param ? "Direct" : "Buffered";
                         });

}  // namespace
}  // namespace rocksdb_uring
