// Iterators against a model: plain and with async_io, all readahead sizes,
// used by one thread after the other, destroyed with reads in flight.
//
// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <thread>
#include <vector>

#include "tests/databases/db/db_test_support.h"

namespace rocksdb_uring {
namespace {

using rocksdb::Iterator;
using rocksdb::ReadOptions;

class IteratorTest : public DbTest {
 protected:
  void SetUp() override {
    DbTest::SetUp();
    if (!IsSkipped()) {
      FillOnce();
    }
  }

  std::unique_ptr<Iterator> NewIterator(bool async_io,
                                        size_t readahead_bytes = 0) {
    ReadOptions options;
    options.async_io = async_io;
    options.readahead_size = readahead_bytes;
    return std::unique_ptr<Iterator>(db_->NewIterator(options));
  }

  // Both stand at the same key, or at no key.
  ::testing::AssertionResult At(const Iterator& iterator,
                                Model::const_iterator expected) const {
    if (!iterator.status().ok()) {
      return ::testing::AssertionFailure() << iterator.status().ToString();
    }
    if (expected == model_.end()) {
      return iterator.Valid()
                 ? ::testing::AssertionFailure() << "not at the end"
                 : ::testing::AssertionSuccess();
    }
    if (!iterator.Valid() || iterator.key() != expected->first ||
        iterator.value() != expected->second) {
      return ::testing::AssertionFailure() << "not at " << expected->first;
    }
    return ::testing::AssertionSuccess();
  }

  void ExpectScan(Iterator* iterator) {
    iterator->SeekToFirst();
    for (auto expected = model_.cbegin(); expected != model_.cend();
         ++expected) {
      ASSERT_TRUE(At(*iterator, expected));
      iterator->Next();
    }
    ASSERT_TRUE(At(*iterator, model_.cend()));
  }

  void ExpectSeekAndNexts(Iterator* iterator, size_t nexts) {
    const std::string key = RandomKey();
    iterator->Seek(key);
    auto expected = model_.lower_bound(key);
    for (size_t i = 0; i < nexts && expected != model_.end(); ++i) {
      ASSERT_TRUE(At(*iterator, expected));
      iterator->Next();
      ++expected;
    }
  }

  void ExpectAsync() {
    if (WhyNoRing().empty()) {
      ExpectUsed("read_async");
    }
  }
};

TEST_P(IteratorTest, ScansWithAllReadaheadSizes) {
  ExpectUsed("read");
  ExpectAsync();
  for (size_t kib : {0, 4, 16, 100, 256, 2048}) {
    for (bool async_io : {false, true}) {
      ExpectScan(NewIterator(async_io, kib << 10).get());
      ASSERT_FALSE(HasFailure()) << kib << " KiB, async_io " << async_io;
    }
  }
}

TEST_P(IteratorTest, DirectScanOfALargeTableIsReadAhead) {
  if (WhyNoRing().empty() && GetParam().direct) {
    ExpectUsed("read_ahead.ring");
    ExpectUsed("read.read_ahead");
  }
  table_bytes_ = 16 << 20;
  Reopen();
  Compact();
  ExpectScan(NewIterator(false, 128 << 10).get());
}

TEST_P(IteratorTest, BackwardScan) {
  ExpectUsed("read");
  for (bool async_io : {false, true}) {
    const auto iterator = NewIterator(async_io);
    iterator->SeekToLast();
    for (auto expected = model_.crbegin(); expected != model_.crend();
         ++expected) {
      ASSERT_TRUE(iterator->Valid()) << iterator->status().ToString();
      ASSERT_EQ(iterator->key().ToString(), expected->first);
      ASSERT_EQ(iterator->value().ToString(), expected->second);
      iterator->Prev();
    }
    EXPECT_FALSE(iterator->Valid());
    EXPECT_TRUE(iterator->status().ok());
  }
}

TEST_P(IteratorTest, RandomSeeks) {
  ExpectAsync();
  for (bool async_io : {false, true}) {
    const auto iterator = NewIterator(async_io, 64 << 10);
    for (int i = 0; i < 300; ++i) {
      ExpectSeekAndNexts(iterator.get(), random_() % 60);
      ASSERT_FALSE(HasFailure()) << "seed " << TestSeed();
    }
  }
}

TEST_P(IteratorTest, MovedFromThreadToThread) {
  ExpectAsync();
  for (bool async_io : {false, true}) {
    auto iterator = NewIterator(async_io, 32 << 10);
    iterator->SeekToFirst();
    auto expected = model_.cbegin();
    while (expected != model_.cend()) {
      std::thread([&] {
        for (int i = 0; i < 200 && expected != model_.cend(); ++i) {
          EXPECT_TRUE(At(*iterator, expected));
          iterator->Next();
          ++expected;
        }
      }).join();
    }
    EXPECT_TRUE(At(*iterator, model_.cend()));
    std::thread([&] { iterator.reset(); }).join();
  }
}

TEST_P(IteratorTest, DestroyedWithReadsInFlight) {
  ExpectAsync();
  for (int i = 0; i < 100; ++i) {
    const auto iterator = NewIterator(true, 256 << 10);
    ExpectSeekAndNexts(iterator.get(), random_() % 200);
  }
}

TEST_P(IteratorTest, BesideBatchesOnOneThread) {
  ExpectAsync();
  ExpectUsed("multi_read");
  const auto iterator = NewIterator(true, 16 << 10);
  iterator->SeekToFirst();
  size_t step = 0;
  for (auto expected = model_.cbegin(); expected != model_.cend();
       ++expected, ++step) {
    ASSERT_TRUE(At(*iterator, expected));
    iterator->Next();
    if (step % 100 != 0) {
      continue;
    }
    ExpectBatch(RandomKeys(32));
  }
}

TEST_P(IteratorTest, ManyThreads) {
  ExpectAsync();
  Threads threads;
  for (int thread = 0; thread < 6; ++thread) {
    threads.Start([this, thread] {
      ExpectScan(NewIterator(thread % 2 == 0, (thread % 3) * (64 << 10)).get());
    });
  }
}

INSTANTIATE_TEST_SUITE_P(Modes, IteratorTest, ::testing::ValuesIn(AllDbCases()),
                         DbCaseName);

}  // namespace
}  // namespace rocksdb_uring
