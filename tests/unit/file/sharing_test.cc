// How many locks and shared lines an operation touches, by who shares them: the
// table in env/README.md. Two processors do not show what a lock of the process
// costs, and 128 do.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/base/sharing.h"

#include <functional>
#include <memory>
#include <string>

#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {
namespace {

using rocksdb::FileOptions;
using rocksdb::FSRandomAccessFile;
using rocksdb::FSReadRequest;
using rocksdb::FSWritableFile;
using rocksdb::IOOptions;
using rocksdb::Slice;

#ifdef NDEBUG
TEST(SharingTest, IsCounted) {
  GTEST_SKIP() << "locks are counted in builds with assertions";
}
#else

// At most so many of each for one operation, in hundredths: what happens for a
// batch or a window only counts in parts.
struct Limits {
  uint64_t file_locks = 0;
  uint64_t shard_locks = 0;
  uint64_t file_writes = 0;
  uint64_t process_locks = 0;
  uint64_t process_writes = 0;
};

class SharingTest : public ::testing::Test {
 protected:
  static constexpr size_t kFileSize = 4 << 20;

  void SetUp() override {
    WriteFile(path_, model_);
    file_system_ = OpenFileSystem("");
  }

  std::unique_ptr<FSRandomAccessFile> Open(bool direct) {
    return OpenRandomAccess(file_system_.get(), path_, direct);
  }

  // Runs `operation` until everything is warm, then counts.
  static void ExpectAtMost(const Limits& limits,
                           const std::function<void(int)>& operation) {
    constexpr int kWarm = 64;
    constexpr int kCounted = 100;
    for (int i = 0; i < kWarm; ++i) {
      operation(i);
    }
    const SharingCounts before = this_threads_sharing;
    for (int i = kWarm; i < kWarm + kCounted; ++i) {
      operation(i);
    }
    const SharingCounts after = this_threads_sharing;
    const auto locks = [&](SharedBy by) {
      const auto i = static_cast<size_t>(by);
      return after.locks[i] - before.locks[i];
    };
    const auto writes = [&](SharedBy by) {
      const auto i = static_cast<size_t>(by);
      return after.writes[i] - before.writes[i];
    };
    EXPECT_LE(locks(SharedBy::kProcess), limits.process_locks);
    EXPECT_LE(writes(SharedBy::kProcess), limits.process_writes);
    EXPECT_EQ(locks(SharedBy::kFileSystem), 0u);
    EXPECT_LE(locks(SharedBy::kFile), limits.file_locks);
    EXPECT_LE(locks(SharedBy::kShard), limits.shard_locks);
    EXPECT_LE(writes(SharedBy::kFile), limits.file_writes);
    RecordProperty("process_writes",
                   static_cast<int>(writes(SharedBy::kProcess)));
    RecordProperty("file_locks", static_cast<int>(locks(SharedBy::kFile)));
    RecordProperty("file_writes", static_cast<int>(writes(SharedBy::kFile)));
    RecordProperty("shard_locks", static_cast<int>(locks(SharedBy::kShard)));
    RecordProperty("shard_writes", static_cast<int>(writes(SharedBy::kShard)));
  }

  static void Read(const FSRandomAccessFile& file, uint64_t offset,
                   size_t length) {
    Scratch scratch(length);
    Slice result;
    const rocksdb::IOStatus status = file.Read(
        offset, length, IOOptions(), &result, scratch.data(), nullptr);
    EXPECT_TRUE(status.ok()) << status.ToString();
    EXPECT_EQ(result.size(), length);
  }

  // Far from each other: no stream.
  static uint64_t Somewhere(int i) {
    return static_cast<uint64_t>(i) * 37 % 1000 * kBlock;
  }

  static void MultiRead(FSRandomAccessFile* file, int i) {
    constexpr size_t kReads = 32;
    static Scratch scratch(kReads * kBlock);
    FSReadRequest requests[kReads];
    for (size_t k = 0; k < kReads; ++k) {
      requests[k].offset = Somewhere(i + static_cast<int>(k));
      requests[k].len = kBlock;
      requests[k].scratch = scratch.data() + k * kBlock;
    }
    EXPECT_TRUE(file->MultiRead(requests, kReads, IOOptions(), nullptr).ok());
    EXPECT_TRUE(requests[kReads - 1].status.ok());
  }

  void ExpectAppends(const std::string& name, bool direct, size_t size,
                     bool sync, const Limits& limits) {
    FileOptions options;
    options.use_direct_writes = direct;
    std::unique_ptr<FSWritableFile> file;
    ASSERT_TRUE(
        file_system_
            ->NewWritableFile(directory_.file(name), options, &file, nullptr)
            .ok());
    Scratch scratch(size);
    uint64_t offset = 0;
    ExpectAtMost(limits, [&](int) {
      const Slice data(scratch.data(), size);
      const rocksdb::IOStatus status =
          direct ? file->PositionedAppend(data, offset, IOOptions(), nullptr)
                 : file->Append(data, IOOptions(), nullptr);
      EXPECT_TRUE(status.ok()) << status.ToString();
      offset += size;
      if (sync) {
        EXPECT_TRUE(file->Sync(IOOptions(), nullptr).ok());
      }
    });
    EXPECT_TRUE(file->Close(IOOptions(), nullptr).ok());
  }

