// ReadAsync and Poll on the kernel's rings: each sentence of the contract that
// RocksDB's prefetch buffers and iterators rely on.
//
// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <random>
#include <string>
#include <vector>

#include "tests/unit/file/async_file_fixture.h"

namespace rocksdb_uring {
namespace {

using rocksdb::FileSystem;
using rocksdb::FSRandomAccessFile;
using rocksdb::FSReadRequest;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

class ReadAsyncTest : public AsyncFileFixture {
 protected:
  static constexpr size_t kFileSize = (1 << 20) + 1234;

  ReadAsyncTest() : AsyncFileFixture(kFileSize) {}
};

TEST_P(ReadAsyncTest, OneReadIsDeliveredByPoll) {
  DropCache(path_);
  AsyncCall call(8192, 65536);
  ASSERT_TRUE(call.Start(file_.get()).ok());
  ASSERT_NE(call.handle(), nullptr);
  EXPECT_EQ(call.callbacks(), 0) << "a callback outside Poll";
  EXPECT_TRUE(Poll(file_system_.get(), {call.handle()}).ok());
  EXPECT_TRUE(call.Delivered(model_));
  EXPECT_EQ(call.thread(), std::this_thread::get_id());
}

TEST_P(ReadAsyncTest, PollOfACompleteHandleChangesNothing) {
  AsyncCall call(0, kBlock);
  ASSERT_TRUE(call.Start(file_.get()).ok());
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(Poll(file_system_.get(), {call.handle()}).ok());
    EXPECT_TRUE(call.Delivered(model_));
  }
  // The same handle twice in one call.
  EXPECT_TRUE(Poll(file_system_.get(), {call.handle(), call.handle()}).ok());
  EXPECT_TRUE(call.Delivered(model_));
}

TEST_P(ReadAsyncTest, PollTakesNullHandlesAndNone) {
  EXPECT_TRUE(Poll(file_system_.get(), {}).ok());
  EXPECT_TRUE(Poll(file_system_.get(), {nullptr, nullptr}).ok());
  EXPECT_TRUE(Abort(file_system_.get(), {}).ok());
  EXPECT_TRUE(Abort(file_system_.get(), {nullptr}).ok());
}

TEST_P(ReadAsyncTest, PollWaitsForAllWhateverTheMinimum) {
  DropCache(path_);
  const AsyncCalls calls = MakeCalls(20, kFileSize);
  StartAll(calls, file_.get());
  std::vector<void*> handles = HandlesOf(calls);
  EXPECT_TRUE(file_system_->Poll(handles, 1).ok());
  EXPECT_TRUE(AllDelivered(calls, model_));
}

TEST_P(ReadAsyncTest, PollOfOneLeavesTheOthersForTheirOwn) {
  const AsyncCalls calls = MakeCalls(50, kFileSize);
  StartAll(calls, file_.get());
  EXPECT_TRUE(Poll(file_system_.get(), {calls[25]->handle()}).ok());
  EXPECT_TRUE(calls[25]->Delivered(model_));
  EXPECT_TRUE(Poll(file_system_.get(), HandlesOf(calls)).ok());
  EXPECT_TRUE(AllDelivered(calls, model_));
}

TEST_P(ReadAsyncTest, PollOfHandlesOfManyFiles) {
  constexpr size_t kFiles = 20;
  std::vector<std::string> models;
  std::vector<std::unique_ptr<FSRandomAccessFile>> files;
  std::vector<AsyncCalls> calls(kFiles);
  std::vector<void*> handles;
  for (size_t i = 0; i < kFiles; ++i) {
    models.push_back(RandomBytes(50 * kBlock, 100 + i));
    const std::string path = directory_.file(std::to_string(100 + i) + ".sst");
    WriteFile(path, models[i]);
    DropCache(path);
    files.push_back(OpenRandomAccess(file_system_.get(), path, GetParam()));
    calls[i] = MakeCalls(10, models[i].size());
    StartAll(calls[i], files[i].get());
    const std::vector<void*> of_file = HandlesOf(calls[i]);
    handles.insert(handles.end(), of_file.begin(), of_file.end());
  }
  EXPECT_TRUE(Poll(file_system_.get(), handles).ok());
  for (size_t i = 0; i < kFiles; ++i) {
    EXPECT_TRUE(AllDelivered(calls[i], models[i])) << "file " << i;
  }
}

TEST_P(ReadAsyncTest, ReadsAtAndBeyondTheEndAreShort) {
  const uint64_t end = RoundUp(kFileSize, kBlock);
  AsyncCall across(end - 2 * kBlock, 4 * kBlock);
  AsyncCall beyond(end, kBlock);
  AsyncCall far_beyond(end + (1 << 20), 2 * kBlock);
  for (AsyncCall* call : {&across, &beyond, &far_beyond}) {
    ASSERT_TRUE(call->Start(file_.get()).ok());
  }
  EXPECT_TRUE(Poll(file_system_.get(),
                   {across.handle(), beyond.handle(), far_beyond.handle()})
                  .ok());
  EXPECT_TRUE(across.Delivered(model_));
  EXPECT_TRUE(beyond.Delivered(model_));
  EXPECT_TRUE(far_beyond.Delivered(model_));
  EXPECT_EQ(across.result_size(), kFileSize - (end - 2 * kBlock));
}

TEST_P(ReadAsyncTest, ReadOfNothing) {
  AsyncCall call(kBlock, 0);
  ASSERT_TRUE(call.Start(file_.get()).ok());
  EXPECT_TRUE(Poll(file_system_.get(), {call.handle()}).ok());
  EXPECT_TRUE(call.Delivered(model_));
}

TEST_P(ReadAsyncTest, FileObjectGoesWithReadsInFlight) {
  DropCache(path_);
  const AsyncCalls calls = MakeCalls(200, kFileSize);
  StartAll(calls, file_.get());
  file_.reset();
  EXPECT_TRUE(Poll(file_system_.get(), HandlesOf(calls)).ok());
  EXPECT_TRUE(AllDelivered(calls, model_));
}

TEST_P(ReadAsyncTest, DeletedWithoutPoll) {
  for (int round = 0; round < 20; ++round) {
    DropCache(path_);
    AsyncCalls calls = MakeCalls(20, kFileSize);
    StartAll(calls, file_.get());
    for (const auto& call : calls) {
      call->Delete();
      EXPECT_EQ(call->callbacks(), 0) << "a callback of a deleted handle";
    }
    // The buffers go, too: nothing may write to them from here on.
    calls.clear();
  }
}

TEST_P(ReadAsyncTest, DeletedAfterTheFileObject) {
  AsyncCalls calls = MakeCalls(20, kFileSize);
  StartAll(calls, file_.get());
  file_.reset();
  calls.clear();
}

TEST_P(ReadAsyncTest, RefusedWhereReadsAreToGoThroughPosix) {
  const auto posix = OpenFileSystem("reads=posix");
  const auto file = OpenRandomAccess(posix.get(), path_, GetParam());
  AsyncCall call(0, kBlock);
  const IOStatus status = call.Start(file.get());
  EXPECT_TRUE(status.IsNotSupported()) << status.ToString();
  EXPECT_EQ(call.handle(), nullptr);
  EXPECT_EQ(call.callbacks(), 0);
}

TEST_P(ReadAsyncTest, InterleavedWithMultiReadAndRead) {
  std::mt19937_64 random(TestSeed());
  for (int round = 0; round < 50; ++round) {
    const AsyncCalls calls = MakeCalls(1 + random() % 40, kFileSize, random());
    StartAll(calls, file_.get());
    std::vector<std::unique_ptr<Scratch>> scratch;
    std::vector<FSReadRequest> requests(16);
    for (FSReadRequest& request : requests) {
      scratch.push_back(std::make_unique<Scratch>(kBlock));
      request.offset = random() % 200 * kBlock;
      request.len = kBlock;
      request.scratch = scratch.back()->data();
    }
    ASSERT_TRUE(
        file_->MultiRead(requests.data(), requests.size(), IOOptions(), nullptr)
            .ok());
    for (size_t i = 0; i < requests.size(); ++i) {
      ASSERT_TRUE(requests[i].status.ok());
      ASSERT_TRUE(scratch[i]->Holds(requests[i].result, model_,
                                    requests[i].offset, kBlock, true));
    }
    Scratch single(kBlock);
    Slice result;
    ASSERT_TRUE(
        file_
            ->Read(kBlock, kBlock, IOOptions(), &result, single.data(), nullptr)
            .ok());
    ASSERT_TRUE(single.Holds(result, model_, kBlock, kBlock, true));
    ASSERT_TRUE(Poll(file_system_.get(), HandlesOf(calls)).ok());
    ASSERT_TRUE(AllDelivered(calls, model_)) << "seed " << TestSeed();
  }
}

TEST_P(ReadAsyncTest, TenThousandInQuickSuccession) {
  for (size_t i = 0; i < 10000; ++i) {
    AsyncCall call(i * 7 % 256 * kBlock, kBlock);
    ASSERT_TRUE(call.Start(file_.get()).ok());
    ASSERT_TRUE(Poll(file_system_.get(), {call.handle()}).ok());
    ASSERT_TRUE(call.Delivered(model_)) << "read " << i;
  }
}

TEST_P(ReadAsyncTest, CountedAsServedByARing) {
  auto before = StatisticsOf(file_system_.get());
  const AsyncCalls calls = MakeCalls(10, kFileSize);
  StartAll(calls, file_.get());
  EXPECT_TRUE(Poll(file_system_.get(), HandlesOf(calls)).ok());
  auto after = StatisticsOf(file_system_.get());
  EXPECT_EQ(after["ops.read_async.ring.count"],
            before["ops.read_async.ring.count"] + 10);
  EXPECT_EQ(after["ops.read_async.ring.bytes"],
            before["ops.read_async.ring.bytes"] + 10 * kBlock);
}

INSTANTIATE_TEST_SUITE_P(Modes, ReadAsyncTest, ::testing::Bool(),
                         [](const ::testing::TestParamInfo<bool>& info) {
                           return info.param ? "Direct" : "Buffered";
                         });

}  // namespace
}  // namespace rocksdb_uring
