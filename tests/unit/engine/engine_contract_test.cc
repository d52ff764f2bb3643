// What every engine promises (env/engine/io_engine.h), checked on each of
// them: the kernel's rings, POSIX, and both under faults that must not show.
//
// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "env/engine/posix_engine.h"
#include "env/engine/uring_engine.h"
#include "tests/support/engine/fake_ring.h"
#include "tests/support/engine/fake_system_calls.h"
#include "tests/support/engine/test_support.h"

namespace rocksdb_uring {
namespace {

struct Subject {
  const char* name;
  bool rings;
  bool faults;
  uint32_t queue_depth;
  Polling polling = Polling::kOff;
};

void PrintTo(const Subject& subject, std::ostream* out) {
  *out << subject.name;
}

class EngineContract : public ::testing::TestWithParam<Subject> {
 protected:
  static constexpr size_t kFileSize = (1 << 20) + 1234;

  void SetUp() override {
    const Subject& subject = GetParam();
    if (subject.rings && !subject.faults) {
      SkipWithoutRing();
    }
    EngineOptions options;
    options.queue_depth = subject.queue_depth;
    if (subject.polling == Polling::kSubmission) {
      // Fewer than there are would be refused.
      options.cpus = SubmissionPoller::kCpusMin;
    }
    options.polling = subject.polling;
    options.system_calls = &calls_;
    if (subject.faults) {
      kernel_.SetRandomFaults(TestSeed());
      options.ring_factory = kernel_.factory();
      calls_.InterruptEvery(3);
      calls_.set_bytes_max(8192);
    }
    if (subject.rings) {
      engine_ = std::make_unique<UringEngine>(options, &statistics_, &account_);
    } else {
      engine_ = std::make_unique<PosixEngine>(&calls_, &statistics_);
    }
  }

  void TearDown() override {
    engine_.reset();
    EXPECT_EQ(kernel_.observations().Complaints(), "");
    EXPECT_EQ(account_.bytes(), 0u);
  }

  void Run(IoOp* ops, size_t count, PathChoice path = PathChoice::kUring) {
    RunOptions options;
    options.path = path;
    options.polls = GetParam().polling == Polling::kDevice &&
                    std::all_of(ops, ops + count, [](const IoOp& op) {
                      return IsRead(op) && op.alignment != 0;
                    });
    engine_->Run(ops, count, options);
  }

  int64_t RunOne(IoOp* op) {
    op->Reset();
    Run(op, 1);
    EXPECT_TRUE(op->completed());
    return op->result;
  }

  void ExpectReads(int fd, uint32_t alignment,
                   const std::vector<ReadBatch::Range>& ranges) {
    for (const PathChoice path : {PathChoice::kAuto, PathChoice::kUring,
                                  PathChoice::kPosix, PathChoice::kPlain}) {
      ReadBatch batch(fd, alignment, ranges);
      Run(batch.ops(), batch.size(), path);
      EXPECT_TRUE(batch.Matches(file_.model()))
          << "path choice " << static_cast<int>(path);
    }
  }

