// Reads in bursts, as a coroutine MultiGet makes them: what is kept back, for
// how long, and how many system calls it takes.
#include <cerrno>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "tests/file/async_seam_fixture.h"

namespace rocksdb_uring {
namespace {

// Groups, and the smaller ones before them.
uint64_t SubmitsMax(bool direct, size_t reads) {
  return direct ? reads / ReadBurst::kDirectGroup + 2
                : reads / ReadBurst::kBufferedGroup + 1;
}

std::string NameOfMode(const ::testing::TestParamInfo<bool>& info) {
  return info.param ? "Direct" : "Buffered";
}

// Direct or not.
class ReadBurstTest : public AsyncSeamTest,
                      public ::testing::WithParamInterface<bool> {
 protected:
  // A burst of so many of which the last are kept back.
  static constexpr size_t kUneven = 7;
  static constexpr size_t kUnevenStartedDirect = 4;
  static constexpr size_t kUnevenStartedBuffered = 6;

  void SetUp() override {
    AsyncSeamTest::SetUp();
    SkipWithoutDirectReads(GetParam(), path_);
    file_ = OpenOnEngine(engine_, path_, GetParam());
    ASSERT_NE(file_, nullptr);
  }

  static size_t started() {
    return GetParam() ? kUnevenStartedDirect : kUnevenStartedBuffered;
  }
  // Reads `count` blocks with one Poll, as a coroutine MultiGet does.
  void Burst(size_t count) {
    const AsyncCalls calls = MakeCalls(count, kFileSize);
    StartAll(calls, file_.get());
    EXPECT_TRUE(Poll(file_system_.get(), HandlesOf(calls)).ok());
    EXPECT_TRUE(AllDelivered(calls, model_));
  }
};

TEST_P(ReadBurstTest, ALoneReadStartsAtOnceWhateverCameBefore) {
  Burst(32);
  kernel_.WithholdAll();
  const AsyncCalls calls = MakeCalls(1, kFileSize);
  StartAll(calls, file_.get());
  EXPECT_EQ(kernel_.withheld(), 1u);
  kernel_.StopWithholding();
  EXPECT_TRUE(Poll(file_system_.get(), HandlesOf(calls)).ok());
}

// An iterator starts two and computes.
TEST_P(ReadBurstTest, SmallBurstsAreNeverKeptBack) {
  for (int round = 0; round < 10; ++round) {
    kernel_.WithholdAll();
    const AsyncCalls calls = MakeCalls(ReadBurst::kReadsMin - 1, kFileSize);
    StartAll(calls, file_.get());
    EXPECT_EQ(kernel_.withheld(), calls.size());
    kernel_.StopWithholding();
    EXPECT_TRUE(Poll(file_system_.get(), HandlesOf(calls)).ok());
    EXPECT_TRUE(AllDelivered(calls, model_));
  }
}

TEST_P(ReadBurstTest, ABurstAfterBurstsTakesFewSystemCalls) {
  Burst(32);
  for (const size_t count : {4, 8, 32, 64}) {
    const FakeKernel::Observations before = kernel_.observations();
    const uint64_t counted = Count(StatEvent::kSubmitCall);
    Burst(count);
    const uint64_t submits = kernel_.observations().submits - before.submits;
    EXPECT_LE(submits, SubmitsMax(GetParam(), count)) << count;
    EXPECT_LT(submits, count);
    EXPECT_EQ(Count(StatEvent::kSubmitCall) - counted, submits);
  }
}

// One wait for all of them, in whatever order they come.
TEST_P(ReadBurstTest, PollOfWhatIsThereStartsTheOthersToo) {
  Burst(32);
  const AsyncCalls first = MakeCalls(1, kFileSize);
  StartAll(first, file_.get());
  EXPECT_TRUE(Poll(file_system_.get(), HandlesOf(first)).ok());
  Burst(32);
  kernel_.WithholdAll();
  const AsyncCalls calls = MakeCalls(kUneven, kFileSize);
  StartAll(calls, file_.get());
  ASSERT_EQ(kernel_.withheld(), started());
  EXPECT_TRUE(Poll(file_system_.get(), HandlesOf(first)).ok());
  EXPECT_EQ(kernel_.withheld(), calls.size());
  kernel_.StopWithholding();
  EXPECT_TRUE(Poll(file_system_.get(), HandlesOf(calls)).ok());
  EXPECT_TRUE(AllDelivered(calls, model_));
}

TEST_P(ReadBurstTest, ABurstThatGoesOnIsNotKeptBackForEver) {
  Burst(8);
  kernel_.WithholdAll();
  const AsyncCalls calls = MakeCalls(8 * ReadBurst::kGrowthMax + 7, kFileSize);
  StartAll(calls, file_.get());
  EXPECT_EQ(kernel_.withheld(), calls.size());
  kernel_.StopWithholding();
  EXPECT_TRUE(Poll(file_system_.get(), HandlesOf(calls)).ok());
}

TEST_P(ReadBurstTest, WhatIsKeptBackStartsBeforeASynchronousRead) {
  for (const bool batch : {false, true}) {
    Burst(32);
    const uint64_t before = kernel_.observations().requests;
    const AsyncCalls calls = MakeCalls(kUneven, kFileSize);
    StartAll(calls, file_.get());
    EXPECT_EQ(kernel_.observations().requests, before + started())
        << "not kept back";
    const Scratch scratch(kBlock);
    rocksdb::FSReadRequest request;
    request.offset = 0;
    request.len = kBlock;
    request.scratch = scratch.data();
    if (batch) {
      EXPECT_TRUE(file_->MultiRead(&request, 1, {}, nullptr).ok());
    } else {
      EXPECT_TRUE(
          file_->Read(0, kBlock, {}, &request.result, request.scratch, nullptr)
              .ok());
    }
    EXPECT_TRUE(scratch.Holds(request.result, model_, 0, kBlock, true));
    EXPECT_EQ(kernel_.observations().requests, before + kUneven);
    EXPECT_TRUE(Poll(file_system_.get(), HandlesOf(calls)).ok());
    EXPECT_TRUE(AllDelivered(calls, model_));
  }
}

// The one that keeps them back never polls.
TEST_P(ReadBurstTest, AnotherThreadPollsAbortsOrDeletesWhatIsKeptBack) {
  const std::function<void(const AsyncCalls&)> ends[] = {
      [this](const AsyncCalls& calls) {
        EXPECT_TRUE(Poll(file_system_.get(), HandlesOf(calls)).ok());
        EXPECT_TRUE(AllDelivered(calls, model_));
      },
      [this](const AsyncCalls& calls) {
        EXPECT_TRUE(Abort(file_system_.get(), HandlesOf(calls)).ok());
        for (const auto& call : calls) {
          EXPECT_TRUE(call->DeliveredOrAborted(model_));
        }
      },
      [](const AsyncCalls& calls) {
        for (const auto& call : calls) {
          call->Delete();
        }
      }};
  for (const auto& end : ends) {
    Burst(32);
    const uint64_t before = kernel_.observations().requests;
    const AsyncCalls calls = MakeCalls(kUneven, kFileSize);
    StartAll(calls, file_.get());
    EXPECT_EQ(kernel_.observations().requests, before + started())
        << "not kept back";
    std::thread([&] { end(calls); }).join();
    EXPECT_TRUE(Poll(file_system_.get(), {}).ok());
  }
}

TEST_P(ReadBurstTest, TheRingDiesWithReadsThatAreKeptBack) {
  Burst(32);
  const AsyncCalls calls = MakeCalls(kUneven, kFileSize);
  StartAll(calls, file_.get());
  kernel_.SetSubmitError(-EBADF);
  EXPECT_TRUE(Poll(file_system_.get(), HandlesOf(calls)).ok());
  EXPECT_TRUE(AllDelivered(calls, model_));
  EXPECT_EQ(calls_.count(FakeSystemCalls::kPread), kUneven - started());
  kernel_.SetSubmitError(0);
}

INSTANTIATE_TEST_SUITE_P(Modes, ReadBurstTest, ::testing::Bool(), NameOfMode);

// On the kernel's rings, and through the statistics that a user sees.
class RealReadBurstTest : public ::testing::TestWithParam<bool> {};

TEST_P(RealReadBurstTest, OverManyFilesWithMultiReadBetween) {
  SkipWithoutRing();
  constexpr size_t kFiles = 8;
  constexpr size_t kRounds = 10;
  *ReadBurst::OfThisThread() = ReadBurst();
  TempDir directory;
  const std::string model = RandomBytes(1 << 20, 17);
  const auto file_system = OpenFileSystem("reads=uring");
  std::vector<std::unique_ptr<rocksdb::FSRandomAccessFile>> files;
  for (size_t i = 0; i < kFiles; ++i) {
    const std::string path = directory.file(std::to_string(200 + i) + ".sst");
    WriteFile(path, model);
    SkipWithoutDirectReads(GetParam(), path);
    DropCache(path);
    files.push_back(OpenRandomAccess(file_system.get(), path, GetParam()));
  }
  const auto burst = [&](bool multi_read) {
    const AsyncCalls calls = MakeCalls(32, model.size());
    for (size_t i = 0; i < calls.size(); ++i) {
      ASSERT_TRUE(calls[i]->Start(files[i % kFiles].get()).ok());
      if (multi_read && i == 20) {
        const Scratch scratch(kBlock);
        rocksdb::FSReadRequest request;
        request.offset = 3 * kBlock;
        request.len = kBlock;
        request.scratch = scratch.data();
        ASSERT_TRUE(files[0]->MultiRead(&request, 1, {}, nullptr).ok());
        EXPECT_TRUE(
            scratch.Holds(request.result, model, 3 * kBlock, kBlock, true));
      }
    }
    EXPECT_TRUE(Poll(file_system.get(), HandlesOf(calls)).ok());
    EXPECT_TRUE(AllDelivered(calls, model));
  };
  burst(false);
  for (const bool multi_read : {false, true}) {
    auto before = StatisticsOf(file_system.get());
    for (size_t i = 0; i < kRounds; ++i) {
      burst(multi_read);
    }
    auto after = StatisticsOf(file_system.get());
    EXPECT_EQ(after["ops.read_async.ring.count"] -
                  before["ops.read_async.ring.count"],
              32 * kRounds);
    const uint64_t submits =
        after["events.submit_calls"] - before["events.submit_calls"];
    EXPECT_GT(submits, 0u);
    // A call for what MultiRead starts, and one for its own read.
    EXPECT_LE(submits,
              kRounds * (SubmitsMax(GetParam(), 32) + (multi_read ? 2 : 0)));
  }
}

INSTANTIATE_TEST_SUITE_P(Modes, RealReadBurstTest, ::testing::Bool(),
                         NameOfMode);

}  // namespace
}  // namespace rocksdb_uring
