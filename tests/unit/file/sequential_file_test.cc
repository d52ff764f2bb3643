// The file that WALs and manifests are read from, compared with the default
// file system's.
//
// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include <random>
#include <string>

#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {
namespace {

using rocksdb::FileSystem;
using rocksdb::FSSequentialFile;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

// The parameter: option `reads`.
class SequentialFileTest : public ::testing::TestWithParam<const char*> {
 protected:
  static constexpr size_t kFileSize = (256 << 10) + 777;

  void SetUp() override {
    WriteFile(path_, model_);
    file_system_ = OpenFileSystem(std::string("reads=") + GetParam());
    Open();
  }

  void Open() {
    ours_ = OpenIn(file_system_.get(), false);
    theirs_ = OpenIn(FileSystem::Default().get(), false);
    ASSERT_NE(ours_, nullptr);
    ASSERT_NE(theirs_, nullptr);
    position_ = 0;
  }

  std::unique_ptr<FSSequentialFile> OpenIn(FileSystem* file_system,
                                           bool direct) {
    std::unique_ptr<FSSequentialFile> file;
    const IOStatus status = file_system->NewSequentialFile(
        path_, ReadOptionsOf(direct), &file, nullptr);
    EXPECT_TRUE(status.ok()) << status.ToString();
    return file;
  }

  void ExpectRead(size_t length) {
    Scratch ours(length);
    Scratch theirs(length);
    Slice our_result;
    Slice their_result;
    const IOStatus our_status =
        ours_->Read(length, IOOptions(), &our_result, ours.data(), nullptr);
    const IOStatus their_status = theirs_->Read(
        length, IOOptions(), &their_result, theirs.data(), nullptr);
    EXPECT_TRUE(SameStatus(our_status, their_status));
    EXPECT_EQ(our_result.ToString(), their_result.ToString());
    EXPECT_TRUE(ours.Holds(our_result, model_, position_, length, true));
    position_ += our_result.size();
  }

  void Skip(uint64_t bytes) {
    EXPECT_TRUE(SameStatus(ours_->Skip(bytes), theirs_->Skip(bytes)));
    position_ += bytes;
  }

