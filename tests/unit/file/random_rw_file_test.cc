// The file that is read and written in place, compared with the default file
// system's.
//
// SPDX-License-Identifier: Apache-2.0
#include <random>
#include <string>

#include "tests/support/file/file_pair.h"

namespace rocksdb_uring {
namespace {

using rocksdb::FileOptions;
using rocksdb::FileSystem;
using rocksdb::FSRandomRWFile;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

std::unique_ptr<FSRandomRWFile> OpenIn(FileSystem* file_system,
                                       const std::string& path) {
  std::unique_ptr<FSRandomRWFile> file;
  const IOStatus status =
      file_system->NewRandomRWFile(path, FileOptions(), &file, nullptr);
  EXPECT_TRUE(status.ok()) << status.ToString();
  return file;
}

// The parameter: value of the options `reads`, `writes` and `syncs`.
class RandomRwFileTest : public ::testing::TestWithParam<const char*> {
 protected:
  static constexpr size_t kFileSize = 100000;

  void SetUp() override {
    const std::string path = GetParam();
    file_system_ =
        OpenFileSystem("reads=" + path + ";writes=" + path + ";syncs=" + path);
    WriteFile(our_path_, model_);
    WriteFile(their_path_, model_);
    ours_ = OpenIn(file_system_.get(), our_path_);
    theirs_ = OpenIn(FileSystem::Default().get(), their_path_);
    ASSERT_NE(ours_, nullptr);
    ASSERT_NE(theirs_, nullptr);
  }

  void ExpectRead(uint64_t offset, size_t length) {
    Scratch ours(length);
    Scratch theirs(length);
    Slice our_result;
    Slice their_result;
    const IOStatus status = ours_->Read(offset, length, IOOptions(),
                                        &our_result, ours.data(), nullptr);
    EXPECT_TRUE(SameOutcome(
        status, theirs_->Read(offset, length, IOOptions(), &their_result,
                              theirs.data(), nullptr)));
    EXPECT_EQ(our_result.size(), their_result.size());
    EXPECT_TRUE(ours.Holds(our_result, model_, offset, length, true));
  }

  void Write(uint64_t offset, size_t size) {
    const std::string data = RandomBytes(size, offset + size);
    std::string slice = data;
    const IOStatus status = ours_->Write(offset, slice, IOOptions(), nullptr);
    slice.assign(size, '#');
    EXPECT_TRUE(status.ok()) << status.ToString();
    EXPECT_TRUE(SameOutcome(
        status, theirs_->Write(offset, data, IOOptions(), nullptr)));
    if (size > 0 && model_.size() < offset + size) {
      model_.resize(offset + size);
    }
    model_.replace(std::min(offset, model_.size()), size, data);
  }

  void ExpectSyncs() {
    const IOOptions options;
    EXPECT_TRUE(ours_->Flush(options, nullptr).ok());
    EXPECT_TRUE(SameOutcome(ours_->Sync(options, nullptr),
                            theirs_->Sync(options, nullptr)));
    EXPECT_TRUE(SameOutcome(ours_->Fsync(options, nullptr),
                            theirs_->Fsync(options, nullptr)));
  }

  void ExpectSameFiles() {
    EXPECT_TRUE(ReadWholeFile(our_path_) == model_);
    EXPECT_TRUE(ReadWholeFile(their_path_) == model_);
  }

