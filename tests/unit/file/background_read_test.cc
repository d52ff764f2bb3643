// The small reads of compactions on buffered files: a kernel thread copies many
// of them at once, and every byte is right. All other reads of these files are
// made by the thread that needs them.
//
// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <fstream>
#include <random>
#include <string>

#include "tests/support/engine/fake_ring.h"
#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {
namespace {

using rocksdb::Env;
using rocksdb::FSRandomAccessFile;
using rocksdb::IOOptions;
using rocksdb::Slice;

class BackgroundReadTest : public ::testing::Test {
 protected:
  static constexpr size_t kFileSize = (4 << 20) + 1234;

  BackgroundReadTest() { low_.rate_limiter_priority = Env::IO_LOW; }

  void SetUp() override {
    EngineOptions options;
    options.ring_factory = kernel_.factory();
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

}  // namespace
}  // namespace rocksdb_uring
