// Space that is taken before a file grows into it, and given back at its end;
// and what else a file tells the filesystem below: as the default file system.
//
// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include <cstdlib>
#include <string>

#include "rocksdb/iostats_context.h"
#include "rocksdb/perf_level.h"
#include "tests/support/file/file_pair.h"

namespace rocksdb_uring {
namespace {

using rocksdb::Env;
using rocksdb::FSWritableFile;
using rocksdb::IOOptions;
using rocksdb::PerfLevel;

constexpr size_t kPreallocated = 1 << 20;

// Bytes on the device, beside which the few blocks of the filesystem's own
// bookkeeping do not count.
::testing::AssertionResult SameSpace(const std::string& ours,
                                     const std::string& theirs) {
  constexpr int64_t kSector = 512;
  constexpr int64_t kBookkeeping = 16 * kBlock;
  const struct stat our_stat = AttributesOf(ours);
  const struct stat their_stat = AttributesOf(theirs);
  if (our_stat.st_size == their_stat.st_size &&
      std::abs(our_stat.st_blocks - their_stat.st_blocks) * kSector <=
          kBookkeeping) {
    return ::testing::AssertionSuccess();
  }
  return ::testing::AssertionFailure()
         << our_stat.st_size << " bytes in " << our_stat.st_blocks
         << " blocks; the default's: " << their_stat.st_size << " in "
         << their_stat.st_blocks;
}

// While a file is open, xfs takes room behind its end as it sees fit, where it
// was told of none.
bool GuessesSpace(const std::string& path) {
  struct statfs info = {};
  return statfs(path.c_str(), &info) == 0 && info.f_type == XFS_SUPER_MAGIC;
}

class PreallocationTest : public ::testing::TestWithParam<WriteCase> {
 protected:
  void SetUp() override {
    pair_.Put("");
    SkipWithoutDirectReads(GetParam().direct, pair_.our_path());
  }

  void New(bool allow_fallocate, bool keep_size) {
    pair_.options()->allow_fallocate = allow_fallocate;
    pair_.options()->fallocate_with_keep_size = keep_size;
    pair_.New();
    pair_.ours()->SetPreallocationBlockSize(kPreallocated);
    pair_.theirs()->SetPreallocationBlockSize(kPreallocated);
  }

  void Append(size_t size) {
    pair_.PrepareWrite(size);
    pair_.Append(size);
  }

  ::testing::AssertionResult SameSpaceNow() {
    return SameSpace(pair_.our_path(), pair_.their_path());
  }

  // Preallocated space is at once the size of a table that is written directly
  // behind.
  static bool SetsSizeAhead() {
    return GetParam().is_table() && GetParam().direct &&
           !GetParam().Has("writes=posix") &&
           !GetParam().Has("write_buffer_bytes=0") && WhyNoRing().empty();
  }

  // What is taken while the file is open; `blocks` have been preallocated.
  ::testing::AssertionResult SameSpaceWhileOpen(int64_t blocks) {
    if (!pair_.options()->allow_fallocate) {
      return GuessesSpace(pair_.our_path()) ? ::testing::AssertionSuccess()
                                            : SameSpaceNow();
    }
    if (!SetsSizeAhead()) {
      return SameSpaceNow();
    }
    const struct stat ours = AttributesOf(pair_.our_path());
    const int64_t taken = blocks * static_cast<int64_t>(kPreallocated);
    if (ours.st_size == taken && ours.st_blocks * 512 >= taken) {
      return ::testing::AssertionSuccess();
    }
    return ::testing::AssertionFailure()
           << ours.st_size << " bytes, not " << taken;
  }

  // Both files have been told to take this much, and told so.
  void ExpectPreallocated(size_t blocks) {
    for (FSWritableFile* file : {pair_.ours(), pair_.theirs()}) {
      size_t block_size = 0;
      size_t last_block = 0;
      file->GetPreallocationStatus(&block_size, &last_block);
      EXPECT_EQ(block_size, kPreallocated);
      EXPECT_EQ(last_block, blocks);
    }
  }

  void WriteAndEnd(bool closed) {
    Append(pair_.Place(5000));
    pair_.Sync();
    ExpectPreallocated(1);
    EXPECT_TRUE(SameSpaceWhileOpen(1));
    Append(pair_.Place(kPreallocated));
    Append(pair_.Place(10));
    pair_.Sync();
    ExpectPreallocated(2);
    EXPECT_TRUE(SameSpaceWhileOpen(2));
    if (closed) {
      pair_.Close();
    } else {
      pair_.Destroy();
    }
    EXPECT_EQ(static_cast<uint64_t>(AttributesOf(pair_.our_path()).st_size),
              pair_.size());
    EXPECT_TRUE(SameSpaceNow());
  }

