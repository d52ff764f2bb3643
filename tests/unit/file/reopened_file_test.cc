// Files that are written on: reopened ones, and recycled ones that keep their
// blocks; compared with the default file system's.
//
// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <string>

#include "tests/support/file/file_pair.h"

namespace rocksdb_uring {
namespace {

using rocksdb::FileSystem;
using rocksdb::FSWritableFile;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

class ReopenedFileTest : public ::testing::TestWithParam<WriteCase> {
 protected:
  void SetUp() override {
    pair_.Put(old_);
    SkipWithoutDirectReads(GetParam().direct, pair_.our_path());
  }

  std::string OnDisk() { return ReadWholeFile(pair_.our_path()); }

  FilePair pair_{GetParam()};
  const std::string old_ = RandomBytes(25 * kBlock, 25);
};

TEST_P(ReopenedFileTest, AppendsBehindWhatIsThere) {
  for (size_t tail : {0, 4}) {
    const std::string before = old_ + pair_.NextBytes(pair_.Place(tail));
    pair_.Put(before);
    pair_.Reopen();
    pair_.ExpectSizes();
    for (size_t size : {1000, 65536, 0, 700000}) {
      pair_.Append(pair_.Place(size));
      pair_.ExpectSizes();
      pair_.Flush();
    }
    pair_.Sync();
    pair_.ExpectSameFiles();
    pair_.Close();
    EXPECT_EQ(OnDisk().compare(0, before.size(), before), 0);
  }
}

TEST_P(ReopenedFileTest, MadeWhereItIsMissing) {
  for (const std::string& path : {pair_.our_path(), pair_.their_path()}) {
    ASSERT_EQ(unlink(path.c_str()), 0);
  }
  pair_.Reopen();
  pair_.ExpectSizes();
  pair_.Append(pair_.Place(5000));
  pair_.Close();
}

TEST_P(ReopenedFileTest, UntouchedUnlessAppendedTo) {
  pair_.Reopen();
  pair_.Close();
  EXPECT_EQ(OnDisk(), old_);
  pair_.Reopen();
  pair_.Sync();
  pair_.Destroy();
  EXPECT_EQ(OnDisk(), old_);
}

// The default file system counts from 0 and cuts off what was there.
TEST_P(ReopenedFileTest, NotShortenedByItsPreallocation) {
  for (bool keep_size : {false, true}) {
    for (size_t appended : {size_t{0}, 2 * kBlock}) {
      pair_.Put(old_);
      pair_.options()->fallocate_with_keep_size = keep_size;
      pair_.Reopen();
      FSWritableFile* const ours = pair_.ours();
      ours->SetPreallocationBlockSize(1 << 20);
      ours->PrepareWrite(ours->GetFileSize(IOOptions(), nullptr), appended,
                         IOOptions(), nullptr);
      EXPECT_GE(AttributesOf(pair_.our_path()).st_blocks * 512, 1 << 20);
      const std::string more = pair_.NextBytes(appended);
      EXPECT_TRUE(ours->Append(pair_.Aligned(more), IOOptions(), nullptr).ok());
      EXPECT_TRUE(ours->Close(IOOptions(), nullptr).ok());
      EXPECT_EQ(OnDisk(), old_ + more);
      EXPECT_LT(AttributesOf(pair_.our_path()).st_blocks * 512, 1 << 19);
    }
  }
}

// As RocksDB does with the last WAL of a database that it recovers.
TEST_P(ReopenedFileTest, TruncatedAndClosed) {
  for (size_t size : {old_.size(), old_.size() - 1, size_t{0}}) {
    pair_.Put(old_);
    pair_.Reopen();
    pair_.Truncate(size);
    pair_.ExpectSizes();
    pair_.Close();
    EXPECT_EQ(OnDisk(), old_.substr(0, size));
  }
}

TEST_P(ReopenedFileTest, RecycledFileKeepsItsBlocks) {
  for (bool closed : {false, true}) {
    pair_.Reuse(old_);
    pair_.ExpectSizes();
    EXPECT_EQ(OnDisk(), old_);
    pair_.Append(2 * kBlock);
    pair_.Sync();
    // The rest is still there, for as long as nothing is written over it.
    EXPECT_EQ(OnDisk().size(), old_.size());
    EXPECT_EQ(OnDisk().substr(2 * kBlock), old_.substr(2 * kBlock));
    pair_.ExpectSameFiles();
    pair_.Append(kBlock);
    if (closed) {
      pair_.Close();
    } else {
      pair_.Destroy();
    }
    EXPECT_EQ(OnDisk().size(), old_.size());
  }
}

TEST_P(ReopenedFileTest, RecycledFileIsTrimmedIfItWasPreallocated) {
  for (bool closed : {false, true}) {
    pair_.options()->fallocate_with_keep_size = closed;
    pair_.Reuse(old_);
    for (FSWritableFile* file : {pair_.ours(), pair_.theirs()}) {
      file->SetPreallocationBlockSize(1 << 20);
    }
    pair_.PrepareWrite(kBlock);
    pair_.Append(kBlock);
    if (closed) {
      pair_.Close();
    } else {
      pair_.Destroy();
    }
    EXPECT_EQ(OnDisk().size(), kBlock);
    EXPECT_LT(AttributesOf(pair_.our_path()).st_blocks * 512, 1 << 19);
  }
}

TEST_P(ReopenedFileTest, RecycledFileGrowsBeyondWhatItWas) {
  pair_.Reuse(old_);
  for (int i = 0; i < 10; ++i) {
    pair_.Append(pair_.Place(20000));
    pair_.Flush();
  }
  pair_.Close();
}

TEST_P(ReopenedFileTest, OldNameIsGone) {
  TempDir directory;
  const std::string old_name = directory.file("old");
  const std::string new_name = directory.file(GetParam().name);
  WriteFile(old_name, old_);
  // Its blocks, not only its bytes.
  const ino_t inode = AttributesOf(old_name).st_ino;
  std::unique_ptr<FSWritableFile> file;
  ASSERT_TRUE(pair_.file_system()
                  ->ReuseWritableFile(new_name, old_name, *pair_.options(),
                                      &file, nullptr)
                  .ok());
  EXPECT_NE(access(old_name.c_str(), F_OK), 0);
  EXPECT_EQ(AttributesOf(new_name).st_ino, inode);
  file.reset();
  EXPECT_EQ(ReadWholeFile(new_name), old_);
}

TEST_P(ReopenedFileTest, PlugInWasEntered) {
  const uint64_t before = StatisticsOf(pair_.file_system())["opens"];
  pair_.Reopen();
  pair_.Reuse(old_);
  EXPECT_EQ(StatisticsOf(pair_.file_system())["opens"], before + 2);
}

INSTANTIATE_TEST_SUITE_P(Writes, ReopenedFileTest,
                         ::testing::ValuesIn(FewWriteCases()), WriteCaseName);

}  // namespace
}  // namespace rocksdb_uring
