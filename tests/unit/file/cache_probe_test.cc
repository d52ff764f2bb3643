// Asynchronous reads of what the page cache has: delivered by the call itself,
// and asked for seldom where nothing is cached.
//
// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "tests/unit/file/async_seam_fixture.h"

namespace rocksdb_uring {
namespace {

class CacheProbeTest : public AsyncSeamTest {
 protected:
  void SetUp() override {
    AsyncSeamTest::SetUp();
    calls_.CacheEverything();
    SetCached(true);
  }

  void SetCached(bool cached) {
    calls_.Fail(FakeSystemCalls::kPreadNoWait, FakeSystemCalls::kAlways,
                cached ? 0 : -EAGAIN);
  }
  // The file, opened in another way.
  void Reopen(bool direct, PathChoice reads) {
    std::shared_ptr<const OpenFile> file;
    ASSERT_TRUE(OpenForReading(path_, ReadOptionsOf(direct), "",
                               FileContext{PolicyOf({reads}), engine_}, &file)
                    .ok());
    file_ = std::make_unique<UringRandomAccessFile>(std::move(file), kFileSize);
  }
  void ReadAll(const AsyncCalls& calls) {
    StartAll(calls, file_.get());
    EXPECT_TRUE(Poll(file_system_.get(), HandlesOf(calls)).ok());
    EXPECT_TRUE(AllDelivered(calls, model_));
  }
  uint64_t asked() { return calls_.count(FakeSystemCalls::kPreadNoWait); }
  uint64_t requests() { return kernel_.observations().requests; }
};

TEST_F(CacheProbeTest, WhatIsCachedIsReadByTheCall) {
  for (uint64_t i = 0; i < 100; ++i) {
    AsyncCall call(i * kBlock, kBlock);
    ASSERT_TRUE(call.Start(file_.get()).ok());
    EXPECT_EQ(call.handle() == nullptr, kNullHandleMeansDelivered);
    EXPECT_EQ(call.callbacks(), kNullHandleMeansDelivered ? 1 : 0);
    EXPECT_TRUE(Poll(file_system_.get(), {call.handle()}).ok());
    EXPECT_TRUE(call.Delivered(model_));
    EXPECT_EQ(call.thread(), std::this_thread::get_id());
  }
  EXPECT_EQ(requests(), 0u);
  EXPECT_EQ(kernel_.observations().rings_alive, 0u);
  const OperationCount counted = engine_->statistics()->Snapshot().op(
      StatKind::kReadAsync, IoPath::kPageCache);
  EXPECT_EQ(counted.count, 100u);
  EXPECT_EQ(counted.bytes, 100 * kBlock);
}

// Reads in flight are not held up or mixed up.
TEST_F(CacheProbeTest, CachedAndOtherReadsInOnePoll) {
  AsyncCalls calls = MakeCalls(40, kFileSize);
  for (size_t i = 0; i < calls.size(); ++i) {
    SetCached(i % 3 == 0);
    ASSERT_TRUE(calls[i]->Start(file_.get()).ok());
  }
  EXPECT_TRUE(Poll(file_system_.get(), HandlesOf(calls)).ok());
  EXPECT_TRUE(AllDelivered(calls, model_));
  EXPECT_GT(requests(), 0u);
  EXPECT_LT(requests(), calls.size());
}

TEST_F(CacheProbeTest, AColdFileIsAskedEverMoreSeldomAndAgainOnceItIsWarm) {
  constexpr uint64_t kReads = 1000;
  SetCached(false);
  for (uint64_t i = 0; i < kReads; ++i) {
    ReadAll(MakeCalls(1, kFileSize, i));
  }
  EXPECT_EQ(requests(), kReads);
  EXPECT_GE(asked(), kReads / (PageCacheHint::kSkipMax + 1));
  EXPECT_LE(asked(), kReads / PageCacheHint::kSkipMax + 6);
  SetCached(true);
  for (uint64_t i = 0; i <= PageCacheHint::kSkipMax; ++i) {
    ReadAll(MakeCalls(1, kFileSize, i));
  }
  const uint64_t before = requests();
  ReadAll(MakeCalls(100, kFileSize));
  EXPECT_EQ(requests(), before);
}

TEST_F(CacheProbeTest, ReadsThatAskNobody) {
  Reopen(false, PathChoice::kUring);
  ReadAll(MakeCalls(10, kFileSize));
  EXPECT_EQ(requests(), 10u) << "rings were asked for";
  Reopen(false, PathChoice::kAuto);
  AsyncCall large(0, PageCacheHint::kAskBytesMax + 1);
  ASSERT_TRUE(large.Start(file_.get()).ok());
  EXPECT_TRUE(Poll(file_system_.get(), {large.handle()}).ok());
  EXPECT_TRUE(large.Delivered(model_));
  EXPECT_EQ(requests(), 11u) << "to copy it takes long";
  if (HasDirectIo(path_)) {
    Reopen(true, PathChoice::kAuto);
    ReadAll(MakeCalls(10, kFileSize));
    EXPECT_EQ(requests(), 21u) << "direct I/O";
  }
  EXPECT_EQ(asked(), 0u);
}

// Whether the page at `offset` is in the page cache.
bool IsResident(const std::string& path, uint64_t offset) {
  const FileDescriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  void* const page = mmap(nullptr, kBlock, PROT_READ, MAP_SHARED, fd.get(),
                          static_cast<off_t>(offset));
  EXPECT_NE(page, MAP_FAILED);
  unsigned char resident = 0;
  EXPECT_EQ(mincore(page, kBlock, &resident), 0);
  munmap(page, kBlock);
  return (resident & 1) != 0;
}

// Whether the filesystem answers to a read that must not wait.
bool Answers(const std::string& path) {
  const FileDescriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char byte = 0;
  const iovec iov = {&byte, 1};
  return preadv2(fd.get(), &iov, 1, 0, RWF_NOWAIT) == 1;
}

// The kernel's own answer.
class RealCacheProbeTest : public ::testing::Test {
 protected:
  static constexpr uint64_t kOffset = 64 * kBlock;