  void Append(size_t size) {
    const std::string more = RandomBytes(size, model_.size());
    const FileDescriptor fd(
        open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
    ASSERT_EQ(write(fd.get(), more.data(), more.size()),
              static_cast<ssize_t>(more.size()));
    model_ += more;
  }

  TempDir directory_;
  const std::string path_ = directory_.file("000021.log");
  std::string model_ = RandomBytes(kFileSize, 21);
  std::shared_ptr<FileSystem> file_system_;
  std::unique_ptr<FSSequentialFile> ours_;
  std::unique_ptr<FSSequentialFile> theirs_;
  uint64_t position_ = 0;
};

TEST_P(SequentialFileTest, FromFrontToBack) {
  for (size_t length : {100, 4096, 32768, 100000}) {
    Open();
    while (position_ < kFileSize) {
      ExpectRead(length);
    }
    ExpectRead(length);
    ExpectRead(length);
  }
}

TEST_P(SequentialFileTest, WholeFileInOneReadAndMore) {
  ExpectRead(kFileSize + 4096);
  ExpectRead(1);
}

TEST_P(SequentialFileTest, ReadOfNothing) {
  ExpectRead(0);
  ExpectRead(10);
  ExpectRead(0);
}

TEST_P(SequentialFileTest, RandomReadsAndSkips) {
  std::mt19937_64 random(TestSeed());
  for (int round = 0; round < 20; ++round) {
    Open();
    while (position_ < kFileSize) {
      if (random() % 3 == 0) {
        Skip(random() % 5000);
      } else {
        ExpectRead(1 + random() % 9000);
      }
    }
    ASSERT_FALSE(HasFailure()) << "seed " << TestSeed();
  }
}

TEST_P(SequentialFileTest, SkipBeyondTheEnd) {
  Skip(kFileSize + 100);
  ExpectRead(10);
  ExpectRead(10);
}

TEST_P(SequentialFileTest, GoesOnWhenTheFileHasGrown) {
  while (position_ < model_.size()) {
    ExpectRead(4096);
  }
  for (size_t size : {1, 100, 4096, 70000}) {
    ExpectRead(8192);
    Append(size);
    ExpectRead(size / 2 + 1);
    ExpectRead(size);
  }
}

TEST_P(SequentialFileTest, SeesWhatIsWrittenOverItsEnd) {
  // As a recycled WAL: the reader must not hold old bytes.
  ExpectRead(4096);
  const FileDescriptor fd(open(path_.c_str(), O_WRONLY | O_CLOEXEC));
  const std::string fresh = RandomBytes(4096, 99);
  ASSERT_EQ(pwrite(fd.get(), fresh.data(), fresh.size(), 4096), 4096);
  model_.replace(4096, 4096, fresh);
  Scratch scratch(4096);
  Slice result;
  ASSERT_TRUE(
      ours_->Read(4096, IOOptions(), &result, scratch.data(), nullptr).ok());
  EXPECT_TRUE(scratch.Holds(result, model_, 4096, 4096, true));
}

TEST_P(SequentialFileTest, InvalidateCacheAsTheDefault) {
  ExpectRead(1000);
  EXPECT_TRUE(
      SameStatus(ours_->InvalidateCache(0, 0), theirs_->InvalidateCache(0, 0)));
  EXPECT_TRUE(SameStatus(ours_->InvalidateCache(4096, 8192),
                         theirs_->InvalidateCache(4096, 8192)));
  ExpectRead(100000);
}

TEST_P(SequentialFileTest, AlignmentAsTheDefault) {
  EXPECT_EQ(ours_->use_direct_io(), theirs_->use_direct_io());
  EXPECT_GE(ours_->GetRequiredBufferAlignment(),
            theirs_->GetRequiredBufferAlignment());
}

TEST_P(SequentialFileTest, PositionedReadsOfADirectFile) {
  SkipWithoutDirectReads(true, path_);
  const auto ours = OpenIn(file_system_.get(), true);
  const auto theirs = OpenIn(FileSystem::Default().get(), true);
  ASSERT_NE(ours, nullptr);
  EXPECT_TRUE(ours->use_direct_io());
  EXPECT_GE(ours->GetRequiredBufferAlignment(),
            theirs->GetRequiredBufferAlignment());
  const uint64_t end = RoundUp(kFileSize, kBlock);
  for (uint64_t offset : {uint64_t{0}, uint64_t{8192}, end - kBlock, end}) {
    for (size_t length : {kBlock, 16 * kBlock}) {
      Scratch our_scratch(length);
      Scratch their_scratch(length);
      Slice our_result;
      Slice their_result;
      const IOStatus our_status =
          ours->PositionedRead(offset, length, IOOptions(), &our_result,
                               our_scratch.data(), nullptr);
      EXPECT_TRUE(SameStatus(
          our_status,
          theirs->PositionedRead(offset, length, IOOptions(), &their_result,
                                 their_scratch.data(), nullptr)));
      EXPECT_EQ(our_result.size(), their_result.size());
      EXPECT_TRUE(our_scratch.Holds(our_result, model_, offset, length, false));
    }
  }
}

TEST_P(SequentialFileTest, ErrorsOfReadsAsTheDefault) {
  const std::string path = directory_.path();
  std::unique_ptr<FSSequentialFile> ours;
  std::unique_ptr<FSSequentialFile> theirs;
  const IOStatus our_status = file_system_->NewSequentialFile(
      path, ReadOptionsOf(false), &ours, nullptr);
  ASSERT_TRUE(SameStatus(our_status,
                         FileSystem::Default()->NewSequentialFile(
                             path, ReadOptionsOf(false), &theirs, nullptr)));
  ASSERT_NE(ours, nullptr);
  char scratch[16];
  Slice result;
  const IOStatus our_read =
      ours->Read(sizeof(scratch), IOOptions(), &result, scratch, nullptr);
  EXPECT_TRUE(our_read.IsIOError());
  EXPECT_EQ(result.size(), 0u);
  EXPECT_TRUE(SameStatus(our_read, theirs->Read(sizeof(scratch), IOOptions(),
                                                &result, scratch, nullptr)));
}

TEST_P(SequentialFileTest, EmptyFile) {
  model_.clear();
  WriteFile(path_, model_);
  Open();
  ExpectRead(100);
  Append(50);
  ExpectRead(100);
}

INSTANTIATE_TEST_SUITE_P(Reads, SequentialFileTest,
                         ::testing::Values("auto", "uring", "posix"),
                         [](const ::testing::TestParamInfo<const char*>& info) {
                           return std::string(info.param);
                         });

}  // namespace
}  // namespace rocksdb_uring
