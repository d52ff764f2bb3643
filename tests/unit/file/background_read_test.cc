// The small reads of compactions on buffered files: a kernel thread copies many
// of them at once, and every byte is right. All other reads of these files are
// made by the thread that needs them. And the kernel does not read ahead of
// what windows read ahead of.
//
// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include <cerrno>
#include <fstream>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "env/base/file_descriptor.h"
#include "env/file/read_advice.h"
#include "tests/support/engine/fake_ring.h"
#include "tests/support/engine/limited_pace.h"
#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {
namespace {

using rocksdb::Env;
using rocksdb::FSRandomAccessFile;
using rocksdb::IOOptions;
using rocksdb::Slice;

// System calls that note the advice.
class AdvisedCalls final : public SystemCalls {
 public:
  int64_t Advise(int fd, int advice) override {
    given_.push_back(advice);
    return SystemCalls::Advise(fd, advice);
  }
  uint64_t KernelReadAhead(int /*fd*/) override { return kernel_bytes_; }
  // All of it since the last call.
  std::vector<int> Take() { return std::exchange(given_, {}); }

  uint64_t kernel_bytes_ = 8 << 20;

 private:
  std::vector<int> given_;
};

class BackgroundReadTest : public ::testing::Test {
 protected:
  static constexpr size_t kFileSize = (4 << 20) + 1234;

  BackgroundReadTest() { low_.rate_limiter_priority = Env::IO_LOW; }

  void SetUp() override {
    EngineOptions options;
    options.ring_factory = kernel_.factory();
    options.system_calls = &calls_;
    engine_ = MakeEngine(options);
    Open("000017.sst");
  }
  void TearDown() override {
    file_.reset();
    EXPECT_EQ(engine_->read_ahead_bytes(), 0u);
    engine_.reset();
    EXPECT_EQ(kernel_.observations().Complaints(), "");
  }

  void Open(const std::string& name) {
    path_ = directory_.file(name);
    WriteFile(path_, model_);
    file_ = OpenOnEngine(engine_, path_, /*direct=*/false, policy_);
    ASSERT_NE(file_, nullptr);
  }

  void ExpectRead(uint64_t offset, size_t length, const IOOptions& options) {
    Scratch scratch(length);
    Slice result;
    ASSERT_TRUE(
        file_->Read(offset, length, options, &result, scratch.data(), nullptr)
            .ok());
    ASSERT_TRUE(scratch.Holds(result, model_, offset, length, true));
  }
  // Reads of any size that follow one another.
  void Scan(const IOOptions& options, size_t from = 0, size_t to = kFileSize) {
    while (from < to) {
      const size_t length = 1 + random_() % (8 << 10);
      ExpectRead(from, length, options);
      from += length;
    }
  }
  void ScanBack(const IOOptions& options) {
    for (size_t end = kFileSize; end > 0;) {
      const size_t length = std::min<size_t>(end, 1 + random_() % (8 << 10));
      ExpectRead(end - length, length, options);
      end -= length;
    }
  }
  void SetReads(PathChoice reads) {
    FileSettings settings = policy_->settings();
    settings.paths.reads = reads;
    policy_->Change(settings);
  }
  uint64_t Bytes(StatKind kind, IoPath path) {
    return engine_->statistics()->Snapshot().op(kind, path).bytes;
  }