  TempDir directory_;
  const std::string path_ = directory_.file("000031.sst");
  const std::string model_ = RandomBytes(kFileSize, 31);
  std::shared_ptr<rocksdb::FileSystem> file_system_;
};

TEST_F(SharingTest, APointReadLocksNothing) {
  const auto file = Open(false);
  ExpectAtMost({}, [&](int i) { Read(*file, Somewhere(i), 4000); });
}

TEST_F(SharingTest, ADirectPointReadLocksNothing) {
  SkipWithoutDirectReads(true, path_);
  const auto file = Open(true);
  ExpectAtMost({}, [&](int i) { Read(*file, Somewhere(i), kBlock); });
}

TEST_F(SharingTest, ABufferedBatchLocksNothing) {
  const auto file = Open(false);
  Limits limits;
  // When the machine is busy the file may look as if it were not cached.
  limits.file_writes = 100;
  ExpectAtMost(limits, [&](int i) { MultiRead(file.get(), i); });
}

// Files outside the share, as those inside.
TEST_F(SharingTest, OutsideTheShareNothingIsLocked) {
  file_system_ = OpenFileSystem("share=0");
  const auto file = Open(false);
  ExpectAtMost({}, [&](int i) { Read(*file, Somewhere(i), 4000); });
  ExpectAtMost({}, [&](int i) { MultiRead(file.get(), i); });
  ExpectAppends("000036.log", /*direct=*/false, 1000, /*sync=*/true, {});
  ExpectAppends("000037.sst", /*direct=*/false, 64 << 10, /*sync=*/false, {});
}

// The shelf of its ring, twice.
TEST_F(SharingTest, ADirectBatchLocksItsShelf) {
  SkipWithoutDirectReads(true, path_);
  const auto file = Open(true);
  Limits limits;
  limits.shard_locks = 200;
  ExpectAtMost(limits, [&](int i) { MultiRead(file.get(), i); });
}

TEST_F(SharingTest, ABlockOfABufferedScanLocksNothing) {
  const auto file = Open(false);
  ExpectAtMost({}, [&](int i) {
    Read(*file, static_cast<uint64_t>(i) * kBlock, kBlock);
  });
}

// The file's read-ahead, twice; a window's buffer now and then.
TEST_F(SharingTest, ABlockOfADirectScanLocksItsFile) {
  SkipWithoutDirectReads(true, path_);
  const auto file = Open(true);
  Limits limits;
  limits.file_locks = 200;
  limits.shard_locks = 300;
  limits.process_writes = 20;
  ExpectAtMost(limits, [&](int i) {
    Read(*file, static_cast<uint64_t>(i) * kBlock, kBlock);
  });
}

TEST_F(SharingTest, AnAsynchronousReadLocksItsShard) {
  SkipWithoutDirectReads(true, path_);
  for (const bool direct : {false, true}) {
    DropCache(path_);
    const auto file = Open(direct);
    Limits limits;
    limits.shard_locks = 500;
    // What the page cache was asked, of a buffered file.
    limits.file_writes = direct ? 0 : 300;
    ExpectAtMost(limits, [&](int i) {
      AsyncCall call(Somewhere(i), kBlock);
      ASSERT_TRUE(call.Start(file.get()).ok());
      if (call.handle() != nullptr) {
        EXPECT_TRUE(Poll(file_system_.get(), {call.handle()}).ok());
      }
      EXPECT_TRUE(call.Delivered(model_));
    });
  }
}

TEST_F(SharingTest, AnAppendToALogLocksNothing) {
  ExpectAppends("000032.log", /*direct=*/false, 1000, /*sync=*/false, {});
  ExpectAppends("000033.log", /*direct=*/false, 1000, /*sync=*/true, {});
}

// But for the appends that start a step of the write-out, one in 64.
TEST_F(SharingTest, AnAppendToABufferedTableLocksNothing) {
  Limits limits;
  limits.process_writes = 8;
  limits.file_locks = 4;
  limits.shard_locks = 8;
  ExpectAppends("000034.sst", /*direct=*/false, 64 << 10, /*sync=*/false,
                limits);
}

// The file's list of writes, and the shard that takes them. A buffer is taken
// from the budget, which the process shares, when more writes than ever are in
// flight: up to eight times, and later than warm where others use the
// processor.
TEST_F(SharingTest, AnAppendToADirectTableLocksItsFile) {
  SkipWithoutDirectReads(true, path_);
  Limits limits;
  limits.process_writes = 16;
  limits.file_locks = 400;
  limits.shard_locks = 1200;
  ExpectAppends("000035.sst", /*direct=*/true, 64 << 10, /*sync=*/false,
                limits);
}

#if ROCKSDB_URING_ROCKSDB_GE(8, 4)
// RocksDB asks for every block that it fetches.
TEST_F(SharingTest, SupportedOpsLocksNothing) {
  ExpectAtMost({}, [&](int) {
    int64_t supported = 0;
    file_system_->SupportedOps(supported);
  });
}
#endif

// What RocksDB 8.4 and newer ask through SupportedOps.
TEST_F(SharingTest, TheQuestionForAsynchronousReadsLocksNothing) {
  auto* const versioned = static_cast<VersionedFileSystem*>(file_system_.get());
  ExpectAtMost({}, [&](int) { versioned->ReadsAsynchronously(); });
}

#endif

}  // namespace
}  // namespace rocksdb_uring
