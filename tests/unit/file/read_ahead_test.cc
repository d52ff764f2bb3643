// The read-ahead of direct sequential streams on the kernel's rings: the right
// bytes, each of them read from the device about once.
//
// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <numeric>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {
namespace {

using rocksdb::FSRandomAccessFile;
using rocksdb::IOOptions;
using rocksdb::Slice;

class ReadAheadTest : public ::testing::Test {
 protected:
  static constexpr size_t kFileSize = (16 << 20) + 1234;

  void SetUp() override {
    SkipWithoutRing();
    WriteFile(path_, model_);
    SkipWithoutDirectReads(true, path_);
    Open(EngineOptions().readahead_bytes);
  }

  void Open(uint64_t readahead_bytes) {
    file_.reset();
    EngineOptions options;
    options.readahead_bytes = readahead_bytes;
    engine_ = MakeEngine(options);
    file_ = OpenOnEngine(engine_, path_, /*direct=*/true);
    ASSERT_NE(file_, nullptr);
  }

  void ExpectRead(uint64_t offset, size_t length) {
    ExpectRead(file_.get(), model_, offset, length);
  }

  static void ExpectRead(FSRandomAccessFile* file, const std::string& model,
                         uint64_t offset, size_t length) {
    Scratch scratch(length);
    Slice result;
    ASSERT_TRUE(file->Read(offset, length, IOOptions(), &result, scratch.data(),
                           nullptr)
                    .ok());
    ASSERT_TRUE(scratch.Holds(result, model, offset, length, false));
  }

  void Scan(uint64_t from, uint64_t to, size_t length) {
    for (uint64_t offset = from; offset < to; offset += length) {
      ExpectRead(offset, length);
    }
  }

  OperationCount Count(StatKind kind, IoPath path) {
    return engine_->statistics()->Snapshot().op(kind, path);
  }
  uint64_t BytesFromDevice() {
    return Count(StatKind::kRead, IoPath::kPosix).bytes +
           Count(StatKind::kRead, IoPath::kRing).bytes +
           Count(StatKind::kReadAhead, IoPath::kPosix).bytes +
           Count(StatKind::kReadAhead, IoPath::kRing).bytes;
  }
  uint64_t ReadsFromWindows() {
    return Count(StatKind::kRead, IoPath::kReadAhead).count;
  }
  uint64_t Windows() {
    return Count(StatKind::kReadAhead, IoPath::kRing).count;
  }