  TempDir directory_;
  std::string path_;
  std::string model_ = RandomBytes(kFileSize, 17);
  std::mt19937_64 random_{TestSeed()};
  IOOptions low_;
  FakeKernel kernel_;
  AdvisedCalls calls_;
  const std::shared_ptr<FilePolicy> policy_ = PolicyOf({});
  std::shared_ptr<SharedEngine> engine_;
  std::unique_ptr<FSRandomAccessFile> file_;
};

TEST_F(BackgroundReadTest, ComeFromWindowsThatAKernelThreadFills) {
  kernel_.SetRequestScript([](const RingRequest& request, uint64_t) {
    EXPECT_TRUE(request.by_worker);
    return FakeKernel::Verdict();
  });
  Scan(low_);
  EXPECT_GT(Bytes(StatKind::kReadAhead, IoPath::kRing), kFileSize * 9 / 10);
  EXPECT_GT(Bytes(StatKind::kRead, IoPath::kReadAhead), kFileSize * 9 / 10);
  ScanBack(low_);
  EXPECT_GT(Bytes(StatKind::kRead, IoPath::kReadAhead), kFileSize * 18 / 10);
}

TEST_F(BackgroundReadTest, AreHeldBackOnASlowDevice) {
  const FileDescriptor fd(open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  BackgroundPace* const pace = engine_->background_paces()->Of(fd.get());
  LimitCompactions(pace);
  ASSERT_TRUE(pace->limited());
  const auto paused_us = [this] {
    return engine_->statistics()->Snapshot().event(
        StatEvent::kBackgroundPaused);
  };
  constexpr size_t kPart = 512 << 10;
  Scan(low_, 0, kPart);
  const uint64_t before = paused_us();
  EXPECT_GT(before, 0u);
  Scan(IOOptions(), kPart, 2 * kPart);
  EXPECT_EQ(paused_us(), before) << "not a compaction's";
  FileSettings settings = policy_->settings();
  settings.background = BackgroundPriority::kSame;
  policy_->Change(settings);
  Scan(low_, 2 * kPart, 3 * kPart);
  EXPECT_EQ(paused_us(), before) << "a priority like all others";
}

TEST_F(BackgroundReadTest, OthersTakeNoRing) {
  Scan(IOOptions());
  ScanBack(IOOptions());
  for (size_t offset = 0; offset < kFileSize; offset += 64 << 10) {
    ExpectRead(offset, 64 << 10, low_);
  }
  EXPECT_EQ(kernel_.observations().requests, 0u);
}

TEST_F(BackgroundReadTest, FollowTheSettings) {
  Scan(low_, 0, 1 << 20);
  EXPECT_GT(engine_->read_ahead_bytes(), 0u);
  // A read beside the compaction leaves its windows alone.
  ExpectRead(3 << 20, kBlock, IOOptions());
  EXPECT_GT(engine_->read_ahead_bytes(), 0u);
  SetReads(PathChoice::kPosix);
  const uint64_t before = kernel_.observations().requests;
  Scan(low_, 1 << 20, 2 << 20);
  EXPECT_EQ(engine_->read_ahead_bytes(), 0u);
  EXPECT_EQ(kernel_.observations().requests, before);
  SetReads(PathChoice::kAuto);
  Scan(low_, 2 << 20);
  EXPECT_GT(kernel_.observations().requests, before);
}

TEST_F(BackgroundReadTest, AreRightWhereWindowsFail) {
  for (const int error : {EIO, EINVAL, EAGAIN, ECANCELED}) {
    kernel_.SetRequestScript([=](const RingRequest&, uint64_t number) {
      FakeKernel::Verdict verdict;
      verdict.error = number % 2 == 0 ? error : 0;
      return verdict;
    });
    const uint64_t before = kernel_.observations().requests;
    Scan(low_);
    ScanBack(low_);
    EXPECT_GT(kernel_.observations().requests, before);
  }
}

// The end of a blob file that has grown since it was opened.
TEST_F(BackgroundReadTest, OfABlobFileThatGrows) {
  Open("000018.blob");
  Scan(low_, 0, kFileSize - 1000);
  const std::string more = RandomBytes(100000, 18);
  std::ofstream(path_, std::ios::binary | std::ios::app) << more;
  model_ += more;
  Scan(low_, kFileSize - 1000, model_.size());
  EXPECT_GT(kernel_.observations().requests, 0u);
}

using Advice = std::vector<int>;

TEST_F(BackgroundReadTest, WindowsTakeThePlaceOfTheKernelsReadAhead) {
  file_->Hint(FSRandomAccessFile::kNormal);
  Scan(low_);
  EXPECT_EQ(calls_.Take(), Advice());
  EXPECT_GT(Bytes(StatKind::kRead, IoPath::kReadAhead), kFileSize * 9 / 10);
}

TEST_F(BackgroundReadTest, AShortReadAheadOfTheKernelRemains) {
  for (const auto& [bytes, remains] :
       std::vector<std::pair<uint64_t, bool>>{{128 << 10, true},
                                              {512 << 10, true},
                                              {1 << 20, false},
                                              {0, false}}) {
    calls_.kernel_bytes_ = bytes;
    file_->Hint(FSRandomAccessFile::kNormal);
    EXPECT_EQ(calls_.Take(), remains ? Advice{POSIX_FADV_NORMAL} : Advice());
  }
}

TEST_F(BackgroundReadTest, TheKernelReadsAheadWhereNoWindowMayServe) {
  file_->Hint(FSRandomAccessFile::kNormal);
  // Point reads say nothing of what the compaction will get.
  ExpectRead(3 << 20, kBlock, IOOptions());
  ExpectRead(1 << 20, kBlock, IOOptions());
  EXPECT_EQ(calls_.Take(), Advice());
  ExpectRead(0, 64 << 10, low_);
  EXPECT_EQ(calls_.Take(), Advice{POSIX_FADV_NORMAL});
  ExpectRead(64 << 10, 64 << 10, low_);
  EXPECT_EQ(calls_.Take(), Advice());
}

// It gets no windows, and may not get less than on POSIX.
TEST_F(BackgroundReadTest, TheKernelReadsAheadOfACompactionThatWritersWaitFor) {
  file_->Hint(FSRandomAccessFile::kNormal);
  Scan(IOOptions(), 0, 64 << 10);
  EXPECT_EQ(calls_.Take(), Advice{POSIX_FADV_NORMAL});
}

TEST_F(BackgroundReadTest, TheKernelReadsAheadWhenTheSettingsForbidWindows) {
  file_->Hint(FSRandomAccessFile::kNormal);
  Scan(low_, 0, 1 << 20);
  EXPECT_EQ(calls_.Take(), Advice());
  SetReads(PathChoice::kPosix);
  ExpectRead(1 << 20, kBlock, low_);
  EXPECT_EQ(calls_.Take(), Advice{POSIX_FADV_NORMAL});
  file_->Hint(FSRandomAccessFile::kNormal);
  EXPECT_EQ(calls_.Take(), Advice{POSIX_FADV_NORMAL});
}

TEST_F(BackgroundReadTest, TheKernelReadsAheadWhereWindowsCannotBeHad) {
  kernel_.SetFactoryError(-ENOMEM);
  file_->Hint(FSRandomAccessFile::kNormal);
  size_t offset = 0;
  for (; offset + kBlock < ReadAdvice::kMissedBytesMax; offset += kBlock) {
    ExpectRead(offset, kBlock, low_);
  }
  EXPECT_EQ(calls_.Take(), Advice());
  ExpectRead(offset, kBlock, low_);
  EXPECT_EQ(calls_.Take(), Advice{POSIX_FADV_NORMAL});
  Scan(low_);
  EXPECT_EQ(calls_.Take(), Advice());
}

TEST_F(BackgroundReadTest, MissesCountInARow) {
  file_->Hint(FSRandomAccessFile::kNormal);
  // Each jump costs a stream some reads, together more than the limit.
  uint64_t missed = 0;
  for (int round = 0; missed <= ReadAdvice::kMissedBytesMax; ++round) {
    ASSERT_LT(round, 1000);
    const size_t from = (round % 4) << 20;
    const uint64_t before = Bytes(StatKind::kRead, IoPath::kReadAhead);
    Scan(low_, from, from + (256 << 10));
    missed +=
        (256 << 10) -
        std::min<uint64_t>(Bytes(StatKind::kRead, IoPath::kReadAhead) - before,
                           256 << 10);
  }
  EXPECT_EQ(calls_.Take(), Advice());
}

TEST_F(BackgroundReadTest, OtherAdviceIsGivenAtOnce) {
  file_->Hint(FSRandomAccessFile::kSequential);
  file_->Hint(FSRandomAccessFile::kNormal);
  file_->Hint(FSRandomAccessFile::kWillNeed);
  file_->Hint(FSRandomAccessFile::kWontNeed);
  EXPECT_EQ(calls_.Take(), (Advice{POSIX_FADV_SEQUENTIAL, POSIX_FADV_WILLNEED,
                                   POSIX_FADV_DONTNEED}));
  // What is withheld is still due, until RocksDB says something else.
  ExpectRead(0, 64 << 10, low_);
  EXPECT_EQ(calls_.Take(), Advice{POSIX_FADV_NORMAL});
  file_->Hint(FSRandomAccessFile::kNormal);
  file_->Hint(FSRandomAccessFile::kRandom);
  ExpectRead(0, 64 << 10, low_);
  EXPECT_EQ(calls_.Take(), Advice{POSIX_FADV_RANDOM});
}

}  // namespace
}  // namespace rocksdb_uring
