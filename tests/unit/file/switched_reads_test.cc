// Files that are read while the settings change: each next read follows, reads
// in flight end, and all bytes are right.
//
// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/engine/fake_ring.h"
#include "tests/support/engine/fake_system_calls.h"
#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {
namespace {

using rocksdb::FSReadRequest;
using rocksdb::IOOptions;
using rocksdb::Slice;

class SwitchedReadsTest : public ::testing::Test {
 protected:
  static constexpr size_t kFileSize = 8 << 20;

  void SetUp() override {
    WriteFile(path_, model_);
    // Nothing is found in the page cache.
    calls_.Fail(FakeSystemCalls::kPreadNoWait, FakeSystemCalls::kAlways,
                -EAGAIN);
    EngineOptions options;
    options.ring_factory = kernel_.factory();
    options.system_calls = &calls_;
    engine_ = MakeEngine(options);
  }
  void TearDown() override {
    file_.reset();
    engine_.reset();
    EXPECT_EQ(kernel_.observations().Complaints(), "");
  }

  void Open(bool direct) {
    file_ = OpenOnEngine(engine_, path_, direct, policy_);
    ASSERT_NE(file_, nullptr);
  }
  void SetShare(uint32_t share) {
    FileSettings settings = policy_->settings();
    settings.share = share;
    policy_->Change(settings);
  }
  void SetReads(PathChoice reads) {
    FileSettings settings = policy_->settings();
    settings.paths.reads = reads;
    policy_->Change(settings);
  }

  void ExpectRead(uint64_t offset, size_t length) {
    Scratch scratch(length);
    Slice result;
    const rocksdb::IOStatus status = file_->Read(
        offset, length, IOOptions(), &result, scratch.data(), nullptr);
    ASSERT_TRUE(status.ok()) << status.ToString();
    EXPECT_TRUE(scratch.Holds(result, model_, offset, length, false));
  }
  void Scan(uint64_t from, uint64_t to, size_t length = kBlock) {
    for (uint64_t offset = from; offset < to; offset += length) {
      ExpectRead(offset, length);
    }
  }
  void ExpectMultiRead(size_t count) {
    Scratch scratch(count * kBlock);
    std::vector<FSReadRequest> requests(count);
    for (size_t i = 0; i < count; ++i) {
      requests[i].offset = (7 * i + 3) * kBlock;
      requests[i].len = kBlock;
      requests[i].scratch = scratch.data() + i * kBlock;
    }
    ASSERT_TRUE(
        file_->MultiRead(requests.data(), count, IOOptions(), nullptr).ok());
    for (const FSReadRequest& request : requests) {
      EXPECT_TRUE(request.status.ok()) << request.status.ToString();
      EXPECT_EQ(request.result.ToString(),
                Expected(model_, request.offset, kBlock));
    }
  }

  uint64_t requests() const { return kernel_.observations().requests; }
  uint64_t Plain(StatKind kind) const {
    const Statistics* const plain = engine_->plain_statistics();
    return plain == nullptr ? 0
                            : plain->Snapshot().op(kind, IoPath::kPosix).count;
  }
  uint64_t Inside(StatKind kind) const {
    return engine_->statistics()->Snapshot().op(kind).count;
  }

