// The I/O priority that requests of a compaction have in the kernel, and that
// those of everybody else do not have.
//
// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <string>
#include <vector>

#include "tests/unit/file/write_fault_fixture.h"

namespace rocksdb_uring {
namespace {

using rocksdb::Env;
using rocksdb::FSReadRequest;
using rocksdb::IOOptions;
using rocksdb::Slice;

// As <linux/ioprio.h> has them: best effort, lowest level; idle.
constexpr uint16_t kLow = 2 << 13 | 7;
constexpr uint16_t kIdle = 3 << 13;

using Seen = std::map<uint16_t, size_t>;

class PriorityTest : public WriteFaultFixture {
 protected:
  static constexpr size_t kFileSize = 4 << 20;
  static constexpr size_t kRead = 128 << 10;

  void SetUp() override {
    WriteFaultFixture::SetUp();
    kernel_.SetRequestScript([this](const RingRequest& request, uint64_t) {
      ++seen_[request.io_priority];
      return FakeKernel::Verdict();
    });
  }

  void Set(BackgroundPriority background) {
    FileSettings settings = policy_->settings();
    settings.background = background;
    policy_->Change(settings);
  }
  static IOOptions Options(Env::IOPriority priority) {
    IOOptions options;
    options.rate_limiter_priority = priority;
    return options;
  }

  // The requests of a stream that is read ahead of.
  Seen Stream(const IOOptions& options) {
    const std::string path = directory_.file("000016.sst");
    const std::string model = RandomBytes(kFileSize, 16);
    WriteFile(path, model);
    const auto file = OpenOnEngine(engine_, path, /*direct=*/true, policy_);
    seen_.clear();
    for (uint64_t offset = 0; offset < kFileSize / 2; offset += kRead) {
      Scratch scratch(kRead);
      Slice result;
      const rocksdb::IOStatus status =
          file->Read(offset, kRead, options, &result, scratch.data(), nullptr);
      EXPECT_TRUE(status.ok()) << status.ToString();
      EXPECT_TRUE(scratch.Holds(result, model, offset, kRead, false));
    }
    EXPECT_GT(engine_->statistics()->Snapshot().op(StatKind::kReadAhead).count,
              0u);
    return seen_;
  }
  // Those of a batch and of an asynchronous read.
  Seen Batch(const IOOptions& options) {
    const std::string path = directory_.file("000017.sst");
    WriteFile(path, RandomBytes(kFileSize, 17));
    const auto file = OpenOnEngine(engine_, path, /*direct=*/false, policy_);
    seen_.clear();
    Scratch scratch(3 * kBlock);
    FSReadRequest requests[3];
    for (size_t i = 0; i < 3; ++i) {
      requests[i].offset = 2 * i * kBlock;
      requests[i].len = kBlock;
      requests[i].scratch = scratch.data() + i * kBlock;
    }
    EXPECT_TRUE(file->MultiRead(requests, 2, options, nullptr).ok());
    void* handle = nullptr;
    rocksdb::IOHandleDeleter deleter;
    EXPECT_TRUE(file->ReadAsync(
                        requests[2], options, [](auto&&...) {}, nullptr,
                        &handle, &deleter, nullptr)
                    .ok());
    if (handle != nullptr) {
      deleter(handle);
    }
    return seen_;
  }
  // Those of a file that grows.
  Seen Growth(Env::IOPriority priority) {
    Open("000018.sst");
    file_->SetIOPriority(priority);
    seen_.clear();
    const std::string piece = RandomBytes(kPiece, 18);
    EXPECT_TRUE(file_->Append(piece, IOOptions(), nullptr).ok());
    EXPECT_TRUE(file_->Append(piece, IOOptions(), nullptr).ok());
    EXPECT_TRUE(file_->Close(IOOptions(), nullptr).ok());
    return seen_;
  }

  Seen seen_;
};

TEST_F(PriorityTest, OfACompactionIsLow) {
  WriteFile(directory_.file("probe"), "");
  SkipWithoutDirectReads(true, directory_.file("probe"));
  Open();
  const Seen stream = Stream(Options(Env::IO_LOW));
  EXPECT_EQ(stream.size(), 1u);
  EXPECT_GT(stream.at(kLow), 0u);
  EXPECT_EQ(Batch(Options(Env::IO_LOW)), (Seen{{kLow, 3}}));
  EXPECT_EQ(Growth(Env::IO_LOW), (Seen{{kLow, 2}}));
}

TEST_F(PriorityTest, OfAllOthersIsThatOfTheThread) {
  WriteFile(directory_.file("probe"), "");
  SkipWithoutDirectReads(true, directory_.file("probe"));
  Open();
  // IO_USER: a compaction that writers wait for.
  for (const Env::IOPriority priority :
       {Env::IO_MID, Env::IO_HIGH, Env::IO_USER, Env::IO_TOTAL}) {
    EXPECT_EQ(Stream(Options(priority)).count(0), 1u);
    EXPECT_EQ(seen_.size(), 1u);
    EXPECT_EQ(Batch(Options(priority)), (Seen{{0, 3}}));
    EXPECT_EQ(Growth(priority), (Seen{{0, 2}}));
  }
}

TEST_F(PriorityTest, FollowsTheSettings) {
  Open();
  Set(BackgroundPriority::kIdle);
  EXPECT_EQ(Batch(Options(Env::IO_LOW)), (Seen{{kIdle, 3}}));
  EXPECT_EQ(Batch(Options(Env::IO_HIGH)), (Seen{{0, 3}}));
  Set(BackgroundPriority::kSame);
  EXPECT_EQ(Batch(Options(Env::IO_LOW)), (Seen{{0, 3}}));
  Set(BackgroundPriority::kLow);
  EXPECT_EQ(Batch(Options(Env::IO_LOW)), (Seen{{kLow, 3}}));
}

}  // namespace
}  // namespace rocksdb_uring
