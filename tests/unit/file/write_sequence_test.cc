// Random calls on written files, thousands in a row, made through the plugin
// and through the default file system: the same statuses, sizes and bytes.
//
// SPDX-License-Identifier: Apache-2.0
#include <random>
#include <string>

#include "tests/support/file/file_pair.h"

namespace rocksdb_uring {
namespace {

using rocksdb::FSWritableFile;
using rocksdb::IOOptions;

constexpr uint64_t kFileBytesMax = 2 << 20;

// One thread of a program that writes files by all the ways that RocksDB does.
class WriteSequence {
 public:
  WriteSequence(const WriteCase& write_case, uint64_t seed)
      : case_(write_case), random_(seed), pair_(write_case) {}

  void Step() {
    if (!pair_.open()) {
      Open();
    } else if (pair_.size() > kFileBytesMax) {
      pair_.Close();
    } else {
      Call(Below(100));
    }
  }

  void Finish() {
    if (pair_.open()) {
      pair_.Close();
    }
  }

 private:
  // How the open file is written. The two ways are not to be mixed, and the
  // default file system forgets its place when a file is truncated, unless it
  // was reopened.
  enum class Way { kAppend, kAppendBehindTheEnd, kPositioned };

  uint64_t Below(uint64_t bound) { return random_() % bound; }
  bool OneIn(uint64_t bound) { return Below(bound) == 0; }

  size_t RandomSize() {
    if (OneIn(80)) {
      return pair_.Place(Below(1400000));
    }
    return pair_.Place(OneIn(8) ? Below(70000) : Below(3000));
  }

  void Open() {
    pair_.options()->strict_bytes_per_sync = OneIn(2);
    pair_.options()->allow_fallocate = !OneIn(4);
    pair_.options()->fallocate_with_keep_size = OneIn(2);
    way_ = OneIn(2) ? Way::kAppend : Way::kPositioned;
    size_t preallocation = OneIn(2) ? 0 : size_t{4096} << Below(9);
    switch (Below(4)) {
      case 0:
        if (OneIn(2)) {
          pair_.Put(pair_.NextBytes(RandomSize()));
        }
        pair_.Reopen();
        // The default file system would cut off what was there.
        preallocation = 0;
        way_ = Way::kAppendBehindTheEnd;
        aligned_ = IsAligned(pair_.size(), kBlock);
        break;
      case 1:
        pair_.Reuse(pair_.NextBytes(pair_.Place(Below(300000))));
        aligned_ = true;
        break;
      default:
        pair_.New();
        aligned_ = true;
    }
    pair_.ours()->SetPreallocationBlockSize(preallocation);
    pair_.theirs()->SetPreallocationBlockSize(preallocation);
  }

  void Call(uint64_t dice) {
    if (dice < 70) {
      Write();
    } else if (dice < 82) {
      Flush();
    } else if (dice < 84) {
      RangeSync();
    } else if (dice < 85) {
      Sync();
    } else if (dice < 86) {
      InvalidateCache();
    } else if (dice < 90) {
      Truncate();
    } else if (dice < 97) {
      pair_.ExpectSizes();
    } else if (dice < 99) {
      pair_.Close();
    } else {
      pair_.Destroy();
    }
  }

  void Write() {
    // Direct writes cannot go on behind a size that is no whole block.
    if (case_.direct && !aligned_) {
      pair_.Close();
      return;
    }
    const size_t size = RandomSize();
    pair_.PrepareWrite(size);
    if (way_ != Way::kPositioned) {
      pair_.Append(size);
      return;
    }
    // Often over the tail of what was written before.
    const uint64_t back = OneIn(2) ? 0 : pair_.Place(Below(9000));
    pair_.PositionedAppend(pair_.size() - std::min(back, pair_.size()), size);
  }

  void Flush() {
    pair_.Flush();
    if (!case_.is_table() && OneIn(8)) {
      pair_.ExpectSameFiles();
    }
  }

  void RangeSync() {
    const uint64_t begin = Below(pair_.size() + 1);
    const uint64_t length = Below(pair_.size() - begin + 1);
    pair_.Do([=](FSWritableFile* file) {
      return file->RangeSync(begin, length, IOOptions(), nullptr);
    });
  }

  void Sync() {
    // Seldom, for the device's sake.
    switch (Below(4)) {
      case 0:
        pair_.Sync();
        pair_.ExpectSameFiles();
        break;
      case 1:
        pair_.Fsync();
        pair_.ExpectSameFiles();
        break;
      default:
        pair_.ExpectSizes();
    }
  }

  void InvalidateCache() {
    const uint64_t offset = Below(pair_.size() + 1);
    const uint64_t length = Below(pair_.size() + 1);
    pair_.Do([=](FSWritableFile* file) {
      return file->InvalidateCache(offset, length);
    });
  }

  void Truncate() {
    const uint64_t size = Below(pair_.size() + 5000);
    pair_.Truncate(case_.direct && OneIn(2) ? pair_.Place(size) : size);
    aligned_ = IsAligned(pair_.size(), kBlock);
    if (way_ == Way::kAppend) {
      pair_.Close();
    }
  }

  const WriteCase case_;
  std::mt19937_64 random_;
  FilePair pair_;
  Way way_ = Way::kAppend;
  bool aligned_ = true;
};

// Chance finds more with ROCKSDB_URING_TEST_FULL.
int Steps() { return FullTests() ? 2000 : 700; }

class WriteSequenceTest : public ::testing::TestWithParam<WriteCase> {};

TEST_P(WriteSequenceTest, RandomCalls) {
  TempDir directory;
  WriteFile(directory.file("file"), "");
  SkipWithoutDirectReads(GetParam().direct, directory.file("file"));
  WriteSequence sequence(GetParam(), TestSeed());
  for (int step = 0; step < Steps(); ++step) {
    sequence.Step();
    ASSERT_FALSE(HasFailure()) << "seed " << TestSeed() << ", step " << step;
  }
  sequence.Finish();
  EXPECT_FALSE(HasFailure()) << "seed " << TestSeed();
}

INSTANTIATE_TEST_SUITE_P(Writes, WriteSequenceTest,
                         ::testing::ValuesIn(AllWriteCases()), WriteCaseName);

}  // namespace
}  // namespace rocksdb_uring
