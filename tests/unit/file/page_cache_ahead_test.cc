// Streams of buffered files: what lies ahead of them is announced to the page
// cache, where it is cold and nowhere else.
//
// SPDX-License-Identifier: Apache-2.0
#include <linux/magic.h>
#include <sys/vfs.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/support/engine/fake_system_calls.h"
#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {
namespace {

using rocksdb::FSRandomAccessFile;
using rocksdb::IOOptions;
using rocksdb::Slice;

// System calls that remember what was announced.
class AnnouncedCalls final : public SystemCalls {
 public:
  int64_t WillNeed(int fd, uint64_t offset, uint64_t length) override {
    ++count_;
    bytes_ += length;
    begin_ = std::min(begin_, offset);
    return fails_ ? -EIO : SystemCalls::WillNeed(fd, offset, length);
  }
  int64_t PreadNoWait(int fd, void* buffer, size_t size,
                      uint64_t offset) override {
    ++questions_;
    switch (cache_) {
      case Cache::kNever:
        return -EOPNOTSUPP;
      case Cache::kAlways:
        return SystemCalls::Pread(fd, buffer, size, offset);
      case Cache::kCold:
        return -EAGAIN;
      case Cache::kReal:
        break;
    }
    return SystemCalls::PreadNoWait(fd, buffer, size, offset);
  }

  // How reads that must not wait are answered.
  enum class Cache { kReal, kAlways, kCold, kNever };
  Cache cache_ = Cache::kReal;
  bool fails_ = false;
  size_t count_ = 0;
  size_t questions_ = 0;
  uint64_t bytes_ = 0;
  uint64_t begin_ = UINT64_MAX;
};

using Cache = AnnouncedCalls::Cache;

class PageCacheAheadTest : public ::testing::TestWithParam<const char*> {
 protected:
  static constexpr size_t kFileSize = (16 << 20) + 1234;

  void SetUp() override {
    WriteFile(path_, model_);
    Open(EngineOptions().readahead_bytes);
  }

  void Open(uint64_t readahead_bytes) {
    file_.reset();
    EngineOptions options;
    options.readahead_bytes = readahead_bytes;
    options.system_calls = &calls_;
    engine_ = MakeEngine(options);
    file_ = OpenOnEngine(engine_, path_, /*direct=*/false);
    ASSERT_NE(file_, nullptr);
  }

  void ExpectRead(uint64_t offset, size_t length) {
    Scratch scratch(length);
    Slice result;
    ASSERT_TRUE(file_
                    ->Read(offset, length, IOOptions(), &result, scratch.data(),
                           nullptr)
                    .ok());
    ASSERT_TRUE(scratch.Holds(result, model_, offset, length, true));
  }

  // Blocks of some 4 KiB, one after the other; returns how many.
  size_t Scan(uint64_t from, uint64_t to, bool back) {
    size_t count = 0;
    std::mt19937_64 random(TestSeed());
    uint64_t at = back ? to : from;
    while (back ? at > from + 8192 : at + 8192 < to) {
      const size_t length = 4000 + random() % 200;
      at = back ? at - length : at;
      ExpectRead(at, length);
      at = back ? at : at + length;
      ++count;
    }
    return count;
  }

  uint64_t Event(StatEvent event) {
    return engine_->statistics()->Snapshot().event(event);
  }

  // Streams that were found in the file, as its kind of file is counted.
  uint64_t Streams(bool back) {
    if (ClassifyFile(path_) == FileKind::kBlob) {
      return Event(back ? StatEvent::kBlobStreamBackward
                        : StatEvent::kBlobStreamForward);
    }
    return Event(back ? StatEvent::kTableStreamBackward
                      : StatEvent::kTableStreamForward);
  }

