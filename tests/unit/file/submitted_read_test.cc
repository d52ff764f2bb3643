// SubmitReadAsync: on a loop of the engine, and everywhere else.
//
// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <cerrno>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "env/base/aligned_buffer.h"
#include "env/file/random_access_file.h"
#include "tests/unit/engine/loop_work.h"
#include "tests/unit/file/async_seam_fixture.h"

namespace rocksdb_uring {
namespace {

using rocksdb::FSReadRequest;
using rocksdb::IOOptions;

// One read and what has come of it.
struct Submitted {
  Submitted(uint64_t offset, size_t length) : buffer(length, kBlock) {
    request.offset = offset;
    request.len = length;
    request.scratch = buffer.data();
    request.status.PermitUncheckedError();
  }

  bool Submit(UringRandomAccessFile* file,
              const IOOptions& options = IOOptions()) {
    const bool taken = file->SubmitReadAsync(
        request, options,
        [this](FSReadRequest& answer) {
          EXPECT_EQ(&answer, &request);
          thread = std::this_thread::get_id();
          ++callbacks;
        },
        nullptr);
    callbacks_inside = callbacks;
    return taken;
  }
  ::testing::AssertionResult Matches(const std::string& model) const {
    if (!request.status.ok()) {
      return ::testing::AssertionFailure() << request.status.ToString();
    }
    return request.result.ToString() ==
                   model.substr(std::min<size_t>(request.offset, model.size()),
                                request.len)
               ? ::testing::AssertionSuccess()
               : ::testing::AssertionFailure() << "other bytes";
  }

  static constexpr size_t kBlock = 4096;

  AlignedBuffer buffer;
  FSReadRequest request;
  std::thread::id thread;
  std::atomic<int> callbacks{0};
  int callbacks_inside = -1;
};

class SubmittedReadTest : public AsyncSeamTest {
 protected:
  void SetUp() override {
    AsyncSeamTest::SetUp();
    StartLoop();
  }
  void TearDown() override {
    work_.reset();
    AsyncSeamTest::TearDown();
  }

  void StartLoop() {
    work_ = std::make_unique<LoopWork>();
    ASSERT_TRUE(work_->StartOn(
        [this](RingLoop::Work* work) { return engine_->StartLoop(work); }));
    work_->AddAndWait([this] { loop_thread_ = std::this_thread::get_id(); });
  }

  UringRandomAccessFile* file() const {
    return static_cast<UringRandomAccessFile*>(file_.get());
  }
  using Reads = std::vector<std::unique_ptr<Submitted>>;
  static Reads MakeReads(size_t count) {
    Reads reads;
    for (size_t i = 0; i < count; ++i) {
      reads.push_back(
          std::make_unique<Submitted>(i * kBlock % kFileSize, kBlock));
    }
    return reads;
  }
  void SubmitOnLoop(const Reads& reads) {
    work_->AddAndWait([this, &reads] {
      for (const auto& read : reads) {
        EXPECT_TRUE(read->Submit(file()));
      }
    });
  }
  void ExpectDelivered(const Reads& reads) {
    for (const auto& read : reads) {
      while (read->callbacks == 0) {
        std::this_thread::yield();
      }
    }
    // Callbacks have returned.
    work_->AddAndWait([] {});
    for (const auto& read : reads) {
      ASSERT_EQ(read->callbacks, 1);
      ASSERT_TRUE(read->Matches(model_));
      ASSERT_EQ(read->thread, loop_thread_);
    }
  }
  uint64_t Ops(IoPath path) const {
    return engine_->statistics()
        ->Snapshot()
        .op(StatKind::kReadAsync, path)
        .count;
  }

