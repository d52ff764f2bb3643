// The file that RocksDB writes: each call compared with the default file
// system's, and each byte with what was written.
//
// SPDX-License-Identifier: Apache-2.0
#include <sys/resource.h>

#include <atomic>
#include <csignal>
#include <string>
#include <thread>

#include "env/file/write_behind.h"
#include "tests/support/file/file_pair.h"

namespace rocksdb_uring {
namespace {

using rocksdb::DataVerificationInfo;
using rocksdb::FileSystem;
using rocksdb::FSWritableFile;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

constexpr size_t kMiB = 1 << 20;

class WritableFileTest : public ::testing::TestWithParam<WriteCase> {
 protected:
  void SetUp() override {
    pair_.Put("");
    SkipWithoutDirectReads(GetParam().direct, pair_.our_path());
    pair_.New();
  }

  // What is on the disk of our file now.
  std::string OnDisk() { return ReadWholeFile(pair_.our_path()); }

  // The first failure of appending `data` and, for what is written behind,
  // of the sync after it.
  static IOStatus AppendAndSync(FSWritableFile* file, const Slice& data) {
    const IOStatus status = file->Append(data, IOOptions(), nullptr);
    return status.ok() ? file->Sync(IOOptions(), nullptr) : status;
  }

  FilePair pair_{GetParam()};
};

// What the statistics must name as the path of the case.
struct ExpectedPaths {
  explicit ExpectedPaths(const WriteCase& write_case) {
    const bool ring = WhyNoRing().empty();
    const bool writes = ring && write_case.Has("writes=uring");
    const bool buffers = !write_case.Has("write_buffer_bytes=0");
    const bool table = write_case.is_table() || write_case.is_blob();
    const bool automatic = ring && !write_case.Has("writes=");
    // Of a buffered blob the Flush would wait.
    behind =
        table && buffers &&
        (writes || (automatic && (write_case.direct || write_case.is_table())));
    write = behind   ? "write_behind.ring"
            : writes ? "write.ring"
                     : "write.posix";
    allocate = writes ? "ring" : "posix";
    sync = ring && write_case.Has("syncs=uring") ? "ring" : "posix";
    range_sync = ring && !write_case.Has("syncs=posix") ? "ring" : "posix";
  }
  bool behind = false;
  std::string write;
  std::string allocate;
  std::string sync;
  std::string range_sync;
};

TEST_P(WritableFileTest, AppendsOfManySizes) {
  for (size_t size :
       {size_t{0}, size_t{1}, size_t{511}, size_t{4096}, size_t{65536}, kMiB,
        size_t{0}, 3 * kMiB + 77, size_t{4097}}) {
    pair_.Append(pair_.Place(size));
    pair_.ExpectSizes();
  }
  pair_.Close();
}

TEST_P(WritableFileTest, AppendsOfNothing) {
  pair_.Append(0);
  pair_.Sync();
  pair_.ExpectSizes();
  pair_.Close();
}

// As RocksDB writes with direct I/O: whole blocks, of which the last is padded
// and written again together with what comes next.
TEST_P(WritableFileTest, PositionedAppendsThatRewriteTheTail) {
  uint64_t real_size = 0;
  for (size_t size : {100, 4096, 5000, 65536, 3, 600000, 1, 1 << 20, 12345}) {
    const uint64_t begin = real_size - real_size % kBlock;
    real_size += size;
    pair_.PositionedAppend(begin, RoundUp(real_size, kBlock) - begin);
    pair_.ExpectSizes();
    pair_.Flush();
  }
  pair_.Truncate(real_size);
  pair_.Fsync();
  pair_.Close();
}

TEST_P(WritableFileTest, TheSameBlockIsWrittenOverAndOver) {
  for (int round = 0; round < 100; ++round) {
    pair_.PositionedAppend(0, 2 * kBlock);
    pair_.PositionedAppend(kBlock, kBlock);
  }
  pair_.Close();
}

TEST_P(WritableFileTest, NothingIsWrittenUnderAWrongChecksum) {
  pair_.Append(pair_.Place(5000));
  for (size_t size : {4096, 65536, 1 << 20}) {
    static_assert(WriteBehind::kWriteBytesMax < kMiB);
    const std::string data = pair_.NextBytes(size);
    std::string checksum = HandedOverCrc32c(data);
    checksum[2] = static_cast<char>(checksum[2] ^ 4);
    DataVerificationInfo verification;
    verification.checksum = checksum;
    EXPECT_TRUE(
        pair_.ours()
            ->Append(pair_.Aligned(data), IOOptions(), verification, nullptr)
            .IsCorruption());
    EXPECT_TRUE(pair_.ours()
                    ->PositionedAppend(pair_.Aligned(data), 0, IOOptions(),
                                       verification, nullptr)
                    .IsCorruption());
    pair_.Sync();
    pair_.ExpectSizes();
    EXPECT_EQ(OnDisk().size(), pair_.size());
    // The next one takes the place.
    pair_.Append(size);
  }
  pair_.Close();
}

TEST_P(WritableFileTest, ChecksumsOfOtherKindsAreIgnored) {
  pair_.options()->handoff_checksum_type = rocksdb::ChecksumType::kxxHash;
  pair_.New();
  const std::string data = pair_.NextBytes(kBlock);
  DataVerificationInfo verification;
  verification.checksum = "nope";
  EXPECT_TRUE(
      pair_.ours()
          ->Append(pair_.Aligned(data), IOOptions(), verification, nullptr)
          .ok());
  EXPECT_TRUE(pair_.ours()->Close(IOOptions(), nullptr).ok());
  EXPECT_EQ(OnDisk(), data);
}

TEST_P(WritableFileTest, EveryByteCanBeReadAfterFlushOrSync) {
  for (size_t size : {1, 4096, 100, 70000, 1 << 20, 5, 300}) {
    pair_.Append(pair_.Place(size));
    pair_.Flush();
    if (!GetParam().is_table()) {
      // Others tail this file, and a killed process must not lose it.
      pair_.ExpectSameFiles();
    }
    pair_.Append(pair_.Place(size));
    pair_.Sync();
    pair_.ExpectSameFiles();
  }
  pair_.Append(pair_.Place(9));
  pair_.Fsync();
  pair_.ExpectSameFiles();
  pair_.Close();
}

TEST_P(WritableFileTest, RangeSyncs) {
  for (bool strict : {false, true}) {
    pair_.options()->strict_bytes_per_sync = strict;
    pair_.New();
    uint64_t synced = 0;
    for (size_t size : {4096, 200000, 0, 1 << 20, 300}) {
      pair_.Append(pair_.Place(size));
      pair_.Flush();
      pair_.Do([&](FSWritableFile* file) {
        return file->RangeSync(synced, pair_.size() - synced, IOOptions(),
                               nullptr);
      });
      synced = pair_.size();
    }
    // Again, and beyond the end.
    pair_.Do([](FSWritableFile* file) {
      return file->RangeSync(0, 1 << 30, IOOptions(), nullptr);
    });
    pair_.Sync();
    pair_.Close();
  }
}

TEST_P(WritableFileTest, TruncateToManySizes) {
  const size_t written = pair_.Place(200000);
  for (size_t size : {size_t{0}, written - 1, written, kMiB}) {
    pair_.New();
    pair_.Append(written);
    pair_.Truncate(size);
    pair_.ExpectSizes();
    pair_.Sync();
    EXPECT_EQ(OnDisk().size(), size);
    pair_.Close();
    EXPECT_EQ(OnDisk().size(), size);
  }
}

TEST_P(WritableFileTest, DestroyedWithoutClose) {
  for (size_t size : {0, 100, 700000}) {
    pair_.New();
    pair_.Append(pair_.Place(size));
    pair_.Append(pair_.Place(size));
    pair_.Destroy();
  }
}

TEST_P(WritableFileTest, CacheIsDroppedAsTheDefaultDoes) {
  pair_.Append(pair_.Place(300000));
  for (size_t length : {size_t{0}, size_t{8192}, kMiB}) {
    for (size_t offset : {0, 4096, 1 << 30}) {
      pair_.Do([=](FSWritableFile* file) {
        return file->InvalidateCache(offset, length);
      });
    }
  }
  pair_.Append(pair_.Place(1000));
  pair_.Close();
}

TEST_P(WritableFileTest, IdentityAndAlignmentAsTheDefault) {
  std::unique_ptr<FSWritableFile> theirs;
  ASSERT_TRUE(FileSystem::Default()
                  ->ReopenWritableFile(pair_.our_path(), *pair_.options(),
                                       &theirs, nullptr)
                  .ok());
  FSWritableFile* const ours = pair_.ours();
  char our_id[64] = {};
  char their_id[64] = {};
  const size_t size = ours->GetUniqueId(our_id, sizeof(our_id));
  ASSERT_EQ(size, theirs->GetUniqueId(their_id, sizeof(their_id)));
  EXPECT_EQ(std::string(our_id, size), std::string(their_id, size));
  for (size_t room : {0, 1, 29, 30}) {
    EXPECT_EQ(ours->GetUniqueId(our_id, room),
              theirs->GetUniqueId(their_id, room));
  }
  EXPECT_EQ(ours->use_direct_io(), theirs->use_direct_io());
  EXPECT_EQ(ours->use_direct_io(), GetParam().direct);
  EXPECT_EQ(ours->IsSyncThreadSafe(), theirs->IsSyncThreadSafe());
  const size_t alignment = theirs->GetRequiredBufferAlignment();
  if (GetParam().direct) {
    // The kernel may ask for more than the default file system knows.
    EXPECT_EQ(ours->GetRequiredBufferAlignment() % alignment, 0u);
  } else {
    EXPECT_EQ(ours->GetRequiredBufferAlignment(), alignment);
  }
}

TEST_P(WritableFileTest, SyncsBesideAppends) {
  ASSERT_TRUE(pair_.ours()->IsSyncThreadSafe());
  std::atomic<bool> done{false};
  std::thread syncer([&] {
    FSWritableFile* const file = pair_.ours();
    do {
      const IOStatus synced = file->Sync(IOOptions(), nullptr);
      EXPECT_TRUE(synced.ok()) << synced.ToString();
      const IOStatus fsynced = file->Fsync(IOOptions(), nullptr);
      EXPECT_TRUE(fsynced.ok()) << fsynced.ToString();
    } while (!done);
  });
  for (size_t i = 0; i < 50; ++i) {
    pair_.Append(pair_.Place(i * 777 % 30000));
    pair_.Flush();
    pair_.ExpectSizes();
  }
  done = true;
  syncer.join();
  pair_.Close();
}

// The first write that fails is not the one that is told, where writes are in
// flight; what is told is the same.
TEST_P(WritableFileTest, WritesBeyondTheSizeLimitFailAlike) {
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit before = {};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit limit = before;
  limit.rlim_cur = kMiB;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  pair_.Append(kMiB - 8 * kBlock);
  const std::string data = pair_.NextBytes(16 * kBlock);
  const IOStatus ours = AppendAndSync(pair_.ours(), pair_.Aligned(data));
  const IOStatus theirs = AppendAndSync(pair_.theirs(), pair_.Aligned(data));
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_TRUE(ours.IsIOError()) << ours.ToString();
  EXPECT_TRUE(SameOutcome(ours, theirs));
  if (ExpectedPaths(GetParam()).behind) {
    // The file is not what was written to it, and goes on saying so.
    EXPECT_TRUE(SameOutcome(pair_.ours()->Sync(IOOptions(), nullptr), ours));
    EXPECT_TRUE(SameOutcome(pair_.ours()->Close(IOOptions(), nullptr), ours));
  } else {
    // The append has said it.
    EXPECT_TRUE(pair_.ours()->Sync(IOOptions(), nullptr).ok());
    EXPECT_TRUE(pair_.ours()->Close(IOOptions(), nullptr).ok());
  }
  pair_.Destroy();
}

TEST_P(WritableFileTest, ClosedFilesTakeNothing) {
  pair_.Append(kBlock);
  pair_.Do(
      [](FSWritableFile* file) { return file->Close(IOOptions(), nullptr); });
  const std::string data = pair_.NextBytes(kBlock);
  // The append itself, too: nobody is told of what fails later.
  EXPECT_TRUE(SameOutcome(
      pair_.ours()->Append(pair_.Aligned(data), IOOptions(), nullptr),
      pair_.theirs()->Append(pair_.Aligned(data), IOOptions(), nullptr)));
  // A ring that the append has made stays.
  const size_t descriptors = OpenDescriptors();
  const IOStatus ours = AppendAndSync(pair_.ours(), pair_.Aligned(data));
  EXPECT_FALSE(ours.ok());
  EXPECT_TRUE(
      SameOutcome(ours, AppendAndSync(pair_.theirs(), pair_.Aligned(data))));
  pair_.Destroy();
  EXPECT_EQ(OpenDescriptors(), descriptors);
}

TEST_P(WritableFileTest, StatisticsNameThePath) {
  auto before = StatisticsOf(pair_.file_system());
  pair_.New();
  pair_.ours()->SetPreallocationBlockSize(8 * kMiB);
  pair_.ours()->PrepareWrite(0, 1, IOOptions(), nullptr);
  // Small pieces first: their buffers must not be in the way of large ones.
  for (size_t i = 0; i < 20; ++i) {
    pair_.Append(128 << 10);
  }
  // One of them hands over a checksum of more than a buffer holds.
  pair_.Append(2 * kMiB);
  pair_.Append(2 * kMiB);
  pair_.ours()->RangeSync(0, kBlock, IOOptions(), nullptr);
  pair_.Sync();
  pair_.ours()->RangeSync(0, pair_.size(), IOOptions(), nullptr);
  pair_.Fsync();
  const uint64_t written = pair_.size();
  pair_.ours()->Close(IOOptions(), nullptr);
  auto after = StatisticsOf(pair_.file_system());

  const auto grew = [&](const std::string& key) {
    EXPECT_EQ(after.count(key), 1u) << key;
    return after[key] - before[key];
  };
  const ExpectedPaths expected(GetParam());
  EXPECT_EQ(grew("opens"), 1u);
  EXPECT_EQ(grew("ops." + expected.write + ".bytes"), written);
  EXPECT_EQ(grew("ops.write.ring.bytes") + grew("ops.write.posix.bytes") +
                grew("ops.write_behind.ring.bytes") +
                grew("ops.write_behind.posix.bytes"),
            written);
  EXPECT_EQ(grew("ops.fallocate." + expected.allocate + ".count"), 1u);
  EXPECT_EQ(grew("ops.fdatasync." + expected.sync + ".count"), 1u);
  EXPECT_EQ(grew("ops.fsync." + expected.sync + ".count"), 1u);
  EXPECT_GE(grew("ops.sync_file_range." + expected.range_sync + ".count"), 1u);
  EXPECT_EQ(after["engine.write_buffer_used_bytes"], 0u);
}

INSTANTIATE_TEST_SUITE_P(Writes, WritableFileTest,
                         ::testing::ValuesIn(AllWriteCases()), WriteCaseName);

}  // namespace
}  // namespace rocksdb_uring