  TempDir directory_;
  const std::string path_ = directory_.file(GetParam());
  const std::string model_ = RandomBytes(kFileSize, 31);
  AnnouncedCalls calls_;
  std::shared_ptr<SharedEngine> engine_;
  std::unique_ptr<FSRandomAccessFile> file_;
};

TEST_P(PageCacheAheadTest, ColdScansAreAnnouncedOnceInBothDirections) {
  for (const bool back : {false, true}) {
    DropCache(path_);
    Open(EngineOptions().readahead_bytes);
    calls_.cache_ = Cache::kCold;
    calls_.bytes_ = calls_.count_ = 0;
    const size_t reads = Scan(0, kFileSize, back);
    EXPECT_GE(calls_.bytes_, kFileSize - (64 << 10));
    EXPECT_LE(calls_.bytes_, kFileSize + (2 << 20));
    EXPECT_LT(calls_.count_, reads / 50) << "in large pieces";
    EXPECT_EQ(Streams(back), 1u);
    EXPECT_EQ(Streams(!back), 0u);
    EXPECT_GE(Event(StatEvent::kAnnounced), kFileSize - (64 << 10));
  }
}

TEST_P(PageCacheAheadTest, CachedScansAreNotAnnounced) {
  calls_.cache_ = Cache::kAlways;
  for (const bool back : {false, true}) {
    const size_t reads = Scan(0, kFileSize, back);
    EXPECT_EQ(calls_.count_, 0u);
    EXPECT_LT(calls_.questions_, reads / 5) << "few reads ask";
    calls_.questions_ = 0;
  }
}

TEST_P(PageCacheAheadTest, PointReadsAreNeitherAskedForNorAnnounced) {
  calls_.cache_ = Cache::kCold;
  std::mt19937_64 random(TestSeed());
  for (int i = 0; i < 500; ++i) {
    // Never next to each other.
    ExpectRead(random() % 200 * 80000, 4096);
  }
  EXPECT_EQ(calls_.count_, 0u);
  EXPECT_EQ(calls_.questions_, 0u);
}

// A seek and eleven blocks, as 100 entries take: what is announced is what such
// scans need, before the first read waits.
TEST_P(PageCacheAheadTest, ShortScansAreAnnouncedAsTheyUsuallyAre) {
  std::mt19937_64 random(TestSeed());
  calls_.cache_ = Cache::kCold;
  for (const bool back : {false, true}) {
    Open(EngineOptions().readahead_bytes);
    const auto scan = [&] {
      uint64_t at = (1 << 20) + random() % (14 << 20);
      for (int i = 0; i < 11; ++i) {
        ExpectRead(at, 4096);
        at = back ? at - 4096 : at + 4096;
      }
    };
    for (int i = 0; i < 100; ++i) {
      scan();
    }
    calls_.bytes_ = calls_.count_ = 0;
    for (int i = 0; i < 20; ++i) {
      scan();
    }
    EXPECT_LE(calls_.bytes_, 20 * 11 * 4096 * 15 / 10);
    EXPECT_GE(calls_.bytes_, 20 * 10 * 4096u);
    EXPECT_LE(calls_.count_, 20 * 3u);
  }
}

TEST_P(PageCacheAheadTest, AFilesystemThatCannotBeAskedIsAnnouncedTo) {
  calls_.cache_ = Cache::kNever;
  const size_t reads = Scan(0, kFileSize, /*back=*/true);
  EXPECT_GE(calls_.bytes_, kFileSize - (64 << 10));
  EXPECT_LT(calls_.questions_, reads / 20);
}

TEST_P(PageCacheAheadTest, FailedAnnouncementsDoNotShow) {
  calls_.cache_ = Cache::kCold;
  calls_.fails_ = true;
  for (const bool back : {false, true}) {
    Scan(0, 4 << 20, back);
  }
  EXPECT_GT(calls_.count_, 0u);
}

TEST_P(PageCacheAheadTest, NothingWithoutABudget) {
  Open(0);
  calls_.cache_ = Cache::kCold;
  Scan(0, 4 << 20, false);
  Scan(0, 4 << 20, true);
  EXPECT_EQ(calls_.count_, 0u);
  EXPECT_EQ(calls_.questions_, 0u);
}

// RocksDB's own readahead(2) of a forward scan.
TEST_P(PageCacheAheadTest, WhatRocksDBPrefetchesIsNotAnnouncedAgain) {
  calls_.cache_ = Cache::kCold;
  ExpectRead(0, 4096);
  ASSERT_TRUE(file_->Prefetch(4096, 4 << 20, IOOptions(), nullptr).ok());
  calls_.bytes_ = 0;
  for (uint64_t offset = 4096; offset < 2 << 20; offset += 4096) {
    ExpectRead(offset, 4096);
  }
  EXPECT_LE(calls_.bytes_, 64u << 10);
}

// The real page cache: what was announced is there when it is read.
TEST_P(PageCacheAheadTest, TheDeviceReadsAheadOfAReverseScan) {
  struct statfs attributes = {};
  ASSERT_EQ(statfs(path_.c_str(), &attributes), 0);
  if (attributes.f_type == TMPFS_MAGIC) {
    GTEST_SKIP() << "tmpfs has no device";
  }
  DropCache(path_);
  const size_t reads = Scan(0, kFileSize, /*back=*/true);
  EXPECT_GT(reads, 3000u);
  EXPECT_EQ(Streams(/*back=*/true), 1u);
  EXPECT_GT(Event(StatEvent::kAnnounced), 0u);
}

TEST_P(PageCacheAheadTest, AFileThatGrowsIsReadToItsNewEnd) {
  const std::string more = RandomBytes(1 << 20, 32);
  DropCache(path_);
  Scan(12 << 20, kFileSize, /*back=*/false);
  std::string whole = model_ + more;
  WriteFile(path_, whole);
  for (uint64_t at = kFileSize - 4096; at < whole.size(); at += 4096) {
    Scratch scratch(4096);
    Slice result;
    ASSERT_TRUE(
        file_->Read(at, 4096, IOOptions(), &result, scratch.data(), nullptr)
            .ok());
    ASSERT_TRUE(scratch.Holds(result, whole, at, 4096, true));
  }
}

INSTANTIATE_TEST_SUITE_P(Files, PageCacheAheadTest,
                         ::testing::Values("000031.sst", "000031.blob"),
                         [](const auto& info) {
                           return std::string(info.param).substr(7);
                         });

}  // namespace
}  // namespace rocksdb_uring
