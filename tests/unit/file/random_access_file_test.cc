// Read and MultiRead of the file that tables are read from, each compared with
// the default file system's and with what was written.
//
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "rocksdb_uring/uring.h"
#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {
namespace {

using rocksdb::FileSystem;
using rocksdb::FSRandomAccessFile;
using rocksdb::FSReadRequest;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

struct FileCase {
  bool direct;
  const char* reads;
};

void PrintTo(const FileCase& file_case, std::ostream* out) {
  *out << (file_case.direct ? "direct, reads=" : "buffered, reads=")
       << file_case.reads;
}

struct Range {
  uint64_t offset;
  size_t length;
};

class RandomAccessFileTest : public ::testing::TestWithParam<FileCase> {
 protected:
  static constexpr size_t kFileSize = (1 << 20) + 1234;

  void SetUp() override {
    WriteFile(path_, model_);
    SkipWithoutDirectReads(direct(), path_);
    file_system_ = OpenFileSystem(std::string("reads=") + GetParam().reads);
    ours_ = OpenRandomAccess(file_system_.get(), path_, direct());
    theirs_ = OpenRandomAccess(FileSystem::Default().get(), path_, direct());
    ASSERT_NE(ours_, nullptr);
    ASSERT_NE(theirs_, nullptr);
  }

  static bool direct() { return GetParam().direct; }
  // Direct reads have whole blocks.
  static uint64_t Place(uint64_t value) {
    return direct() ? RoundUp(value, kBlock) : value;
  }

  void ExpectRead(uint64_t offset, size_t length) {
    Scratch ours(length);
    Scratch theirs(length);
    Slice our_result;
    Slice their_result;
    const IOStatus our_status = ours_->Read(offset, length, IOOptions(),
                                            &our_result, ours.data(), nullptr);
    const IOStatus their_status = theirs_->Read(
        offset, length, IOOptions(), &their_result, theirs.data(), nullptr);
    EXPECT_TRUE(SameStatus(our_status, their_status));
    EXPECT_EQ(our_result.size(), their_result.size());
    EXPECT_TRUE(ours.Holds(our_result, model_, offset, length, !direct()));
  }

  void ExpectMultiRead(const std::vector<Range>& ranges) {
    std::vector<Scratch> ours;
    std::vector<FSReadRequest> requests = Requests(ranges, &ours);
    std::vector<Scratch> theirs;
    std::vector<FSReadRequest> their_requests = Requests(ranges, &theirs);
    ASSERT_TRUE(
        ours_->MultiRead(requests.data(), requests.size(), IOOptions(), nullptr)
            .ok());
    ASSERT_TRUE(theirs_
                    ->MultiRead(their_requests.data(), their_requests.size(),
                                IOOptions(), nullptr)
                    .ok());
    for (size_t i = 0; i < ranges.size(); ++i) {
      EXPECT_TRUE(SameStatus(requests[i].status, their_requests[i].status));
      EXPECT_EQ(requests[i].result.size(), their_requests[i].result.size());
      EXPECT_TRUE(ours[i].Holds(requests[i].result, model_, ranges[i].offset,
                                ranges[i].length, !direct()))
          << "request " << i << " of " << ranges.size();
    }
  }

  static std::vector<FSReadRequest> Requests(const std::vector<Range>& ranges,
                                             std::vector<Scratch>* scratch) {
    std::vector<FSReadRequest> requests(ranges.size());
    scratch->reserve(ranges.size());
    for (size_t i = 0; i < ranges.size(); ++i) {
      scratch->emplace_back(ranges[i].length);
      requests[i].offset = ranges[i].offset;
      requests[i].len = ranges[i].length;
      requests[i].scratch = scratch->back().data();
      // What MultiRead must overwrite.
      requests[i].status = IOStatus::Corruption("not set");
      requests[i].result = Slice("not set");
    }
    return requests;
  }

  Range RandomRange(std::mt19937_64* random) {
    const uint64_t offset = Place((*random)() % (kFileSize + 3 * kBlock));
    return {offset, static_cast<size_t>(Place(1 + (*random)() % 30000))};
  }