  void SetUp() override {
    SkipWithoutRing();
    WriteFile(path_, model_);
    answers_ = Answers(path_);
    file_system_ = OpenFileSystem("");
    file_ = OpenRandomAccess(file_system_.get(), path_, false);
  }

  bool IsCached() const { return answers_ && IsResident(path_, kOffset); }
  // Whether the read took this path.
  bool ReadTakes(const std::string& path) {
    const std::string statistic = "ops.read_async." + path + ".count";
    const uint64_t before = StatisticsOf(file_system_.get())[statistic];
    AsyncCall call(kOffset, kBlock);
    EXPECT_TRUE(call.Start(file_.get()).ok());
    EXPECT_TRUE(Poll(file_system_.get(), {call.handle()}).ok());
    EXPECT_TRUE(call.Delivered(model_));
    return StatisticsOf(file_system_.get())[statistic] == before + 1;
  }

  TempDir directory_;
  const std::string path_ = directory_.file("000018.sst");
  const std::string model_ = RandomBytes(1 << 20, 18);
  bool answers_ = false;
  std::shared_ptr<rocksdb::FileSystem> file_system_;
  std::unique_ptr<FSRandomAccessFile> file_;
};

TEST_F(RealCacheProbeTest, CachedReadsTakeNoRing) {
  const bool cached = IsCached();
  EXPECT_TRUE(ReadTakes(cached ? "page_cache" : "ring"));
}

// A read that must not wait makes the kernel begin to read the page, which is
// there in time if the disk is fast and the thread loses its processor: a cold
// read need not take the ring each time.
TEST_F(RealCacheProbeTest, ColdReadsTakeTheRing) {
  bool cold = false;
  bool took_the_ring = false;
  for (int attempt = 0; attempt < 100 && !took_the_ring; ++attempt) {
    DropCache(path_);
    // Some filesystems keep their pages (tmpfs).
    cold = !IsCached();
    took_the_ring = ReadTakes("ring");
  }
  EXPECT_TRUE(took_the_ring || !cold);
}

}  // namespace
}  // namespace rocksdb_uring
