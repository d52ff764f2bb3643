// Asynchronous reads of a scan that fail in its midst, in the ring and again
// through POSIX: the scan ends with that error, and neither skips a key nor
// gives one that is not there; once the fault is over, the iterator works
// again.
//
// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <memory>
#include <string>

#include "env/engine/shared_engine.h"
#include "plugin/open_database.h"
#include "rocksdb/table.h"
#include "rocksdb_uring/uring.h"
#include "tests/databases/db/db_test_support.h"
#include "tests/support/engine/fake_ring.h"
#include "tests/support/engine/fake_system_calls.h"

namespace rocksdb_uring {
namespace {

using rocksdb::DB;
using rocksdb::Iterator;
using rocksdb::Options;
using rocksdb::ReadOptions;

// The parameter: direct or buffered.
class PollErrorTest : public ::testing::TestWithParam<bool> {
 protected:
  static constexpr int kKeys = 4000;

  void SetUp() override {
    EngineOptions engine;
    engine.ring_factory = kernel_.factory();
    engine.system_calls = &calls_;
    RingFeatures features;
    features.verdict = RingVerdict::kUsable;
    engine_ = std::make_shared<SharedEngine>(engine, features);
    SharedEngine::InstallForTests(engine_);
    ASSERT_TRUE(NewUringEnv("reads=uring", &env_).ok());
    Options options;
    options.env = env_.get();
    options.create_if_missing = true;
    options.use_direct_reads = GetParam();
    options.compression = rocksdb::kNoCompression;
    rocksdb::BlockBasedTableOptions table;
    table.no_block_cache = true;
    options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    ASSERT_TRUE(
        DB::Open(options, directory_.file("db"), DatabaseOut(&db_)).ok());
    for (int i = 0; i < kKeys; ++i) {
      ASSERT_TRUE(db_->Put(rocksdb::WriteOptions(), Key(i), Value(i)).ok());
    }
    ASSERT_TRUE(db_->Flush(rocksdb::FlushOptions()).ok());
  }

  void TearDown() override {
    db_.reset();
    env_.reset();
    engine_.reset();
    EXPECT_EQ(kernel_.observations().rings_alive, 0u);
  }

  static std::string Key(int i) { return "key" + std::to_string(100000 + i); }
  static std::string Value(int i) { return RandomBytes(200, i); }

  std::unique_ptr<Iterator> NewIterator() {
    ReadOptions options;
    options.async_io = true;
    options.readahead_size = 32 << 10;
    return std::unique_ptr<Iterator>(db_->NewIterator(options));
  }

  // Goes on from the key with number `next`; returns the number after the last
  // key that was given.
  int Scan(Iterator* iterator, int next, int limit) {
    for (; iterator->Valid() && next < limit; iterator->Next(), ++next) {
      EXPECT_EQ(iterator->key().ToString(), Key(next));
      EXPECT_EQ(iterator->value().ToString(), Value(next));
    }
    return next;
  }

  void FailReads(bool fail) {
    kernel_.SetRequestScript([fail](const RingRequest&, uint64_t) {
      FakeKernel::Verdict verdict;
      verdict.error = fail ? -EIO : 0;
      return verdict;
    });
    calls_.Fail(FakeSystemCalls::kPread, FakeSystemCalls::kAlways,
                fail ? -EIO : 0);
  }

  uint64_t AsyncReads() {
    return engine_->statistics()
        ->Snapshot()
        .op(StatKind::kReadAsync, IoPath::kRing)
        .count;
  }
  // By whatever path they were to be served last.
  uint64_t FailedAsyncReads() {
    return engine_->statistics()->Snapshot().op(StatKind::kReadAsync).errors;
  }

  const TempDir directory_;
  FakeKernel kernel_;
  FakeSystemCalls calls_;
  std::shared_ptr<SharedEngine> engine_;
  std::unique_ptr<rocksdb::Env> env_;
  std::unique_ptr<DB> db_;
};

TEST_P(PollErrorTest, EndsTheScanWithTheError) {
  for (const int before : {1, 500, 2000}) {
    const uint64_t reads = AsyncReads();
    const uint64_t failed = FailedAsyncReads();
    const std::unique_ptr<Iterator> iterator = NewIterator();
    iterator->SeekToFirst();
    ASSERT_EQ(Scan(iterator.get(), 0, before), before);
    FailReads(true);
    const int reached = Scan(iterator.get(), before, kKeys);
    EXPECT_LT(reached, kKeys) << "the fault was not met";
    EXPECT_FALSE(iterator->Valid());
    EXPECT_TRUE(iterator->status().IsIOError())
        << iterator->status().ToString();
    FailReads(false);
    EXPECT_GT(AsyncReads(), reads);
    EXPECT_GT(FailedAsyncReads(), failed);
    // The disk is well again: the same iterator goes on where it stopped, and
    // another one gives everything.
    iterator->Seek(Key(reached));
    EXPECT_EQ(Scan(iterator.get(), reached, kKeys), kKeys);
    EXPECT_FALSE(iterator->Valid());
    EXPECT_TRUE(iterator->status().ok()) << iterator->status().ToString();
    const std::unique_ptr<Iterator> again = NewIterator();
    again->SeekToFirst();
    EXPECT_EQ(Scan(again.get(), 0, kKeys), kKeys);
    EXPECT_TRUE(again->status().ok()) << again->status().ToString();
  }
}

INSTANTIATE_TEST_SUITE_P(Modes, PollErrorTest, ::testing::Bool(),
                         [](const ::testing::TestParamInfo<bool>& info) {
                           return info.param ? "Direct" : "Buffered";
                         });

}  // namespace
}  // namespace rocksdb_uring