  FakeKernel kernel_;
  FakeSystemCalls calls_;
  Statistics statistics_;
  MemoryAccount account_;
  std::unique_ptr<IoEngine> engine_;
  TestFile file_{kFileSize};
};

TEST_P(EngineContract, ReadsOneRangeOfAnySize) {
  for (const size_t length :
       {1, 2, 511, 512, 4095, 4096, 4097, 65536, 300000}) {
    for (const uint64_t offset : {0, 1, 4095, 4096, 500001}) {
      ExpectReads(file_.fd(), 0, {{offset, length}});
    }
  }
}

TEST_P(EngineContract, ReadsBatchesOfAnySize) {
  std::mt19937_64 random(TestSeed());
  for (const size_t count :
       {1, 2, 7, 8, 9, 15, 16, 17, 31, 63, 64, 65, 127, 128, 129, 257, 1000}) {
    ExpectReads(file_.fd(), 0, RandomRanges(&random, count, kFileSize, 0));
  }
}

TEST_P(EngineContract, ReadsColdBatches) {
  std::mt19937_64 random(TestSeed());
  for (int i = 0; i < 5; ++i) {
    file_.DropCache();
    ExpectReads(file_.fd(), 0, RandomRanges(&random, 100, kFileSize, 0));
  }
}

TEST_P(EngineContract, CachedReadsCompleteAtOnceAndOthersAreLeft) {
  const auto run = [&](int fd, uint64_t offset, IoOp* op, char* buffer) {
    op->Reset();
    op->fd = fd;
    op->offset = offset;
    op->length = 4000;
    op->buffer = buffer;
    return engine_->RunIfCached(op);
  };
  char buffer[4000];
  const iovec iov = {buffer, sizeof(buffer)};
  // Not every filesystem answers.
  const bool answers = preadv2(file_.fd(), &iov, 1, 5000, RWF_NOWAIT) ==
                       static_cast<ssize_t>(sizeof(buffer));
  IoOp op;
  memset(buffer, 0, sizeof(buffer));
  EXPECT_EQ(run(file_.fd(), 5000, &op, buffer), answers);
  if (answers) {
    EXPECT_TRUE(op.completed());
    EXPECT_EQ(op.result, 4000);
    EXPECT_EQ(op.path, IoPath::kPageCache);
    EXPECT_EQ(file_.model().compare(5000, 4000, buffer, 4000), 0);
  }
  for (const uint64_t offset : {kFileSize - 100, kFileSize + 100}) {
    EXPECT_FALSE(run(file_.fd(), offset, &op, buffer));
    EXPECT_EQ(op.state(), IoState::kIdle);
  }
  EXPECT_FALSE(run(-1, 0, &op, buffer));
  EXPECT_EQ(op.state(), IoState::kIdle);
}

TEST_P(EngineContract, ReadsDirectBatchesOfAnySize) {
  SkipWithoutDirectIo(file_);
  std::mt19937_64 random(TestSeed());
  const size_t whole = kFileSize / 4096 * 4096;
  for (const size_t count : {1, 2, 7, 8, 9, 16, 17, 64, 65, 129, 1000}) {
    ExpectReads(file_.direct_fd(), TestFile::kAlignment,
                RandomRanges(&random, count, whole, TestFile::kAlignment));
  }
}

// A damaged index may ask for any offset. The last one stands for the
// position of the descriptor in some of the kernel's calls.
TEST_P(EngineContract, OffsetsThatNoFileHas) {
  for (const uint64_t offset : {uint64_t{1} << 63, ~uint64_t{0}}) {
    for (const PathChoice path :
         {PathChoice::kAuto, PathChoice::kUring, PathChoice::kPosix}) {
      ReadBatch batch(file_.fd(), 0, {{offset, 100}, {0, 100}, {offset, 100}});
      Run(batch.ops(), batch.size(), path);
      EXPECT_EQ(batch[0].result, -EINVAL);
      EXPECT_EQ(batch[2].result, -EINVAL);
      EXPECT_TRUE(batch.Matches(file_.model(), 1));
    }
    ReadBatch later(file_.fd(), 0, {{offset, 100}});
    if (engine_->Submit(&later[0])) {
      EXPECT_TRUE(engine_->Wait(&later[0]));
      EXPECT_EQ(later[0].result, -EINVAL);
    }
    ReadBatch written(file_.fd(), 0, {{offset, 100}});
    written[0].kind = IoKind::kWrite;
    EXPECT_EQ(RunOne(&written[0]), -EINVAL);
  }
  EXPECT_TRUE(file_.Contents() == file_.model());
}

TEST_P(EngineContract, AnEmptyBatchIsNoWork) {
  Run(nullptr, 0);
  Run(nullptr, 0, PathChoice::kAuto);
  EXPECT_EQ(engine_->Submit(nullptr, 0), 0u);
}

TEST_P(EngineContract, ReadsEndWithTheFile) {
  const uint64_t end = kFileSize;
  ExpectReads(file_.fd(), 0, {{end - 1, 1}});
  ExpectReads(file_.fd(), 0,
              {{end - 1, 2}, {end - 5000, 9000}, {end - 1, 100000}, {0, 10}});
  ExpectReads(file_.fd(), 0, {{end, 1}, {end + 1, 10}, {end + 1000000, 4096}});
}

TEST_P(EngineContract, EmptyRangesReadNothing) {
  ExpectReads(file_.fd(), 0, {{0, 0}});
  ExpectReads(file_.fd(), 0, {{100, 0}, {0, 10}, {kFileSize, 0}});
}

// A direct read at the unaligned end must neither loop nor be continued where
// direct I/O refuses to.
TEST_P(EngineContract, DirectReadsEndWithTheFile) {
  SkipWithoutDirectIo(file_);
  const uint64_t tail = kFileSize / 4096 * 4096;
  ExpectReads(file_.direct_fd(), TestFile::kAlignment, {{tail, 4096}});
  ExpectReads(file_.direct_fd(), TestFile::kAlignment,
              {{tail - 4096, 16384},
               {tail, 8192},
               {tail + 4096, 4096},
               {tail + (1 << 20), 4096},
               {0, 4096}});
}

TEST_P(EngineContract, DuplicatesAndOverlapsEachGetTheirBytes) {
  std::vector<ReadBatch::Range> ranges;
  for (uint64_t i = 0; i < 40; ++i) {
    ranges.push_back({1000, 5000});
    ranges.push_back({1000 + i, 5000});
  }
  ExpectReads(file_.fd(), 0, ranges);
}

TEST_P(EngineContract, ReadvFillsAllItsPieces) {
  std::string first(10, '\0');
  std::string second(5000, '\0');
  std::string third(1, '\0');
  const iovec iov[] = {{first.data(), first.size()},
                       {nullptr, 0},
                       {second.data(), second.size()},
                       {third.data(), third.size()}};
  IoOp op;
  op.kind = IoKind::kReadv;
  op.fd = file_.fd();
  op.iov = iov;
  op.iov_count = 4;
  op.offset = 777;
  EXPECT_EQ(RunOne(&op), 5011);
  EXPECT_EQ(first + second + third, file_.model().substr(777, 5011));
  op.offset = kFileSize - 12;
  EXPECT_EQ(RunOne(&op), 12);
  EXPECT_EQ(first + second.substr(0, 2), file_.model().substr(kFileSize - 12));
  op.offset = kFileSize;
  EXPECT_EQ(RunOne(&op), 0);
}

TEST_P(EngineContract, WritevWritesAllItsPieces) {
  std::string first = RandomBytes(3, 2);
  std::string second = RandomBytes(70000, 3);
  const iovec iov[] = {{first.data(), first.size()},
                       {second.data(), second.size()}};
  IoOp op;
  op.kind = IoKind::kWritev;
  op.stat_kind = StatKind::kWrite;
  op.fd = file_.fd();
  op.iov = iov;
  op.iov_count = 2;
  op.offset = 12345;
  EXPECT_EQ(RunOne(&op), 70003);
  file_.model().replace(12345, 70003, first + second);
  EXPECT_TRUE(file_.Contents() == file_.model());
}

TEST_P(EngineContract, WritesBatchesOfAnySize) {
  for (const size_t count : {1, 2, 8, 9, 64, 65, 300}) {
    const std::string bytes = RandomBytes(3000 * count, count);
    std::unique_ptr<IoOp[]> ops(new IoOp[count]);
    for (size_t i = 0; i < count; ++i) {
      ops[i].kind = IoKind::kWrite;
      ops[i].stat_kind = StatKind::kWrite;
      ops[i].fd = file_.fd();
      ops[i].buffer = const_cast<char*>(bytes.data()) + 3000 * i;
      ops[i].length = 3000;
      ops[i].offset = 100 + 3000 * i;
    }
    Run(ops.get(), count);
    for (size_t i = 0; i < count; ++i) {
      EXPECT_EQ(ops[i].result, 3000);
    }
    file_.model().replace(100, bytes.size(), bytes);
    EXPECT_TRUE(file_.Contents() == file_.model()) << count;
  }
}

TEST_P(EngineContract, DirectWritesGoBehindTheEnd) {
  SkipWithoutDirectIo(file_);
  constexpr size_t kCount = 20;
  constexpr size_t kSize = 16384;
  const uint64_t start = RoundUp(kFileSize, 4096);
  AlignedBuffer buffer(kCount * kSize, 4096);
  const std::string bytes = RandomBytes(kCount * kSize, 9);
  memcpy(buffer.data(), bytes.data(), bytes.size());
  std::unique_ptr<IoOp[]> ops(new IoOp[kCount]);
  for (size_t i = 0; i < kCount; ++i) {
    ops[i].kind = IoKind::kWrite;
    ops[i].fd = file_.direct_fd();
    ops[i].alignment = TestFile::kAlignment;
    ops[i].buffer = buffer.data() + i * kSize;
    ops[i].length = kSize;
    ops[i].offset = start + i * kSize;
  }
  Run(ops.get(), kCount);
  file_.model().resize(start);
  file_.model() += bytes;
  EXPECT_TRUE(file_.Contents() == file_.model());
}

TEST_P(EngineContract, SyncsAndAllocations) {
  IoOp op;
  op.fd = file_.fd();
  op.kind = IoKind::kFsync;
  EXPECT_EQ(RunOne(&op), 0);
  op.kind = IoKind::kFdatasync;
  EXPECT_EQ(RunOne(&op), 0);
  op.kind = IoKind::kSyncFileRange;
  op.length = 8192;
  op.flags = SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
  EXPECT_EQ(RunOne(&op), 0);
  op.kind = IoKind::kFallocate;
  op.flags = FALLOC_FL_KEEP_SIZE;
  op.offset = kFileSize;
  op.length = 1 << 20;
  EXPECT_EQ(RunOne(&op), 0);
  EXPECT_TRUE(file_.Contents() == file_.model());
  op.flags = 0;
  op.length = 100;
  EXPECT_EQ(RunOne(&op), 0);
  file_.model().resize(kFileSize + 100);
  EXPECT_TRUE(file_.Contents() == file_.model());
}

TEST_P(EngineContract, AClosedDescriptorIsBadForEveryKind) {
  // So high that no ring takes its place.
  const int fd = fcntl(file_.fd(), F_DUPFD_CLOEXEC, 900);
  close(fd);
  char buffer[100] = {};
  const iovec iov = {buffer, sizeof(buffer)};
  for (int kind = 0; kind <= static_cast<int>(IoKind::kFallocate); ++kind) {
    IoOp op;
    op.kind = static_cast<IoKind>(kind);
    op.fd = fd;
    op.buffer = buffer;
    op.length = sizeof(buffer);
    op.iov = &iov;
    op.iov_count = 1;
    EXPECT_EQ(RunOne(&op), -EBADF) << "kind " << kind;
  }
}

TEST_P(EngineContract, ErrorsAreThoseOfTheSystemCalls) {
  char byte = 0;
  IoOp op;
  op.kind = IoKind::kWrite;
  op.fd = file_.read_only_fd();
  op.buffer = &byte;
  op.length = 1;
  EXPECT_EQ(RunOne(&op), -EBADF);
  const FileDescriptor directory(open(".", O_RDONLY | O_DIRECTORY));
  op.kind = IoKind::kRead;
  op.fd = directory.get();
  EXPECT_EQ(RunOne(&op), -EISDIR);
  op.fd = file_.fd();
  op.buffer = nullptr;
  EXPECT_EQ(RunOne(&op), -EFAULT);
  op.kind = IoKind::kFallocate;
  op.length = 0;
  EXPECT_EQ(RunOne(&op), -EINVAL);
}

TEST_P(EngineContract, OneErrorLeavesTheRestOfTheBatchAlone) {
  for (const size_t bad : {0, 1, 7, 8, 50, 99}) {
    std::vector<ReadBatch::Range> ranges;
    for (uint64_t i = 0; i < 100; ++i) {
      ranges.push_back({i * 1000, 1000});
    }
    ReadBatch batch(file_.fd(), 0, ranges);
    batch[bad].fd = -1;
    Run(batch.ops(), batch.size());
    for (size_t i = 0; i < batch.size(); ++i) {
      if (i == bad) {
        EXPECT_EQ(batch[i].result, -EBADF);
      } else {
        EXPECT_TRUE(batch.Matches(file_.model(), i));
      }
    }
  }
}

TEST_P(EngineContract, CallbacksRunOnceBeforeRunReturns) {
  static std::atomic<int> calls;
  calls = 0;
  std::mt19937_64 random(TestSeed());
  ReadBatch batch(file_.fd(), 0, RandomRanges(&random, 200, kFileSize, 0));
  for (size_t i = 0; i < batch.size(); ++i) {
    batch[i].callback = [](IoOp* op) {
      EXPECT_TRUE(op->completed());
      EXPECT_GT(op->result, 0);
      ++calls;
    };
  }
  Run(batch.ops(), batch.size());
  EXPECT_EQ(calls, 200);
}

TEST_P(EngineContract, OperationsOutliveTheCallThatStartsThem) {
  std::mt19937_64 random(TestSeed());
  ReadBatch batch(file_.fd(), 0, RandomRanges(&random, 300, kFileSize, 0));
  const std::vector<IoOp*> ops = batch.pointers();
  const size_t taken = engine_->Submit(ops.data(), ops.size());
  if (!engine_->asynchronous()) {
    EXPECT_EQ(taken, 0u);
  }
  for (size_t i = 0; i < taken; ++i) {
    EXPECT_TRUE(engine_->Wait(ops[i]));
    EXPECT_TRUE(batch.Matches(file_.model(), i));
  }
  for (size_t i = taken; i < ops.size(); ++i) {
    EXPECT_EQ(ops[i]->state(), IoState::kIdle);
    EXPECT_FALSE(engine_->Wait(ops[i]));
  }
  EXPECT_EQ(engine_->Poll(), 0u);
}

TEST_P(EngineContract, ThreadsDoNotMeet) {
  const uint64_t seed = TestSeed();
  Threads threads;
  for (uint64_t t = 0; t < 8; ++t) {
    threads.Start([this, seed, t] {
      std::mt19937_64 random(seed + t);
      for (int round = 0; round < 10; ++round) {
        ReadBatch batch(
            file_.fd(), 0,
            RandomRanges(&random, 1 + random() % 100, kFileSize, 0));
        Run(batch.ops(), batch.size());
        EXPECT_TRUE(batch.Matches(file_.model()));
      }
    });
  }
}

TEST_P(EngineContract, EveryOperationIsCountedOnce) {
  const uint64_t seed = TestSeed();
  std::mt19937_64 random(seed);
  uint64_t bytes = 0;
  for (const size_t count : {1, 5, 100}) {
    ReadBatch batch(file_.fd(), 0, RandomRanges(&random, count, kFileSize, 0));
    for (size_t i = 0; i < count; ++i) {
      batch[i].stat_kind = StatKind::kMultiRead;
      bytes += batch[i].length;
    }
    batch[0].fd = -1;
    bytes -= batch[0].length;
    Run(batch.ops(), count);
  }
  const OperationCount seen = statistics_.Snapshot().op(StatKind::kMultiRead);
  EXPECT_EQ(seen.count, 106u);
  EXPECT_EQ(seen.errors, 3u);
  EXPECT_EQ(seen.bytes, bytes);
}

INSTANTIATE_TEST_SUITE_P(
    Engines, EngineContract,
    ::testing::Values(
        Subject{"Uring64", true, false, 64}, Subject{"Uring8", true, false, 8},
        Subject{"PolledSubmissions", true, false, 8, Polling::kSubmission},
        Subject{"PolledDevice", true, false, 64, Polling::kDevice},
        Subject{"Posix", false, false, 0},
        Subject{"FaultyUring64", true, true, 64},
        Subject{"FaultyUring8", true, true, 8},
        Subject{"FaultyPosix", false, true, 0}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace rocksdb_uring