  TempDir directory_;
  const std::string path_ = directory_.file("000012.sst");
  const std::string model_ = RandomBytes(kFileSize, 12);
  std::shared_ptr<FileSystem> file_system_;
  std::unique_ptr<FSRandomAccessFile> ours_;
  std::unique_ptr<FSRandomAccessFile> theirs_;
};

TEST_P(RandomAccessFileTest, ReadsOfManySizes) {
  for (size_t length : {1, 511, 4096, 4097, 65536, 300000, 1 << 20}) {
    for (uint64_t offset : {0, 1, 4095, 4096, 70001, 1 << 19}) {
      ExpectRead(Place(offset), Place(length));
    }
  }
}

TEST_P(RandomAccessFileTest, ReadsAtTheEnd) {
  for (size_t length : {4096, 8192, 65536, 2 << 20}) {
    ExpectRead(Place(kFileSize - 2 * kBlock), length);
    ExpectRead(Place(kFileSize) - kBlock, length);
  }
}

TEST_P(RandomAccessFileTest, ReadsBeyondTheEndGiveNothing) {
  for (uint64_t beyond : {0, 4096, 1 << 20}) {
    ExpectRead(RoundUp(kFileSize, kBlock) + beyond, kBlock);
  }
  ExpectMultiRead({{RoundUp(kFileSize, kBlock), kBlock},
                   {RoundUp(kFileSize, kBlock) + (1 << 20), 4 * kBlock}});
}

TEST_P(RandomAccessFileTest, ReadsOfNothing) {
  // The default file system gives an error with whatever errno holds here.
  Scratch scratch(kBlock);
  Slice result("not set");
  EXPECT_TRUE(
      ours_->Read(kBlock, 0, IOOptions(), &result, scratch.data(), nullptr)
          .ok());
  EXPECT_TRUE(scratch.Holds(result, model_, kBlock, 0, true));
  FSReadRequest request;
  request.offset = 0;
  request.len = 0;
  request.scratch = scratch.data();
  EXPECT_TRUE(ours_->MultiRead(&request, 1, IOOptions(), nullptr).ok());
  EXPECT_TRUE(request.status.ok());
  EXPECT_EQ(request.result.size(), 0u);
  EXPECT_TRUE(ours_->MultiRead(&request, 0, IOOptions(), nullptr).ok());
}

TEST_P(RandomAccessFileTest, BatchesOfAllSizes) {
  std::mt19937_64 random(7);
  for (size_t count : {1, 2, 3, 8, 31, 32, 33, 64, 65, 200, 1000}) {
    std::vector<Range> ranges;
    for (size_t i = 0; i < count; ++i) {
      ranges.push_back({Place(random() % kFileSize), kBlock});
    }
    ExpectMultiRead(ranges);
  }
}

TEST_P(RandomAccessFileTest, SortedUnsortedAndReversedBatches) {
  std::mt19937_64 random(8);
  std::vector<Range> ranges;
  for (size_t i = 0; i < 40; ++i) {
    ranges.push_back(RandomRange(&random));
  }
  ExpectMultiRead(ranges);
  std::sort(ranges.begin(), ranges.end(),
            [](const Range& a, const Range& b) { return a.offset < b.offset; });
  ExpectMultiRead(ranges);
  std::reverse(ranges.begin(), ranges.end());
  ExpectMultiRead(ranges);
}

TEST_P(RandomAccessFileTest, BatchesThatRepeatAndOverlap) {
  ExpectMultiRead({{4096, 8192},
                   {4096, 8192},
                   {8192, 4096},
                   {0, 65536},
                   {8192, 16384},
                   {0, 65536}});
}

TEST_P(RandomAccessFileTest, BatchOfAdjacentRequests) {
  std::vector<Range> ranges;
  for (size_t i = 0; i < 128; ++i) {
    ranges.push_back({i * kBlock, kBlock});
  }
  ExpectMultiRead(ranges);
}

TEST_P(RandomAccessFileTest, BatchAcrossTheEnd) {
  std::vector<Range> ranges;
  for (size_t i = 0; i < 64; ++i) {
    ranges.push_back({RoundUp(kFileSize, kBlock) - 32 * kBlock + i * kBlock,
                      static_cast<size_t>(1 + i % 3) * kBlock});
  }
  ExpectMultiRead(ranges);
}

TEST_P(RandomAccessFileTest, ColdAndWarmBatches) {
  std::mt19937_64 random(9);
  std::vector<Range> ranges;
  for (size_t i = 0; i < 64; ++i) {
    ranges.push_back(RandomRange(&random));
  }
  DropCache(path_);
  ExpectMultiRead(ranges);
  ExpectMultiRead(ranges);
  // Half of it cached.
  DropCache(path_);
  ExpectRead(0, kFileSize / 2 / kBlock * kBlock);
  ExpectMultiRead(ranges);
}

TEST_P(RandomAccessFileTest, RandomReadsAndBatches) {
  std::mt19937_64 random(TestSeed());
  for (int round = 0; round < 200; ++round) {
    if (random() % 16 == 0) {
      DropCache(path_);
    }
    if (random() % 2 == 0) {
      const Range range = RandomRange(&random);
      ExpectRead(range.offset, range.length);
      continue;
    }
    std::vector<Range> ranges(1 + random() % 80);
    for (Range& range : ranges) {
      range = RandomRange(&random);
    }
    ExpectMultiRead(ranges);
    ASSERT_FALSE(HasFailure()) << "seed " << TestSeed();
  }
}

TEST_P(RandomAccessFileTest, ManyThreadsOnOneFile) {
  Threads threads;
  for (int thread = 0; thread < 8; ++thread) {
    threads.Start([this, thread] {
      std::mt19937_64 random(TestSeed() + static_cast<uint64_t>(thread));
      for (int round = 0; round < 30; ++round) {
        const Range range = RandomRange(&random);
        ExpectRead(range.offset, range.length);
        std::vector<Range> ranges(1 + random() % 40);
        std::generate(ranges.begin(), ranges.end(),
                      [&] { return RandomRange(&random); });
        ExpectMultiRead(ranges);
      }
    });
  }
}

TEST_P(RandomAccessFileTest, StatisticsNameThePath) {
  auto before = StatisticsOf(file_system_.get());
  std::vector<Range> ranges;
  for (size_t i = 0; i < 32; ++i) {
    ranges.push_back({i * 2 * kBlock, kBlock});
  }
  ExpectMultiRead(ranges);
  auto after = StatisticsOf(file_system_.get());
  const auto grew = [&](const std::string& path) {
    const std::string key = "ops.multi_read." + path + ".count";
    return after[key] - before[key];
  };
  EXPECT_EQ(grew("ring") + grew("posix") + grew("page_cache"), 32u);
  const std::string reads = GetParam().reads;
  if (reads == "posix") {
    EXPECT_EQ(grew("ring"), 0u);
  } else if (WhyNoRing().empty() && (reads == "uring" || direct())) {
    EXPECT_EQ(grew("ring"), 32u);
  }
}

TEST_P(RandomAccessFileTest, HintsAndPrefetchAsTheDefault) {
  for (auto hint :
       {FSRandomAccessFile::kNormal, FSRandomAccessFile::kRandom,
        FSRandomAccessFile::kSequential, FSRandomAccessFile::kWillNeed,
        FSRandomAccessFile::kWontNeed}) {
    ours_->Hint(hint);
  }
  const IOOptions options;
  for (uint64_t offset : {uint64_t{0}, uint64_t{8192}, uint64_t{1} << 40}) {
    EXPECT_TRUE(SameStatus(ours_->Prefetch(offset, 65536, options, nullptr),
                           theirs_->Prefetch(offset, 65536, options, nullptr)));
    EXPECT_TRUE(SameStatus(ours_->InvalidateCache(offset, 65536),
                           theirs_->InvalidateCache(offset, 65536)));
  }
  EXPECT_TRUE(
      SameStatus(ours_->InvalidateCache(0, 0), theirs_->InvalidateCache(0, 0)));
  ExpectRead(0, 65536);
}

TEST_P(RandomAccessFileTest, IdentityAndAlignmentAsTheDefault) {
  char ours[64] = {};
  char theirs[64] = {};
  const size_t size = ours_->GetUniqueId(ours, sizeof(ours));
  ASSERT_EQ(size, theirs_->GetUniqueId(theirs, sizeof(theirs)));
  EXPECT_EQ(std::string(ours, size), std::string(theirs, size));
  for (size_t room : {0, 1, 10, 29, 30}) {
    EXPECT_EQ(ours_->GetUniqueId(ours, room),
              theirs_->GetUniqueId(theirs, room));
  }
  EXPECT_EQ(ours_->use_direct_io(), theirs_->use_direct_io());
  EXPECT_GE(ours_->GetRequiredBufferAlignment(),
            theirs_->GetRequiredBufferAlignment());
}

std::string CaseName(const ::testing::TestParamInfo<FileCase>& info) {
  return std::string(info.param.direct ? "Direct_" : "Buffered_") +
         info.param.reads;
}

INSTANTIATE_TEST_SUITE_P(
    Reads, RandomAccessFileTest,
    ::testing::Values(FileCase{false, "auto"}, FileCase{false, "uring"},
                      FileCase{false, "posix"}, FileCase{true, "auto"},
                      FileCase{true, "uring"}, FileCase{true, "posix"}),
    CaseName);

}  // namespace
}  // namespace rocksdb_uring