  static constexpr size_t kBlock = Submitted::kBlock;
  std::unique_ptr<LoopWork> work_;
  std::thread::id loop_thread_;
};

TEST_F(SubmittedReadTest, AThousandReadsOnALoop) {
  const Reads reads = MakeReads(1000);
  SubmitOnLoop(reads);
  ExpectDelivered(reads);
  EXPECT_EQ(Ops(IoPath::kRing), 1000u);
  EXPECT_EQ(Count(StatEvent::kLoopRead), 1000u);
}

TEST_F(SubmittedReadTest, CallbacksRunOutsideTheCall) {
  kernel_.WithholdAll();
  const Reads reads = MakeReads(20);
  SubmitOnLoop(reads);
  for (const auto& read : reads) {
    EXPECT_EQ(read->callbacks_inside, 0);
  }
  kernel_.StopWithholding();
  ExpectDelivered(reads);
}

TEST_F(SubmittedReadTest, DirectReads) {
  SkipWithoutDirectReads(true, path_);
  file_ = OpenOnEngine(engine_, path_, /*direct=*/true);
  const Reads reads = MakeReads(100);
  SubmitOnLoop(reads);
  ExpectDelivered(reads);
  EXPECT_EQ(Ops(IoPath::kRing), 100u);
}

TEST_F(SubmittedReadTest, TheFileMayGoBeforeItsReads) {
  kernel_.WithholdAll();
  const Reads reads = MakeReads(20);
  SubmitOnLoop(reads);
  file_.reset();
  kernel_.StopWithholding();
  ExpectDelivered(reads);
}

TEST_F(SubmittedReadTest, ThePageCacheAnswersInsideTheCall) {
  // Not every filesystem reads without waiting.
  calls_.CacheEverything();
  calls_.Fail(FakeSystemCalls::kPreadNoWait, 0, 0);
  Reads reads = MakeReads(1);
  SubmitOnLoop(reads);
  EXPECT_EQ(reads[0]->callbacks_inside, 1);
  ExpectDelivered(reads);
  EXPECT_EQ(Ops(IoPath::kPageCache), 1u);
}

TEST_F(SubmittedReadTest, OtherThreadsRead) {
  Submitted read(kBlock, 1000);
  EXPECT_FALSE(read.Submit(file()));
  EXPECT_EQ(read.callbacks_inside, 1);
  EXPECT_TRUE(read.Matches(model_));
  EXPECT_EQ(read.thread, std::this_thread::get_id());
  EXPECT_EQ(Count(StatEvent::kLoopRead), 0u);
}

TEST_F(SubmittedReadTest, ATimeoutIsKept) {
  kernel_.WithholdAll();
  Submitted late(kBlock, 1000);
  Submitted in_time(2 * kBlock, 1000);
  work_->AddAndWait([&] {
    IOOptions options;
    options.timeout = std::chrono::microseconds(5000);
    EXPECT_TRUE(late.Submit(file(), options));
    options.timeout = std::chrono::minutes(1);
    EXPECT_TRUE(in_time.Submit(file(), options));
  });
  EXPECT_EQ(late.callbacks_inside, 0);
  while (late.callbacks == 0) {
    std::this_thread::yield();
  }
  EXPECT_EQ(in_time.callbacks, 0);
  kernel_.StopWithholding();
  while (in_time.callbacks == 0) {
    std::this_thread::yield();
  }
  work_->AddAndWait([] {});
  EXPECT_TRUE(late.request.status.IsTimedOut())
      << late.request.status.ToString();
  EXPECT_TRUE(in_time.Matches(model_));
  EXPECT_EQ(late.thread, loop_thread_);
  EXPECT_EQ(in_time.thread, loop_thread_);
}

TEST_F(SubmittedReadTest, TheEndOfTheFileIsNoError) {
  Reads reads;
  reads.push_back(std::make_unique<Submitted>(kFileSize - 100, kBlock));
  reads.push_back(std::make_unique<Submitted>(kFileSize + 100, kBlock));
  reads.push_back(std::make_unique<Submitted>(0, 0));
  SubmitOnLoop(reads);
  ExpectDelivered(reads);
  EXPECT_EQ(reads[0]->request.result.size(), 100u);
  EXPECT_EQ(reads[1]->request.result.size(), 0u);
}

TEST_F(SubmittedReadTest, POSIXIsTriedBeforeAReadFails) {
  kernel_.SetRequestScript([](const RingRequest&, uint64_t n) {
    FakeKernel::Verdict verdict;
    verdict.error = n == 0 ? -EIO : 0;
    return verdict;
  });
  const Reads reads = MakeReads(2);
  SubmitOnLoop(reads);
  ExpectDelivered(reads);
  EXPECT_EQ(Count(StatEvent::kPosixRescue), 1u);
}

TEST_F(SubmittedReadTest, AFailureNamesFileAndPlace) {
  kernel_.SetRequestScript([](const RingRequest&, uint64_t) {
    FakeKernel::Verdict verdict;
    verdict.error = -EIO;
    return verdict;
  });
  calls_.Fail(FakeSystemCalls::kPread, FakeSystemCalls::kAlways, -EIO);
  Submitted read(kBlock, 1000);
  work_->AddAndWait([&] { EXPECT_TRUE(read.Submit(file())); });
  while (read.callbacks == 0) {
    std::this_thread::yield();
  }
  work_->AddAndWait([] {});
  EXPECT_TRUE(read.request.status.IsIOError());
  EXPECT_EQ(read.request.result.size(), 0u);
  const std::string text = read.request.status.ToString();
  EXPECT_NE(text.find(path_), std::string::npos) << text;
  EXPECT_NE(text.find("offset 4096 len 1000"), std::string::npos) << text;
}

}  // namespace
}  // namespace rocksdb_uring