  TempDir directory_;
  const std::string path_ = directory_.file("000017.sst");
  const std::string model_ = RandomBytes(kFileSize, 17);
  std::shared_ptr<SharedEngine> engine_;
  std::unique_ptr<FSRandomAccessFile> file_;
};

TEST_F(ReadAheadTest, ScansOfAllReadSizes) {
  for (size_t kib : {32, 60, 64, 100, 128, 256, 512, 1024, 2048, 4096, 8192}) {
    Open(EngineOptions().readahead_bytes);
    const size_t length = kib << 10;
    Scan(0, kFileSize, length);
    ASSERT_FALSE(HasFailure()) << kib << " KiB";
    EXPECT_LE(BytesFromDevice(), kFileSize * 105 / 100) << kib << " KiB";
    EXPECT_GE(BytesFromDevice(), kFileSize) << kib << " KiB";
    EXPECT_EQ(engine_->statistics()->Snapshot().op(StatKind::kReadAhead).errors,
              0u)
        << kib << " KiB";
    if (length >= 64 << 10) {
      EXPECT_GT(ReadsFromWindows(), 0u) << kib << " KiB";
    }
  }
}

TEST_F(ReadAheadTest, NearlyEveryReadOfAScanComesFromAWindow) {
  Scan(0, kFileSize, 256 << 10);
  const uint64_t reads = kFileSize / (256 << 10) + 1;
  EXPECT_GE(ReadsFromWindows(), reads - 2);
}

TEST_F(ReadAheadTest, GrowingReadsAsOfAutomaticReadahead) {
  uint64_t offset = 0;
  size_t length = 8 << 10;
  while (offset < kFileSize) {
    ExpectRead(offset, length);
    offset += length;
    length = std::min<size_t>(2 * length, 256 << 10);
  }
  EXPECT_LE(BytesFromDevice(), kFileSize * 105 / 100);
  EXPECT_GT(ReadsFromWindows(), 0u);
}

TEST_F(ReadAheadTest, ReadsThatVaryByABlock) {
  std::mt19937_64 random(TestSeed());
  uint64_t offset = 0;
  while (offset < kFileSize) {
    const size_t length = (256 << 10) + random() % 3 * kBlock;
    ExpectRead(offset, length);
    offset += length;
  }
  EXPECT_LE(BytesFromDevice(), kFileSize * 105 / 100);
  EXPECT_GT(ReadsFromWindows(), 0u);
}

TEST_F(ReadAheadTest, ReadsOfRandomSizes) {
  std::mt19937_64 random(TestSeed());
  for (int round = 0; round < 5; ++round) {
    uint64_t offset = random() % 16 * kBlock;
    while (offset < kFileSize + (1 << 20)) {
      const size_t length = (1 + random() % 400) * kBlock;
      ExpectRead(offset, length);
      // Sometimes the stream jumps.
      offset += random() % 16 == 0 ? 5 * kBlock : length;
    }
    ASSERT_FALSE(HasFailure()) << "seed " << TestSeed();
  }
}

TEST_F(ReadAheadTest, FilesThatEndAnywhere) {
  for (size_t tail : {0, 1, 511, 512, 513, 4095}) {
    const std::string path = directory_.file("000018.sst");
    const std::string model = RandomBytes((1 << 20) + tail, tail);
    WriteFile(path, model);
    const auto file = OpenOnEngine(engine_, path, true);
    for (uint64_t offset = 0; offset < model.size() + (256 << 10);
         offset += 128 << 10) {
      ExpectRead(file.get(), model, offset, 128 << 10);
    }
    ASSERT_FALSE(HasFailure()) << "tail of " << tail;
  }
}

TEST_F(ReadAheadTest, InterleavedStreams) {
  constexpr size_t kStreams = 6;
  constexpr size_t kLength = 128 << 10;
  constexpr uint64_t kShare = (16 << 20) / kLength / kStreams * kLength;
  for (uint64_t done = 0; done < kShare; done += kLength) {
    for (size_t stream = 0; stream < kStreams; ++stream) {
      ExpectRead(stream * kShare + done, kLength);
    }
  }
  EXPECT_GE(ReadsFromWindows(), kStreams * (kShare / kLength - 3));
  // Each stream reads one window too far.
  EXPECT_LE(BytesFromDevice(), kStreams * (kShare + 2 * kLength));
}

TEST_F(ReadAheadTest, MoreStreamsThanWindows) {
  constexpr size_t kStreams = 20;
  constexpr size_t kLength = 64 << 10;
  for (uint64_t done = 0; done < 8 * kLength; done += kLength) {
    for (size_t stream = 0; stream < kStreams; ++stream) {
      ExpectRead(stream * 12 * kLength + done, kLength);
    }
  }
}

TEST_F(ReadAheadTest, PointReadsBesideAScan) {
  std::mt19937_64 random(TestSeed());
  uint64_t point_bytes = 0;
  for (uint64_t offset = 0; offset < kFileSize; offset += 256 << 10) {
    ExpectRead(offset, 256 << 10);
    for (size_t length : {4 << 10, 16 << 10, 64 << 10}) {
      ExpectRead(random() % 200 * 64 * 1024, length);
      point_bytes += length;
    }
  }
  EXPECT_GT(ReadsFromWindows(), 40u);
  // Some of the point reads follow one another by chance, and look like
  // streams: 1.01 to 1.10 times as much with 14 seeds.
  EXPECT_LE(BytesFromDevice(), (kFileSize + point_bytes) * 120 / 100);
}

TEST_F(ReadAheadTest, PointReadsAloneStartNothing) {
  std::mt19937_64 random(TestSeed());
  // None begins where another has begun or ended, not even by chance.
  std::vector<uint64_t> places(125);
  std::iota(places.begin(), places.end(), 0);
  std::shuffle(places.begin(), places.end(), random);
  for (const uint64_t place : places) {
    ExpectRead(place * 32 * kBlock, (1 + random() % 16) * kBlock);
  }
  EXPECT_EQ(ReadsFromWindows(), 0u);
}

TEST_F(ReadAheadTest, NoneWithoutABudget) {
  Open(0);
  Scan(0, kFileSize, 256 << 10);
  EXPECT_EQ(Windows(), 0u);
  EXPECT_EQ(engine_->read_ahead_bytes(), 0u);
}

TEST_F(ReadAheadTest, NoneForFilesThatMayChange) {
  for (const char* name : {"000018.log", "MANIFEST-000001", "CURRENT"}) {
    const std::string path = directory_.file(name);
    WriteFile(path, model_);
    const auto file = OpenOnEngine(engine_, path, true);
    for (uint64_t offset = 0; offset < kFileSize; offset += 1 << 20) {
      ExpectRead(file.get(), model_, offset, 1 << 20);
    }
  }
  EXPECT_EQ(Windows(), 0u);
}

TEST_F(ReadAheadTest, BudgetIsKept) {
  constexpr uint64_t kBudget = 200 << 10;
  Open(kBudget);
  for (uint64_t done = 0; done < 2 << 20; done += 128 << 10) {
    for (uint64_t stream = 0; stream < 4; ++stream) {
      ExpectRead((stream << 22) + done, 128 << 10);
      EXPECT_LE(engine_->read_ahead_bytes(), kBudget);
    }
  }
  EXPECT_GT(Windows(), 0u);
  file_.reset();
  EXPECT_EQ(engine_->read_ahead_bytes(), 0u);
}

TEST_F(ReadAheadTest, IdleWindowsMakeRoomForOthers) {
  Open(200 << 10);
  Scan(0, 512 << 10, 128 << 10);
  ASSERT_GT(Windows(), 0u);
  ASSERT_GT(engine_->read_ahead_bytes(), 100u << 10);
  const std::string path = directory_.file("000018.sst");
  WriteFile(path, model_);
  const auto other = OpenOnEngine(engine_, path, true);
  // Longer than a window counts as in use.
  std::this_thread::sleep_for(std::chrono::milliseconds(1300));
  const uint64_t before = ReadsFromWindows();
  for (uint64_t offset = 0; offset < 1 << 20; offset += 128 << 10) {
    ExpectRead(other.get(), model_, offset, 128 << 10);
  }
  EXPECT_GT(ReadsFromWindows(), before);
  EXPECT_GT(
      engine_->statistics()->Snapshot().event(StatEvent::kReadAheadDiscarded),
      0u);
  // The first stream goes on all the same.
  Scan(512 << 10, 1 << 20, 128 << 10);
}

TEST_F(ReadAheadTest, AsynchronousReadsOfTheSameStream) {
  const uint64_t length = 128 << 10;
  uint64_t offset = 0;
  const auto file_system = OpenFileSystem("");
  while (offset + 8 * length < kFileSize) {
    Scan(offset, offset + 4 * length, length);
    offset += 4 * length;
    AsyncCall call(offset, length);
    ASSERT_TRUE(call.Start(file_.get()).ok());
    EXPECT_TRUE(Poll(file_system.get(), {call.handle()}).ok());
    EXPECT_TRUE(call.Delivered(model_));
    offset += length;
  }
}

TEST_F(ReadAheadTest, FileGoesWithAWindowInFlight) {
  for (int round = 0; round < 50; ++round) {
    const auto file = OpenOnEngine(engine_, path_, true);
    ExpectRead(file.get(), model_, 0, 1 << 20);
  }
  EXPECT_GE(Windows(), 50u);
  EXPECT_EQ(engine_->read_ahead_bytes(), 0u);
}

TEST_F(ReadAheadTest, ManyThreadsScanOneFile) {
  Threads threads;
  for (size_t thread = 0; thread < 12; ++thread) {
    threads.Start([this, thread] {
      const size_t length = (64 + thread % 4 * 64) << 10;
      Scan(thread % 3 * 4 * kBlock, kFileSize, length);
    });
  }
  threads.Join();
  EXPECT_GT(ReadsFromWindows(), 0u);
}

TEST_F(ReadAheadTest, BlobFileThatGrowsIsReadToItsNewEnd) {
  const std::string path = directory_.file("000019.blob");
  const std::string before = model_.substr(0, (1 << 20) + 100);
  WriteFile(path, before);
  const auto file = OpenOnEngine(engine_, path, true);
  // The window behind the last of these ends inside a sector.
  for (uint64_t offset = 0; offset < 768 << 10; offset += 256 << 10) {
    ExpectRead(file.get(), before, offset, 256 << 10);
  }
  while (Windows() < 2) {
    engine_->engine()->Poll();
  }
  const FileDescriptor fd(open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  const std::string more = model_.substr(before.size(), 2 << 20);
  ASSERT_EQ(write(fd.get(), more.data(), more.size()),
            static_cast<ssize_t>(more.size()));
  for (uint64_t offset = 768 << 10; offset < 4 << 20; offset += 320 << 10) {
    ExpectRead(file.get(), before + more, offset, 320 << 10);
  }
}

// A block or two at a time, as a reverse scan reads them: neighbours share a
// sector.
TEST_F(ReadAheadTest, ReverseScansOfSmallReads) {
  const size_t sector = file_->GetRequiredBufferAlignment();
  for (const size_t blocks : {1, 2, 3, 8, 14}) {
    Open(EngineOptions().readahead_bytes);
    const size_t length = blocks * kBlock + sector;
    uint64_t reads = 0;
    for (uint64_t at = kFileSize / kBlock * kBlock; at > length;
         at -= blocks * kBlock) {
      ExpectRead(at - length, length);
      ++reads;
    }
    ASSERT_FALSE(HasFailure()) << blocks << " blocks";
    EXPECT_LE(BytesFromDevice(), kFileSize * 105 / 100) << blocks << " blocks";
    EXPECT_GE(ReadsFromWindows(), reads * 9 / 10) << blocks << " blocks";
    EXPECT_EQ(engine_->statistics()->Snapshot().event(
                  StatEvent::kTableStreamBackward),
              1u);
  }
}

TEST_F(ReadAheadTest, ForwardScansOfSmallReads) {
  const size_t sector = file_->GetRequiredBufferAlignment();
  for (const size_t blocks : {1, 3, 14}) {
    Open(EngineOptions().readahead_bytes);
    const size_t length = blocks * kBlock + sector;
    uint64_t reads = 0;
    for (uint64_t at = 0; at < kFileSize; at += blocks * kBlock) {
      ExpectRead(at, length);
      ++reads;
    }
    EXPECT_LE(BytesFromDevice(), kFileSize * 105 / 100) << blocks << " blocks";
    EXPECT_GE(ReadsFromWindows(), reads * 9 / 10) << blocks << " blocks";
  }
}

// Values in a blob file: several lie in one sector, which each of them reads.
TEST_F(ReadAheadTest, ValuesThatShareSectorsAreReadFromTheDeviceOnce) {
  const size_t sector = file_->GetRequiredBufferAlignment();
  for (const bool back : {false, true}) {
    Open(EngineOptions().readahead_bytes);
    constexpr size_t kValue = 300;
    for (size_t i = 0; i < 20000; ++i) {
      const uint64_t value = (back ? 20000 - i : i) * kValue;
      const uint64_t from = value / sector * sector;
      ExpectRead(from, RoundUp(value + kValue, sector) - from);
    }
    EXPECT_LE(BytesFromDevice(), 20000 * kValue + (2 << 20)) << back;
  }
}

// A seek and a few blocks, over and over: what is read ahead is what such scans
// usually need.
TEST_F(ReadAheadTest, ShortScansReadLittleThatTheyDoNotNeed) {
  std::mt19937_64 random(TestSeed());
  for (const bool back : {false, true}) {
    Open(EngineOptions().readahead_bytes);
    uint64_t needed = 0;
    uint64_t before = 0;
    for (int i = 0; i < 300; ++i) {
      if (i == 100) {
        needed = 0;
        before = BytesFromDevice();
      }
      uint64_t at = (1 << 20) + random() % 3000 * kBlock;
      for (int block = 0; block < 11; ++block) {
        ExpectRead(at, kBlock);
        at = back ? at - kBlock : at + kBlock;
        needed += kBlock;
      }
    }
    EXPECT_LE(BytesFromDevice() - before, needed * 15 / 10) << back;
    EXPECT_GT(ReadsFromWindows(), 200 * 8u) << back;
  }
}

// Any reads at all, by several threads: the right bytes.
TEST_F(ReadAheadTest, ReadsInAllDirectionsByManyThreads) {
  Threads threads;
  for (size_t thread = 0; thread < 6; ++thread) {
    threads.Start([this, thread] {
      std::mt19937_64 random(TestSeed() + thread);
      for (int stream = 0; stream < 60; ++stream) {
        const size_t length = (1 + random() % 40) * kBlock;
        const bool back = random() % 2 == 0;
        uint64_t at = random() % 4000 * kBlock;
        for (uint64_t reads = random() % 40; reads > 0; --reads) {
          ExpectRead(at, length);
          const uint64_t step =
              length + random() % 3 * kBlock - (random() % 3 == 0 ? kBlock : 0);
          if (back && at < step) {
            break;
          }
          at = back ? at - step : at + step;
        }
      }
    });
  }
  threads.Join();
  EXPECT_GT(ReadsFromWindows(), 0u);
  file_.reset();
  EXPECT_EQ(engine_->read_ahead_bytes(), 0u);
}

// More inputs than the budget has windows for: each gets a share.
TEST_F(ReadAheadTest, ManyStreamsShareTheBudget) {
  constexpr size_t kFiles = 26;
  constexpr size_t kLength = 2 << 20;
  Open(8 << 20);
  std::vector<std::unique_ptr<FSRandomAccessFile>> files;
  for (size_t i = 0; i < kFiles; ++i) {
    files.push_back(OpenOnEngine(engine_, path_, true));
  }
  std::chrono::steady_clock::duration longest_round{0};
  for (uint64_t offset = 0; offset + kLength < kFileSize; offset += kLength) {
    const auto began = std::chrono::steady_clock::now();
    for (const auto& file : files) {
      ExpectRead(file.get(), model_, offset, kLength);
      EXPECT_LE(engine_->read_ahead_bytes(), 8u << 20);
    }
    longest_round =
        std::max(longest_round, std::chrono::steady_clock::now() - began);
  }
  // But for the first round, and the first windows, which had too much. On a
  // machine so slow that a stream waits a second for its next read, it counts
  // as idle, and others get its buffers.
  if (longest_round < std::chrono::milliseconds(900)) {
    EXPECT_GE(ReadsFromWindows(), kFiles * 4u);
  }
}

// As RocksDB writes it with direct I/O: the last block is padded with zeros,
// and written again when there is more.
TEST_F(ReadAheadTest, PaddingOfABlobFileThatGrowsIsNeverOld) {
  const std::string path = directory_.file("000019.blob");
  constexpr size_t kPadded = 1 << 20;
  constexpr size_t kHalf = 128 << 10;
  const std::string after = model_.substr(0, kPadded + kHalf);
  std::string before = after.substr(0, kPadded - kBlock + 100);
  before.resize(kPadded, '\0');
  WriteFile(path, before);
  const auto file = OpenOnEngine(engine_, path, true);
  for (uint64_t offset = 0; offset < kPadded - kHalf; offset += kHalf) {
    ExpectRead(file.get(), before, offset, kHalf);
  }
  // The window up to the end, in its stale or in its careful form, is there.
  while (engine_->engine()->Poll() > 0) {
  }
  const FileDescriptor fd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  const size_t rewritten = kPadded - kBlock;
  ASSERT_EQ(pwrite(fd.get(), &after[rewritten], after.size() - rewritten,
                   static_cast<off_t>(rewritten)),
            static_cast<ssize_t>(after.size() - rewritten));
  ExpectRead(file.get(), after, kPadded - kHalf, kHalf);
  ExpectRead(file.get(), after, kPadded, kHalf);
  EXPECT_GT(ReadsFromWindows(), 0u);
}

}  // namespace
}  // namespace rocksdb_uring