  TempDir directory_;
  const std::string our_path_ = directory_.file("000031.sst");
  const std::string their_path_ = directory_.file("000032.sst");
  std::string model_ = RandomBytes(kFileSize, 31);
  std::shared_ptr<FileSystem> file_system_;
  std::unique_ptr<FSRandomRWFile> ours_;
  std::unique_ptr<FSRandomRWFile> theirs_;
};

TEST_P(RandomRwFileTest, ReadsAlsoBeyondTheEnd) {
  for (uint64_t offset :
       {uint64_t{0}, uint64_t{1}, uint64_t{4096}, uint64_t{kFileSize - 1},
        uint64_t{kFileSize}, uint64_t{1} << 40}) {
    for (size_t length : {0, 1, 4096, 200000}) {
      ExpectRead(offset, length);
    }
  }
}

TEST_P(RandomRwFileTest, WritesInPlaceAndBeyondTheEnd) {
  for (uint64_t offset : {0, 5000, 99999, 100000, 300000}) {
    for (size_t size : {0, 1, 8, 4096, 70000}) {
      Write(offset, size);
      ExpectRead(offset == 0 ? 0 : offset - 1, size + 2);
    }
  }
  ExpectSameFiles();
  ExpectSyncs();
}

TEST_P(RandomRwFileTest, RandomCalls) {
  std::mt19937_64 random(TestSeed());
  for (int round = 0; round < 1000; ++round) {
    const uint64_t offset = random() % (kFileSize * 2);
    const size_t size = random() % 10 == 0 ? random() % 60000 : random() % 99;
    if (random() % 2 == 0) {
      Write(offset, size);
    } else {
      ExpectRead(offset, size);
    }
    ASSERT_FALSE(HasFailure()) << "seed " << TestSeed();
  }
  ExpectSameFiles();
}

TEST_P(RandomRwFileTest, CloseAndWhatComesAfterIt) {
  Write(10, 10);
  const IOOptions options;
  EXPECT_TRUE(SameOutcome(ours_->Close(options, nullptr),
                          theirs_->Close(options, nullptr)));
  ExpectSameFiles();
  char scratch[8];
  Slice result;
  const IOStatus read = ours_->Read(0, 8, options, &result, scratch, nullptr);
  EXPECT_TRUE(read.IsIOError()) << read.ToString();
  EXPECT_EQ(result.size(), 0u);
  EXPECT_TRUE(SameOutcome(
      read, theirs_->Read(0, 8, options, &result, scratch, nullptr)));
  EXPECT_TRUE(SameOutcome(ours_->Write(0, "x", options, nullptr),
                          theirs_->Write(0, "x", options, nullptr)));
  ExpectSyncs();
  ExpectSameFiles();
}

TEST_P(RandomRwFileTest, ThreadsWriteDifferentPlaces) {
  Threads threads;
  constexpr size_t kPart = 8192;
  const std::string data = RandomBytes(8 * kPart, 33);
  for (size_t thread = 0; thread < 8; ++thread) {
    threads.Start([&, thread] {
      for (size_t at = thread * kPart; at < (thread + 1) * kPart; at += 512) {
        const Slice part(&data[at], 512);
        EXPECT_TRUE(ours_->Write(at, part, IOOptions(), nullptr).ok());
        char scratch[512];
        Slice result;
        EXPECT_TRUE(
            ours_->Read(at, 512, IOOptions(), &result, scratch, nullptr).ok());
        EXPECT_TRUE(result == part);
      }
      EXPECT_TRUE(ours_->Sync(IOOptions(), nullptr).ok());
    });
  }
  threads.Join();
  EXPECT_EQ(ReadWholeFile(our_path_).compare(0, data.size(), data), 0);
}

TEST_P(RandomRwFileTest, StatisticsNameThePath) {
  auto before = StatisticsOf(file_system_.get());
  Write(0, 1000);
  ExpectRead(0, 500);
  ExpectSyncs();
  auto after = StatisticsOf(file_system_.get());
  const bool ring = WhyNoRing().empty() && GetParam() == std::string("uring");
  const std::string path = ring ? ".ring" : ".posix";
  const auto grew = [&](const std::string& kind, const std::string& what) {
    const std::string key = "ops." + kind + path + what;
    return after[key] - before[key];
  };
  EXPECT_EQ(grew("write", ".bytes"), 1000u);
  EXPECT_EQ(grew("read", ".bytes"), 500u);
  EXPECT_EQ(grew("fdatasync", ".count"), 1u);
  EXPECT_EQ(grew("fsync", ".count"), 1u);
}

INSTANTIATE_TEST_SUITE_P(Writes, RandomRwFileTest,
                         ::testing::Values("auto", "uring", "posix"),
                         [](const ::testing::TestParamInfo<const char*>& info) {
                           return std::string(info.param);
                         });

}  // namespace
}  // namespace rocksdb_uring
