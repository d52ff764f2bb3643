// A database on the plugin beside a model of what it holds.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "rocksdb/db.h"
#include "rocksdb/options.h"
#include "tests/support/engine/test_support.h"
#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {

// How files are read and written.
struct DbCase {
  bool direct;
  // Options `reads`, `writes` and `syncs` of the file system.
  const char* paths;
};
void PrintTo(const DbCase& db_case, std::ostream* out);
std::string DbCaseName(const ::testing::TestParamInfo<DbCase>& info);
// Direct and buffered, each with `auto` and `uring`; with the thread sanitizer
// one of each, unless ROCKSDB_URING_TEST_FULL asks for all.
std::vector<DbCase> AllDbCases();

class DbTest : public ::testing::TestWithParam<DbCase> {
 protected:
  using Model = std::map<std::string, std::string>;

  // An iterator gives exactly what the model holds.
  void ExpectAll() {
    std::unique_ptr<rocksdb::Iterator> iterator(
        db_->NewIterator(rocksdb::ReadOptions()));
    auto expected = model_.cbegin();
    for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) {
      ASSERT_NE(expected, model_.cend());
      ASSERT_EQ(iterator->key().ToString(), expected->first);
      ASSERT_EQ(iterator->value().ToString(), expected->second);
      ++expected;
    }
    EXPECT_TRUE(iterator->status().ok()) << iterator->status().ToString();
    EXPECT_EQ(expected, model_.cend());
  }

  // Opens an empty database.
  void SetUp() override;
  // Checks that the plugin was entered: files were opened through it, and
  // each kind that a test has expected was read.
  void TearDown() override;

  // What the test must have caused by its end: operations of this kind
  // (`read`, `multi_read`, ...) by any path, or by one (`read_async.ring`).
  void ExpectUsed(const std::string& kind) { expected_.push_back(kind); }
  uint64_t Used(const std::string& kind);

  // Of the file system; for SetUp.
  virtual std::string FileSystemOptionsText();
  // For the next Open. Small files and a small cache, so that reads reach the
  // file.
  virtual rocksdb::Options MakeOptions();
  void Open();
  void Close();
  void Reopen() {
    Close();
    Open();
  }
  // `count` keys at random places of a small space, in the database and in the
  // model; some are deleted.
  void Write(size_t count);
  // Writes, flushes and compacts until several levels hold files.
  void Fill();
  // For tests that read: the first of its suite and mode in this process fills
  // the database, the others get a copy of it.
  void FillOnce();
  void Flush();
  void Compact();
  rocksdb::Status Verify() { return db_->VerifyChecksum(); }

  static std::string Key(uint64_t number);
  std::string RandomKey() { return Key(random_() % kKeys); }
  std::vector<std::string> RandomKeys(size_t count);
  // What Get should give: the value, or nothing.
  ::testing::AssertionResult Matches(const std::string& key,
                                     const rocksdb::Status& status,
                                     const std::string& value) const;
  // The MultiGet with arrays, for which RocksDB reads the blocks of a file in
  // batches, gives what it should.
  void ExpectBatch(
      const std::vector<std::string>& keys, bool sorted = false,
      const rocksdb::ReadOptions& options = rocksdb::ReadOptions());

  static constexpr uint64_t kKeys = 20000;
  // Of a table file, for the next Open.
  size_t table_bytes_ = 256 << 10;

  TempDir directory_;
  const std::string path_ = directory_.file("db");
  std::unique_ptr<rocksdb::Env> env_;
  std::unique_ptr<rocksdb::DB> db_;
  Model model_;
  std::mt19937_64 random_{TestSeed()};

 private:
  struct Filled;

  std::vector<std::string> expected_;
  std::map<std::string, uint64_t> before_;
};

}  // namespace rocksdb_uring