  TempDir directory_;
  const std::string path_ = directory_.file("000041.sst");
  const std::string model_ = RandomBytes(kFileSize, 41);
  FakeKernel kernel_;
  FakeSystemCalls calls_;
  const std::shared_ptr<FilePolicy> policy_ = PolicyOf({});
  std::shared_ptr<SharedEngine> engine_;
  std::unique_ptr<rocksdb::FSRandomAccessFile> file_;
};

TEST_F(SwitchedReadsTest, ABatchFollowsAtOnce) {
  SkipWithoutDirectReads(true, path_);
  Open(/*direct=*/true);
  ExpectMultiRead(32);
  EXPECT_EQ(requests(), 32u);
  SetShare(0);
  ExpectMultiRead(32);
  EXPECT_EQ(requests(), 32u);
  EXPECT_EQ(calls_.count(FakeSystemCalls::kPread), 32u);
  EXPECT_EQ(Plain(StatKind::kMultiRead), 32u);
  EXPECT_EQ(Inside(StatKind::kMultiRead), 32u);
  SetShare(100);
  ExpectMultiRead(32);
  EXPECT_EQ(requests(), 64u);
}

// RocksDB's own file system announces nothing and reads one after the other.
TEST_F(SwitchedReadsTest, ABufferedBatchOutsideTheShareOnlyReads) {
  Open(/*direct=*/false);
  SetShare(0);
  const uint64_t before = calls_.total();
  ExpectMultiRead(20);
  EXPECT_EQ(calls_.count(FakeSystemCalls::kPread), 20u);
  EXPECT_EQ(calls_.total() - before, 20u);
}

TEST_F(SwitchedReadsTest, ABufferedStreamOutsideTheShareAnnouncesNothing) {
  Open(/*direct=*/false);
  Scan(0, 1 << 20);
  EXPECT_GT(calls_.count(FakeSystemCalls::kWillNeed), 0u);
  SetShare(0);
  const uint64_t before = calls_.total();
  Scan(1 << 20, 2 << 20);
  EXPECT_EQ(calls_.total() - before, (1u << 20) / kBlock);
  EXPECT_EQ(Plain(StatKind::kRead), (1u << 20) / kBlock);
  const uint64_t announced = calls_.count(FakeSystemCalls::kWillNeed);
  SetShare(100);
  Scan(2 << 20, 3 << 20);
  EXPECT_GT(calls_.count(FakeSystemCalls::kWillNeed), announced);
}

TEST_F(SwitchedReadsTest, AWindowGoesWithTheNextRead) {
  SkipWithoutDirectReads(true, path_);
  for (const bool by_share : {true, false}) {
    SCOPED_TRACE(by_share);
    Open(/*direct=*/true);
    Scan(0, 1 << 20);
    EXPECT_GT(Inside(StatKind::kReadAhead), 0u);
    EXPECT_GT(engine_->read_ahead_bytes(), 0u);
    by_share ? SetShare(0) : SetReads(PathChoice::kPosix);
    const uint64_t before = requests();
    const uint64_t inside = Inside(StatKind::kRead);
    Scan(1 << 20, 2 << 20);
    EXPECT_EQ(engine_->read_ahead_bytes(), 0u);
    // Those that cancelled what was in flight apart.
    EXPECT_LE(requests() - before, kernel_.observations().cancels);
    EXPECT_EQ(Inside(StatKind::kRead) > inside, !by_share);
    by_share ? SetShare(100) : SetReads(PathChoice::kAuto);
    Scan(2 << 20, 3 << 20);
    EXPECT_GT(engine_->read_ahead_bytes(), 0u);
  }
}

// The kernel may write to its buffers until it ends.
TEST_F(SwitchedReadsTest, AWindowInFlightIsEndedFirst) {
  SkipWithoutDirectReads(true, path_);
  Open(/*direct=*/true);
  kernel_.SetRequestScript([](const RingRequest& request, uint64_t) {
    FakeKernel::Verdict verdict;
    verdict.withheld = request.opcode == RingOpcode::kRead;
    return verdict;
  });
  // The third read would wait for the window that the second has started.
  Scan(0, 2 * kBlock);
  ASSERT_TRUE(kernel_.AwaitWithheld(1));
  SetShare(0);
  // The cancel request ends it.
  Scan(2 * kBlock, 1 << 20);
  EXPECT_GT(kernel_.observations().cancels, 0u);
  EXPECT_EQ(kernel_.withheld(), 0u);
  EXPECT_EQ(engine_->read_ahead_bytes(), 0u);
  EXPECT_EQ(Plain(StatKind::kRead), (1u << 20) / kBlock - 2);
}

TEST_F(SwitchedReadsTest, AsynchronousReadsInFlightEndWhenTheyArePolled) {
  Open(/*direct=*/false);
  const auto file_system = OpenFileSystem("");
  kernel_.WithholdAll();
  AsyncCalls before = MakeCalls(10, kFileSize);
  StartAll(before, file_.get());
  SetShare(0);
  const uint64_t submitted = requests();
  AsyncCalls after = MakeCalls(10, kFileSize, 10);
  StartAll(after, file_.get());
  EXPECT_EQ(requests(), submitted);
  EXPECT_EQ(Plain(StatKind::kReadAsync), 10u);
  for (const auto& call : after) {
    EXPECT_EQ(call->handle() == nullptr, kNullHandleMeansDelivered);
  }
  kernel_.StopWithholding();
  std::vector<void*> handles = HandlesOf(before);
  for (void* const handle : HandlesOf(after)) {
    handles.push_back(handle);
  }
  EXPECT_TRUE(Poll(file_system.get(), handles).ok());
  EXPECT_TRUE(AllDelivered(before, model_));
  EXPECT_TRUE(AllDelivered(after, model_));
}

// RocksDB fails a scan that gets NotSupported after it has begun.
TEST_F(SwitchedReadsTest, NotSupportedOnlyIfItHasAlwaysBeenSo) {
  policy_->Set(PolicyOf({PathChoice::kPosix})->settings());
  Open(/*direct=*/false);
  AsyncCall refused(0, kBlock);
  EXPECT_TRUE(refused.Start(file_.get()).IsNotSupported());
  SetReads(PathChoice::kAuto);
  SetReads(PathChoice::kPosix);
  const auto file_system = OpenFileSystem("");
  AsyncCall served(0, kBlock);
  EXPECT_TRUE(served.Start(file_.get()).ok());
  EXPECT_TRUE(Poll(file_system.get(), {served.handle()}).ok());
  EXPECT_TRUE(served.Delivered(model_));
  EXPECT_EQ(requests(), 0u);
}

TEST_F(SwitchedReadsTest, ThreadsReadWhileTheSettingsChange) {
  SkipWithoutDirectReads(true, path_);
  Open(/*direct=*/true);
  std::atomic<bool> stop{false};
  Threads threads;
  threads.Start([&] {
    for (uint32_t i = 0; !stop; ++i) {
      SetShare(i % 2 * 100);
      std::this_thread::yield();
    }
  });
  for (uint64_t t = 0; t < 3; ++t) {
    threads.Start([&, t] {
      Scan(t << 20, (t + 2) << 20);
      for (int i = 0; i < 20; ++i) {
        ExpectMultiRead(16);
      }
      if (t == 2) {
        stop = true;
      }
    });
  }
  threads.Join();
  EXPECT_GT(Plain(StatKind::kRead), 0u);
  EXPECT_GT(Inside(StatKind::kRead), 0u);
}

}  // namespace
}  // namespace rocksdb_uring
