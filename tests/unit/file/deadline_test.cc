// IOOptions::timeout on a device that does not answer: every kind of read ends
// at its deadline, others go on, and memory of the caller is left alone.
//
// SPDX-License-Identifier: Apache-2.0
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "env/engine/deadline_reads.h"
#include "tests/support/engine/fake_ring.h"
#include "tests/support/engine/fake_system_calls.h"
#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {
namespace {

using rocksdb::FSReadRequest;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;
using std::chrono::microseconds;

constexpr microseconds kShort(2000);
constexpr microseconds kLong(60 * 1000 * 1000);

IOOptions Within(microseconds time) {
  IOOptions options;
  options.timeout = time;
  return options;
}

class DeadlineFileTest : public ::testing::TestWithParam<bool> {
 protected:
  static constexpr size_t kFileSize = 4 << 20;

  void SetUp() override {
    WriteFile(path_, model_);
    SkipWithoutDirectReads(direct(), path_);
    // Reads take the ring, although the page cache has it all.
    calls_.Fail(FakeSystemCalls::kPreadNoWait, FakeSystemCalls::kAlways,
                -EAGAIN);
    file_system_ = OpenFileSystem("");
    Open(EngineOptions(), PathChoices());
  }

  void TearDown() override {
    kernel_.StopWithholding();
    if (engine_ != nullptr) {
      EXPECT_TRUE(Settles());
    }
    file_.reset();
    engine_.reset();
    EXPECT_EQ(kernel_.observations().Complaints(), "");
  }

  static bool direct() { return GetParam(); }

  void Open(EngineOptions options, const PathChoices& paths) {
    file_.reset();
    options.ring_factory = kernel_.factory();
    options.system_calls = &calls_;
    engine_ = MakeEngine(options);
    file_ = OpenOnEngine(engine_, path_, direct(), PolicyOf(paths));
    ASSERT_NE(file_, nullptr);
  }

  // The device keeps what is read from `offset` on, and does not let go of it.
  void HangFrom(uint64_t offset) {
    kernel_.SetRequestScript([offset](const RingRequest& request, uint64_t) {
      FakeKernel::Verdict verdict;
      verdict.withheld = request.offset >= offset;
      verdict.cancelable = false;
      return verdict;
    });
  }

  IOStatus Read(uint64_t offset, size_t length, microseconds time) {
    Scratch scratch(length);
    Slice result;
    const IOStatus status = file_->Read(offset, length, Within(time), &result,
                                        scratch.data(), nullptr);
    if (status.ok()) {
      EXPECT_TRUE(scratch.Holds(result, model_, offset, length, false));
    } else {
      EXPECT_EQ(result.size(), 0u);
    }
    return status;
  }

  uint64_t Count(StatEvent event) {
    return engine_->statistics()->Snapshot().event(event);
  }

