// Asynchronous reads, batches larger than a ring, writes and syncs, all in
// flight on one thread: each call gets its own completions and nobody else's.
//
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/unit/file/async_file_fixture.h"

namespace rocksdb_uring {
namespace {

using rocksdb::FileOptions;
using rocksdb::FileSystem;
using rocksdb::FSRandomAccessFile;
using rocksdb::FSReadRequest;
using rocksdb::FSWritableFile;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

class MixedCallsTest : public AsyncFileFixture {
 protected:
  static constexpr size_t kFileSize = (2 << 20) + 777;
  // Of the default queue depth, 64.
  static constexpr size_t kBatch = 150;

  MixedCallsTest()
      : AsyncFileFixture(kFileSize,
                         "uring://?reads=uring&writes=uring&syncs=uring") {}

  std::unique_ptr<FSWritableFile> OpenForWriting(const std::string& name,
                                                 bool direct) {
    FileOptions options;
    options.use_direct_writes = direct;
    std::unique_ptr<FSWritableFile> file;
    EXPECT_TRUE(
        file_system_
            ->NewWritableFile(directory_.file(name), options, &file, nullptr)
            .ok());
    return file;
  }

  // More reads at once than a ring has room for, some of them across and
  // beyond the end of the file.
  void ReadABatch(std::mt19937_64* random) {
    std::vector<std::unique_ptr<Scratch>> scratch;
    std::vector<FSReadRequest> requests(kBatch);
    for (FSReadRequest& request : requests) {
      request.len = kBlock * (1 + (*random)() % 3);
      request.offset = (*random)() % (kFileSize / kBlock + 8) * kBlock;
      scratch.push_back(std::make_unique<Scratch>(request.len));
      request.scratch = scratch.back()->data();
    }
    ASSERT_TRUE(
        file_->MultiRead(requests.data(), requests.size(), IOOptions(), nullptr)
            .ok());
    for (size_t i = 0; i < requests.size(); ++i) {
      ASSERT_TRUE(requests[i].status.ok());
      ASSERT_TRUE(scratch[i]->Holds(requests[i].result, model_,
                                    requests[i].offset, requests[i].len,
                                    !GetParam()))
          << "request " << i << ", seed " << TestSeed();
    }
  }
};

TEST_P(MixedCallsTest, OneThreadReadsWritesAndSyncs) {
  std::mt19937_64 random(TestSeed());
  const auto before = StatisticsOf(file_system_.get());
  const auto table = OpenForWriting("000032.sst", GetParam());
  const auto wal = OpenForWriting("000033.log", false);
  ASSERT_TRUE(table != nullptr && wal != nullptr);
  const std::string block = RandomBytes(16 * kBlock, 32);
  AlignedBuffer aligned(block.size(), kBlock);
  std::copy(block.begin(), block.end(), aligned.data());
  std::string written_table, written_wal;
  for (int round = 0; round < 20; ++round) {
    const AsyncCalls calls = MakeCalls(1 + random() % 100, kFileSize, random());
    StartAll(calls, file_.get());
    const Slice part(aligned.data(), block.size());
    ASSERT_TRUE((GetParam()
                     ? table->PositionedAppend(part, written_table.size(),
                                               IOOptions(), nullptr)
                     : table->Append(part, IOOptions(), nullptr))
                    .ok());
    written_table += block;
    ReadABatch(&random);
    const std::string record = RandomBytes(1 + random() % 5000, round);
    ASSERT_TRUE(wal->Append(record, IOOptions(), nullptr).ok());
    ASSERT_TRUE(wal->Flush(IOOptions(), nullptr).ok());
    written_wal += record;
    // Some are aborted, from the last to the first; the others are delivered.
    std::vector<void*> aborted;
    for (size_t i = calls.size(); i-- > 0;) {
      if (i % 3 == 0) {
        aborted.push_back(calls[i]->handle());
      }
    }
    ASSERT_TRUE(Abort(file_system_.get(), aborted).ok());
    ASSERT_TRUE(wal->Sync(IOOptions(), nullptr).ok());
    ASSERT_TRUE(Poll(file_system_.get(), HandlesOf(calls)).ok());
    for (size_t i = 0; i < calls.size(); ++i) {
      ASSERT_TRUE(i % 3 == 0 ? calls[i]->DeliveredOrAborted(model_)
                             : calls[i]->Delivered(model_))
          << "call " << i << ", seed " << TestSeed();
    }
  }
  ASSERT_TRUE(table->Close(IOOptions(), nullptr).ok());
  ASSERT_TRUE(wal->Close(IOOptions(), nullptr).ok());
  EXPECT_EQ(ReadWholeFile(directory_.file("000032.sst")), written_table);
  EXPECT_EQ(ReadWholeFile(directory_.file("000033.log")), written_wal);
  auto after = StatisticsOf(file_system_.get());
  for (const char* kind : {"read_async", "multi_read", "write", "fdatasync"}) {
    const std::string name = std::string("ops.") + kind + ".ring.count";
    EXPECT_GT(after.at(name), before.at(name)) << kind;
  }
}

INSTANTIATE_TEST_SUITE_P(Modes, MixedCallsTest, ::testing::Bool(),
                         [](const ::testing::TestParamInfo<bool>& info) {
                           return info.param ? "Direct" : "Buffered";
                         });

}  // namespace
}  // namespace rocksdb_uring
