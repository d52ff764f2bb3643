// Reads and writes of which every transfer stops anywhere, inside a sector of
// direct I/O too, on rings and on POSIX: the files never show it.
//
// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "env/file/writable_file.h"
#include "tests/support/engine/fake_ring.h"
#include "tests/support/engine/fake_system_calls.h"
#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {
namespace {

using rocksdb::FileOptions;
using rocksdb::FSReadRequest;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

struct ShortCase {
  const char* name;
  bool rings;
  bool direct;
};

void PrintTo(const ShortCase& short_case, std::ostream* out) {
  *out << short_case.name;
}

class ShortTransferTest : public ::testing::TestWithParam<ShortCase> {
 protected:
  static constexpr size_t kLength = 2 * kBlock;

  void SetUp() override {
    WriteFile(path_, model_);
    SkipWithoutDirectReads(GetParam().direct, path_);
    EngineOptions options;
    options.ring_factory = kernel_.factory();
    options.system_calls = &calls_;
    options.readahead_bytes = 0;
    RingFeatures features;
    features.verdict =
        GetParam().rings ? RingVerdict::kUsable : RingVerdict::kRefused;
    engine_ = std::make_shared<SharedEngine>(options, features);
  }

  // With a ring every request, through POSIX the first transfer of each call
  // and every one of buffered I/O, stops after so many bytes.
  void StopAfter(size_t bytes) {
    calls_.ReportAtMost(GetParam().direct ? 1 : FakeSystemCalls::kAlways,
                        bytes);
    kernel_.SetRequestScript([bytes](const RingRequest&, uint64_t) {
      FakeKernel::Verdict verdict;
      verdict.bytes_max = static_cast<int64_t>(bytes);
      return verdict;
    });
  }
  // Every length up to a little more than a sector, then fewer.
  static size_t Next(size_t bytes) {
    return bytes < 70 || (bytes > 480 && bytes < 530)   ? bytes + 1
           : bytes > kBlock - 20 && bytes < kBlock + 20 ? bytes + 1
                                                        : bytes + 11;
  }

  // Goes through a ring where there is one.
  FileContext Context() const {
    return {
        PolicyOf({PathChoice::kUring, PathChoice::kUring, PathChoice::kUring}),
        engine_};
  }
  std::unique_ptr<UringRandomAccessFile> OpenRead() {
    std::shared_ptr<const OpenFile> file;
    const IOStatus status =
        OpenForReading(path_, ReadOptionsOf(GetParam().direct), "While opening",
                       Context(), &file);
    EXPECT_TRUE(status.ok()) << status.ToString();
    return std::make_unique<UringRandomAccessFile>(std::move(file),
                                                   model_.size());
  }
  std::unique_ptr<UringWritableFile> OpenWrite(const std::string& path) {
    FileOptions options;
    options.use_direct_writes = GetParam().direct;
    std::shared_ptr<OpenFile> file;
    const IOStatus status = OpenForWriting(
        path, options, ExistingFile::kTruncate, Context(), &file);
    EXPECT_TRUE(status.ok()) << status.ToString();
    return std::make_unique<UringWritableFile>(std::move(file), options, 0);
  }

  TempDir directory_;
  const std::string path_ = directory_.file("000001.sst");
  // Ends inside a sector.
  const std::string model_ = RandomBytes(5 * kBlock + 1234, 7);
  FakeKernel kernel_;
  FakeSystemCalls calls_;
  std::shared_ptr<SharedEngine> engine_;
};

TEST_P(ShortTransferTest, OfReadsDoNotShow) {
  const auto file = OpenRead();
  for (size_t bytes = 1; bytes < kLength; bytes = Next(bytes)) {
    for (const uint64_t offset : {uint64_t{0}, uint64_t{4 * kBlock}}) {
      StopAfter(bytes);
      const Scratch scratch(kLength);
      Slice result;
      const IOStatus status = file->Read(offset, kLength, IOOptions(), &result,
                                         scratch.data(), nullptr);
      ASSERT_TRUE(status.ok()) << status.ToString();
      ASSERT_TRUE(scratch.Holds(result, model_, offset, kLength, false))
          << bytes;
    }
  }
}

TEST_P(ShortTransferTest, OfBatchesDoNotShow) {
  const auto file = OpenRead();
  for (size_t bytes = 1; bytes < kLength; bytes = Next(bytes)) {
    StopAfter(bytes);
    std::vector<std::unique_ptr<Scratch>> scratch;
    FSReadRequest requests[3];
    for (size_t i = 0; i < 3; ++i) {
      scratch.push_back(std::make_unique<Scratch>(kLength));
      requests[i].offset = i * 2 * kBlock;
      requests[i].len = kLength;
      requests[i].scratch = scratch[i]->data();
    }
    ASSERT_TRUE(file->MultiRead(requests, 3, IOOptions(), nullptr).ok());
    for (size_t i = 0; i < 3; ++i) {
      ASSERT_TRUE(requests[i].status.ok()) << requests[i].status.ToString();
      ASSERT_TRUE(scratch[i]->Holds(requests[i].result, model_,
                                    requests[i].offset, kLength, false))
          << bytes;
    }
  }
}

TEST_P(ShortTransferTest, OfWritesDoNotShow) {
  const std::string path = directory_.file("000002.sst");
  const AlignedBuffer buffer(kLength, kBlock);
  for (size_t bytes = 1; bytes < kLength; bytes = Next(Next(Next(bytes)))) {
    const auto file = OpenWrite(path);
    const std::string data = RandomBytes(kLength, bytes);
    memcpy(buffer.data(), data.data(), kLength);
    StopAfter(bytes);
    const Slice slice(buffer.data(), kLength);
    const IOStatus status =
        GetParam().direct
            ? file->PositionedAppend(slice, 0, IOOptions(), nullptr)
            : file->Append(slice, IOOptions(), nullptr);
    ASSERT_TRUE(status.ok()) << status.ToString();
    ASSERT_TRUE(file->Close(IOOptions(), nullptr).ok());
    ASSERT_TRUE(ReadWholeFile(path) == data) << bytes;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Engines, ShortTransferTest,
    ::testing::Values(ShortCase{"RingBuffered", true, false},
                      ShortCase{"RingDirect", true, true},
                      ShortCase{"PosixBuffered", false, false},
                      ShortCase{"PosixDirect", false, true}),
    [](const ::testing::TestParamInfo<ShortCase>& info) {
      return std::string(info.param.name);
    });

}  // namespace
}  // namespace rocksdb_uring