  FilePair pair_{GetParam()};
};

TEST_P(PreallocationTest, TakenAndGivenBackAsTheDefaultDoes) {
  for (bool allow_fallocate : {true, false}) {
    for (bool keep_size : {true, false}) {
      for (bool closed : {true, false}) {
        SCOPED_TRACE(::testing::Message()
                     << "allow_fallocate " << allow_fallocate << ", keep_size "
                     << keep_size << ", closed " << closed);
        New(allow_fallocate, keep_size);
        WriteAndEnd(closed);
      }
    }
  }
}

TEST_P(PreallocationTest, GivenBackWhereNothingWasWritten) {
  New(true, true);
  pair_.PrepareWrite(100);
  EXPECT_GE(AttributesOf(pair_.our_path()).st_blocks * 512,
            static_cast<int64_t>(kPreallocated));
  pair_.Close();
  EXPECT_EQ(AttributesOf(pair_.our_path()).st_size, 0);
  EXPECT_TRUE(SameSpaceNow());
}

// What PrepareWrite has not asked for is not cut off at the end either.
TEST_P(PreallocationTest, SizeIsSetByPrepareWriteOnly) {
  New(true, true);
  for (FSWritableFile* file : {pair_.ours(), pair_.theirs()}) {
    EXPECT_TRUE(
        file->Allocate(kBlock, kPreallocated, IOOptions(), nullptr).ok());
  }
  EXPECT_EQ(AttributesOf(pair_.our_path()).st_size, 0);
  Append(pair_.Place(100));
  pair_.Close();
}

TEST_P(PreallocationTest, GivenBackAfterTruncate) {
  New(true, false);
  Append(pair_.Place(5000));
  pair_.Truncate(4321);
  pair_.Close();
  EXPECT_EQ(AttributesOf(pair_.our_path()).st_size, 4321);
  EXPECT_TRUE(SameSpaceNow());
}

TEST_P(PreallocationTest, AllocateAnswersAsTheDefault) {
  for (bool allow_fallocate : {true, false}) {
    New(allow_fallocate, false);
    // A range that ends beyond the largest file there can be is refused.
    for (uint64_t offset : {uint64_t{0}, uint64_t{INT64_MAX} - kBlock}) {
      for (uint64_t length : {uint64_t{0}, uint64_t{2 * kBlock}}) {
        pair_.ExpectSameOutcome([=](FSWritableFile* file) {
          return file->Allocate(offset, length, IOOptions(), nullptr);
        });
      }
    }
    // A file that cannot be preallocated can be written.
    pair_.Append(kBlock);
    pair_.Close();
  }
}

TEST_P(PreallocationTest, AllocationTimeIsKeptAtThePerfLevelsOfRocksDb) {
  rocksdb::IOStatsContext* const context = rocksdb::get_iostats_context();
  const PerfLevel before = rocksdb::GetPerfLevel();
  New(true, true);
  for (PerfLevel level :
       {PerfLevel::kDisable, PerfLevel::kEnableCount,
        PerfLevel::kEnableTimeExceptForMutex, PerfLevel::kEnableTime}) {
    rocksdb::SetPerfLevel(level);
    const auto grows = [&](FSWritableFile* file) {
      context->Reset();
      EXPECT_TRUE(file->Allocate(0, kBlock, IOOptions(), nullptr).ok());
      return context->allocate_nanos > 0;
    };
    EXPECT_EQ(grows(pair_.ours()), grows(pair_.theirs()))
        << static_cast<int>(level);
  }
  rocksdb::SetPerfLevel(before);
}

TEST_P(PreallocationTest, LifeTimeHintReachesTheFile) {
  pair_.New();
  const FileDescriptor fd(open(pair_.our_path().c_str(), O_RDONLY | O_CLOEXEC));
  uint64_t hint = 0;
  if (fcntl(fd.get(), F_GET_RW_HINT, &hint) != 0) {
    GTEST_SKIP() << "no hints on this filesystem";
  }
  for (auto wanted : {Env::WLTH_SHORT, Env::WLTH_EXTREME, Env::WLTH_EXTREME,
                      Env::WLTH_NONE, Env::WLTH_MEDIUM, Env::WLTH_LONG}) {
    pair_.ours()->SetWriteLifeTimeHint(wanted);
    EXPECT_EQ(pair_.ours()->GetWriteLifeTimeHint(), wanted);
    ASSERT_EQ(fcntl(fd.get(), F_GET_RW_HINT, &hint), 0);
    EXPECT_EQ(hint, static_cast<uint64_t>(wanted));
  }
  pair_.ours()->SetIOPriority(Env::IO_LOW);
  EXPECT_EQ(pair_.ours()->GetIOPriority(), Env::IO_LOW);
}

INSTANTIATE_TEST_SUITE_P(Writes, PreallocationTest,
                         ::testing::ValuesIn(FewWriteCases()), WriteCaseName);

}  // namespace
}  // namespace rocksdb_uring