  bool Settles() {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (engine_->InFlight().abandoned > 0 &&
           std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return engine_->InFlight().abandoned == 0;
  }

  TempDir directory_;
  const std::string path_ = directory_.file("000019.sst");
  const std::string model_ = RandomBytes(kFileSize, 19);
  FakeKernel kernel_;
  FakeSystemCalls calls_;
  std::shared_ptr<rocksdb::FileSystem> file_system_;
  std::shared_ptr<SharedEngine> engine_;
  std::unique_ptr<rocksdb::FSRandomAccessFile> file_;
};

TEST_P(DeadlineFileTest, ReadsInTime) {
  EXPECT_TRUE(Read(3 * kBlock, kBlock, kLong).ok());
  EXPECT_TRUE(Read(kFileSize - kBlock, 4 * kBlock, kLong).ok());
  EXPECT_GT(engine_->statistics()
                ->Snapshot()
                .op(StatKind::kRead, IoPath::kRing)
                .count,
            0u);
}

TEST_P(DeadlineFileTest, ALateReadIsTimedOut) {
  HangFrom(2 << 20);
  const IOStatus status = Read(2 << 20, kBlock, kShort);
  EXPECT_TRUE(status.IsTimedOut()) << status.ToString();
  EXPECT_FALSE(status.GetRetryable());
  EXPECT_NE(status.ToString().find(path_), std::string::npos);
  EXPECT_NE(status.ToString().find("deadline"), std::string::npos);
  EXPECT_EQ(engine_->InFlight().abandoned, 1u);
  EXPECT_GT(engine_->InFlight().abandoned_bytes, 0u);
  EXPECT_EQ(Count(StatEvent::kDeadlineMissed), 1u);
  // Others go on.
  EXPECT_TRUE(Read(0, kBlock, kShort * 1000).ok());
  kernel_.StopWithholding();
  EXPECT_TRUE(Settles());
  EXPECT_TRUE(Read(2 << 20, kBlock, kLong).ok());
}

TEST_P(DeadlineFileTest, AFileMayBeClosedBeforeItsReadHasEnded) {
  HangFrom(0);
  EXPECT_TRUE(Read(0, kBlock, kShort).IsTimedOut());
  const size_t open = OpenDescriptors();
  file_.reset();
  EXPECT_EQ(OpenDescriptors(), open) << "the device may still read it";
  kernel_.StopWithholding();
  EXPECT_TRUE(Settles());
}

TEST_P(DeadlineFileTest, BatchesKeepWhatHasCome) {
  HangFrom(8 * kBlock);
  const size_t count = 16;
  const Scratch scratch(count * kBlock);
  std::vector<FSReadRequest> requests(count);
  for (size_t i = 0; i < count; ++i) {
    requests[i].offset = i * kBlock;
    requests[i].len = kBlock;
    requests[i].scratch = scratch.data() + i * kBlock;
  }
  EXPECT_TRUE(
      file_->MultiRead(requests.data(), count, Within(kShort * 50), nullptr)
          .ok());
  for (size_t i = 0; i < count; ++i) {
    if (i < 8) {
      EXPECT_TRUE(requests[i].status.ok()) << requests[i].status.ToString();
      EXPECT_EQ(requests[i].result.ToString(),
                model_.substr(i * kBlock, kBlock));
    } else {
      EXPECT_TRUE(requests[i].status.IsTimedOut());
      EXPECT_EQ(requests[i].result.size(), 0u);
    }
  }
}

TEST_P(DeadlineFileTest, PollEndsAtTheDeadline) {
  HangFrom(8 * kBlock);
  AsyncCall in_time(0, kBlock);
  AsyncCall late(8 * kBlock, kBlock);
  ASSERT_TRUE(in_time.Start(file_.get(), Within(kLong)).ok());
  ASSERT_TRUE(late.Start(file_.get(), Within(kShort)).ok());
  EXPECT_TRUE(Poll(file_system_.get(), {in_time.handle(), late.handle()}).ok());
  EXPECT_TRUE(in_time.Delivered(model_));
  EXPECT_EQ(late.callbacks(), 1);
  EXPECT_TRUE(late.status().IsTimedOut()) << late.status().ToString();
  EXPECT_EQ(late.result_size(), 0u);
}

TEST_P(DeadlineFileTest, PollWaitsForThoseWithoutDeadline) {
  HangFrom(8 * kBlock);
  AsyncCall patient(9 * kBlock, kBlock);
  AsyncCall late(8 * kBlock, kBlock);
  ASSERT_TRUE(patient.Start(file_.get()).ok());
  ASSERT_TRUE(late.Start(file_.get(), Within(kShort)).ok());
  std::thread device([this] {
    // Let go once the late one has been given up.
    while (Count(StatEvent::kDeadlineMissed) == 0) {
      std::this_thread::yield();
    }
    kernel_.StopWithholding();
  });
  EXPECT_TRUE(Poll(file_system_.get(), {patient.handle(), late.handle()}).ok());
  device.join();
  EXPECT_TRUE(patient.Delivered(model_));
  EXPECT_TRUE(late.status().IsTimedOut()) << late.status().ToString();
}

TEST_P(DeadlineFileTest, AbortAndDeletionDoNotWait) {
  HangFrom(0);
  AsyncCall aborted(0, kBlock);
  AsyncCall deleted(kBlock, kBlock);
  ASSERT_TRUE(aborted.Start(file_.get(), Within(kLong)).ok());
  ASSERT_TRUE(deleted.Start(file_.get(), Within(kLong)).ok());
  EXPECT_TRUE(Abort(file_system_.get(), {aborted.handle()}).ok());
  EXPECT_EQ(aborted.callbacks(), 1);
  EXPECT_TRUE(aborted.status().IsAborted()) << aborted.status().ToString();
  deleted.Delete();
  EXPECT_EQ(deleted.callbacks(), 0);
  EXPECT_EQ(engine_->InFlight().abandoned, 2u);
}

TEST_P(DeadlineFileTest, BeyondTheLimitTheyFailAtOnce) {
  EngineOptions options;
  options.abandoned_max = 2;
  Open(options, PathChoices());
  HangFrom(0);
  EXPECT_TRUE(Read(0, kBlock, kShort).IsTimedOut());
  EXPECT_TRUE(Read(0, kBlock, kShort).IsTimedOut());
  const IOStatus status = Read(0, kBlock, kLong);
  EXPECT_TRUE(status.IsTimedOut()) << status.ToString();
  EXPECT_NE(status.ToString().find("abandoned_max"), std::string::npos)
      << status.ToString();
  AsyncCall call(kBlock, kBlock);
  ASSERT_TRUE(call.Start(file_.get(), Within(kLong)).ok());
  if (call.handle() != nullptr) {
    EXPECT_TRUE(Poll(file_system_.get(), {call.handle()}).ok());
  }
  EXPECT_EQ(call.callbacks(), 1);
  EXPECT_TRUE(call.status().IsTimedOut()) << call.status().ToString();
}

// The device answers when the deadline has passed, and the data are right.
TEST_P(DeadlineFileTest, AreNotKeptWhereTheUserHasSaidSo) {
  kernel_.SetRequestScript([](const RingRequest&, uint64_t) {
    FakeKernel::Verdict verdict;
    verdict.us_late = 10000;
    return verdict;
  });
  EngineOptions none;
  none.deadline_buffer_bytes = 0;
  Open(none, {PathChoice::kUring});
  EXPECT_TRUE(Read(0, kBlock, microseconds(1)).ok());
  Open(EngineOptions(), {PathChoice::kPosix});
  EXPECT_TRUE(Read(0, kBlock, microseconds(1)).ok());
  Open(EngineOptions(), {PathChoice::kPlain});
  EXPECT_TRUE(Read(0, kBlock, microseconds(1)).ok());
}

// Scans forwards and backwards whose windows do not come.
TEST_P(DeadlineFileTest, StreamsEndAndGoOn) {
  for (const bool back : {false, true}) {
    const uint64_t stop = 1 << 20;
    kernel_.SetRequestScript([=](const RingRequest& request, uint64_t) {
      FakeKernel::Verdict verdict;
      verdict.withheld = back ? request.offset < stop : request.offset >= stop;
      verdict.cancelable = false;
      return verdict;
    });
    const auto offset_of = [back](size_t i) {
      return back ? (2 << 20) - (i + 1) * kBlock : i * kBlock;
    };
    size_t at = 0;
    IOStatus status;
    while (status.ok()) {
      ASSERT_LT(at, 600u);
      status = Read(offset_of(at), kBlock, kShort * 10);
      at += status.ok() ? 1 : 0;
    }
    EXPECT_TRUE(status.IsTimedOut()) << status.ToString();
    EXPECT_GE(at, 200u);
    // Again, elsewhere, and from where it has stopped.
    EXPECT_TRUE(Read(offset_of(at), kBlock, kShort).IsTimedOut());
    EXPECT_TRUE(Read(offset_of(0), kBlock, kLong).ok());
    kernel_.StopWithholding();
    for (size_t i = at; i < 500; ++i) {
      ASSERT_TRUE(Read(offset_of(i), kBlock, kLong).ok());
    }
  }
}

TEST_P(DeadlineFileTest, AForkedChildFinishesItsCopy) {
  HangFrom(0);
  AsyncCall call(0, kBlock);
  ASSERT_TRUE(call.Start(file_.get(), Within(kLong)).ok());
  const pid_t child = fork();
  if (child == 0) {
    const bool polled = Poll(file_system_.get(), {call.handle()}).ok();
    _exit(polled && call.Delivered(model_) ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  kernel_.StopWithholding();
  EXPECT_TRUE(Poll(file_system_.get(), {call.handle()}).ok());
  EXPECT_TRUE(call.Delivered(model_));
}

INSTANTIATE_TEST_SUITE_P(, DeadlineFileTest, ::testing::Bool(),
                         [](const ::testing::TestParamInfo<bool>& info) {
                           return info.param ? "Direct" : "Buffered";
                         });

}  // namespace
}  // namespace rocksdb_uring
