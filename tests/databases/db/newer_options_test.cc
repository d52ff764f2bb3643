// Options that RocksDB has had since 10.7: each does on the plugin what it does
// on POSIX, by the path that is meant for it.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/file/rocksdb_compat.h"

#if ROCKSDB_URING_ROCKSDB_GE(10, 7)

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "plugin/open_database.h"
#include "rocksdb/utilities/checkpoint.h"
#include "tests/databases/db/db_test_support.h"

namespace rocksdb_uring {
namespace {

using rocksdb::DB;
using rocksdb::Env;
using rocksdb::Options;
using rocksdb::ReadOptions;
using rocksdb::Slice;
using rocksdb::Status;

class NewerOptionsTest : public DbTest {
 protected:
  // Whether reads that a batch or a caller does not wait for have a ring.
  bool OnRings() const { return WhyNoRing().empty() && GetParam().direct; }
  // Every second range of the model is what a MultiScan finds.
  void ExpectMultiScan(bool async_io, bool reverse);
#if ROCKSDB_URING_ROCKSDB_GE(11, 8)
  // The database there holds the model, on the plugin and on POSIX.
  void ExpectDatabaseAt(const std::string& path);
#endif
};

void NewerOptionsTest::ExpectMultiScan(bool async_io, bool reverse) {
  constexpr size_t kRanges = 40;
  std::vector<std::string> bounds;
  for (size_t i = 0; i <= kRanges; ++i) {
    bounds.push_back(Key(kKeys * i / kRanges));
  }
  ReadOptions options;
  options.fill_cache = false;
  rocksdb::MultiScanArgs args(rocksdb::BytewiseComparator());
  args.use_async_io = async_io;
#if ROCKSDB_URING_ROCKSDB_GE(11, 8)
  args.reverse = reverse;
#endif
  for (size_t i = 0; i < kRanges; i += 2) {
    args.insert(Slice(bounds[i]), Slice(bounds[i + 1]));
  }
  const auto scans =
      db_->NewMultiScan(options, db_->DefaultColumnFamily(), args);
  std::vector<std::pair<std::string, std::string>> found;
  for (auto& range : *scans) {
    for (const auto& entry : range) {
      found.emplace_back(entry.first.ToString(), entry.second.ToString());
    }
  }
  std::vector<std::pair<std::string, std::string>> expected;
  const auto add = [&](size_t i) {
    std::vector<std::pair<std::string, std::string>> range(
        model_.lower_bound(bounds[i]), model_.lower_bound(bounds[i + 1]));
    if (reverse) {
      std::reverse(range.begin(), range.end());
    }
    expected.insert(expected.end(), range.begin(), range.end());
  };
  for (size_t i = 0; i < kRanges; i += 2) {
    add(i);
  }
  ASSERT_EQ(found.size(), expected.size());
  EXPECT_EQ(found, expected);
}

TEST_P(NewerOptionsTest, MultiScan) {
  Fill();
  Compact();
  for (const bool async_io : {false, true}) {
    ExpectMultiScan(async_io, /*reverse=*/false);
  }
#if ROCKSDB_URING_ROCKSDB_GE(11, 8)
  ExpectMultiScan(/*async_io=*/true, /*reverse=*/true);
#endif
  ExpectUsed("multi_read");
  ExpectUsed("read_async");
  if (OnRings()) {
    ExpectUsed("multi_read.ring");
    ExpectUsed("read_async.ring");
  }
}

#if ROCKSDB_URING_ROCKSDB_GE(11, 8)

void NewerOptionsTest::ExpectDatabaseAt(const std::string& path) {
  for (Env* env : {env_.get(), Env::Default()}) {
    Options options = MakeOptions();
    options.env = env;
    std::unique_ptr<DB> copy;
    const Status status =
        DB::OpenForReadOnly(options, path, DatabaseOut(&copy));
    ASSERT_TRUE(status.ok()) << status.ToString();
    const std::unique_ptr<rocksdb::Iterator> all(
        copy->NewIterator(ReadOptions()));
    auto expected = model_.cbegin();
    for (all->SeekToFirst(); all->Valid(); all->Next(), ++expected) {
      ASSERT_NE(expected, model_.cend());
      ASSERT_EQ(all->key(), expected->first);
      ASSERT_EQ(all->value(), expected->second);
    }
    EXPECT_TRUE(all->status().ok()) << all->status().ToString();
    EXPECT_EQ(expected, model_.cend());
  }
}

// Several threads copy, which is what a checkpoint on another device does.
TEST_P(NewerOptionsTest, CheckpointByThreads) {
  Fill();
  for (const bool links : {true, false}) {
    rocksdb::CheckpointEngineOptions options;
    options.max_background_operations = 4;
    options.use_link_file_when_available = links;
    std::unique_ptr<rocksdb::CheckpointEngine> checkpoints;
    ASSERT_TRUE(rocksdb::CheckpointEngine::Open(options, &checkpoints).ok());
    const std::string path = directory_.file(links ? "linked" : "copied");
    const Status status = checkpoints->CreateCheckpoint(db_.get(), path);
    ASSERT_TRUE(status.ok()) << status.ToString();
    ExpectDatabaseAt(path);
  }
}

class CompactionReadsTest : public NewerOptionsTest {
 protected:
  Options MakeOptions() override {
    Options options = NewerOptionsTest::MakeOptions();
    options.use_direct_reads = false;
    options.use_direct_io_for_compaction_reads = true;
    return options;
  }
};

// Where everything else is buffered, compactions are read ahead.
TEST_P(CompactionReadsTest, AreDirectAndReadAhead) {
  table_bytes_ = 4 << 20;
  Reopen();
  for (int i = 0; i < 3; ++i) {
    Write(8000);
    Flush();
  }
  Compact();
  ExpectAll();
  ASSERT_TRUE(Verify().ok());
  if (WhyNoRing().empty()) {
    ExpectUsed("read_ahead.ring");
  }
}

class EarlyLogTest : public NewerOptionsTest {
 protected:
  Options MakeOptions() override {
    Options options = NewerOptionsTest::MakeOptions();
    options.async_wal_precreate = true;
    return options;
  }
};

// The next log is there before the memtable is full; what it holds is found
// after each reopening, also where it holds nothing.
TEST_P(EarlyLogTest, NothingIsLost) {
  for (int round = 0; round < 3; ++round) {
    Write(3000);
    Flush();
    rocksdb::WriteOptions synced;
    synced.sync = true;
    const std::string key = RandomKey();
    ASSERT_TRUE(db_->Put(synced, key, "synced").ok());
    model_[key] = "synced";
    Reopen();
    ExpectAll();
    Reopen();
    ExpectAll();
  }
}

INSTANTIATE_TEST_SUITE_P(Modes, CompactionReadsTest,
                         ::testing::ValuesIn(AllDbCases()), DbCaseName);
INSTANTIATE_TEST_SUITE_P(Modes, EarlyLogTest, ::testing::ValuesIn(AllDbCases()),
                         DbCaseName);

#endif

INSTANTIATE_TEST_SUITE_P(Modes, NewerOptionsTest,
                         ::testing::ValuesIn(AllDbCases()), DbCaseName);

}  // namespace
}  // namespace rocksdb_uring

#endif
