// SPDX-License-Identifier: Apache-2.0

#include "tests/databases/db/db_test_support.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "plugin/open_database.h"
#include "rocksdb/cache.h"
#include "rocksdb/table.h"
#include "rocksdb_uring/uring.h"
#include "tests/support/engine/sanitizers.h"

namespace rocksdb_uring {

using rocksdb::DB;
using rocksdb::Options;
using rocksdb::Status;
using ::testing::AssertionFailure;
using ::testing::AssertionResult;
using ::testing::AssertionSuccess;

void PrintTo(const DbCase& db_case, std::ostream* out) {
  *out << (db_case.direct ? "direct, paths " : "buffered, paths ")
       << db_case.paths;
}

std::string DbCaseName(const ::testing::TestParamInfo<DbCase>& info) {
  return std::string(info.param.direct ? "Direct_" : "Buffered_") +
         info.param.paths;
}

std::vector<DbCase> AllDbCases() {
  if (kThreadSanitizer && !FullTests()) {
    // All paths of both kinds of file that threads can meet on.
    return {{false, "uring"}, {true, "auto"}};
  }
  return {{false, "auto"}, {false, "uring"}, {true, "auto"}, {true, "uring"}};
}

void DbTest::SetUp() {
  WriteFile(directory_.file("probe"), "");
  SkipWithoutDirectReads(GetParam().direct, directory_.file("probe"));
  const Status status = NewUringEnv(FileSystemOptionsText(), &env_);
  ASSERT_TRUE(status.ok()) << status.ToString();
  before_ = StatisticsOf(env_->GetFileSystem().get());
  Open();
}

std::string DbTest::FileSystemOptionsText() {
  const std::string paths = GetParam().paths;
  return "reads=" + paths + ";writes=" + paths + ";syncs=" + paths;
}

void DbTest::TearDown() {
  if (env_ == nullptr || IsSkipped()) {
    return;
  }
  EXPECT_GT(StatisticsOf(env_->GetFileSystem().get())["opens"],
            before_["opens"])
      << "the plugin was not entered";
  for (const std::string& kind : expected_) {
    EXPECT_GT(Used(kind), 0u) << kind;
  }
  Close();
}

uint64_t DbTest::Used(const std::string& kind) {
  uint64_t count = 0;
  for (const auto& number : StatisticsOf(env_->GetFileSystem().get())) {
    const std::string prefix = "ops." + kind + ".";
    const bool counts =
        number.first.size() > 6 &&
        number.first.substr(number.first.size() - 6) == ".count";
    if (counts && number.first.compare(0, prefix.size(), prefix) == 0) {
      count += number.second - before_[number.first];
    }
  }
  return count;
}

Options DbTest::MakeOptions() {
  Options options;
  options.env = env_.get();
  options.create_if_missing = true;
  options.use_direct_reads = GetParam().direct;
  options.use_direct_io_for_flush_and_compaction = GetParam().direct;
  options.write_buffer_size = 256 << 10;
  options.target_file_size_base = table_bytes_;
  options.max_bytes_for_level_base = 1 << 20;
  options.level0_file_num_compaction_trigger = 4;
  options.compression = rocksdb::kNoCompression;
  options.max_background_jobs = 2;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(32 << 10);
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

void DbTest::Open() {
  const Status status = DB::Open(MakeOptions(), path_, DatabaseOut(&db_));
  ASSERT_TRUE(status.ok()) << status.ToString();
}

void DbTest::Close() {
  if (db_ != nullptr) {
    EXPECT_TRUE(db_->Close().ok());
    db_.reset();
  }
}

std::string DbTest::Key(uint64_t number) {
  char key[32];
  snprintf(key, sizeof(key), "key%012llu",
           static_cast<unsigned long long>(number));
  return key;
}

void DbTest::Write(size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const std::string key = RandomKey();
    if (random_() % 10 == 0) {
      ASSERT_TRUE(db_->Delete(rocksdb::WriteOptions(), key).ok());
      model_.erase(key);
      continue;
    }
    const std::string value = RandomBytes(50 + random_() % 400, random_());
    ASSERT_TRUE(db_->Put(rocksdb::WriteOptions(), key, value).ok());
    model_[key] = value;
  }
}

void DbTest::Flush() { ASSERT_TRUE(db_->Flush(rocksdb::FlushOptions()).ok()); }

void DbTest::Compact() {
  rocksdb::CompactRangeOptions options;
  options.bottommost_level_compaction =
      rocksdb::BottommostLevelCompaction::kForce;
  const Status status = db_->CompactRange(options, nullptr, nullptr);
  ASSERT_TRUE(status.ok()) << status.ToString();
}

void DbTest::Fill() {
  Write(9000);
  Compact();
  Write(2500);
  Flush();
  Write(500);
  Flush();
  std::vector<rocksdb::LiveFileMetaData> files;
  db_->GetLiveFilesMetaData(&files);
  ASSERT_GT(files.size(), 5u);
  const auto level = [](const auto& a, const auto& b) {
    return a.level < b.level;
  };
  const auto ends = std::minmax_element(files.begin(), files.end(), level);
  ASSERT_LT(ends.first->level, ends.second->level);
}

struct DbTest::Filled {
  TempDir directory;
  Model model;
  std::mt19937_64 random;
};

void DbTest::FillOnce() {
  static std::map<std::string, Filled> all;
  const ::testing::TestInfo& test =
      *::testing::UnitTest::GetInstance()->current_test_info();
  const std::string mode =
      std::string(test.test_suite_name()) + " " + DbCaseName({GetParam(), 0});
  const auto found = all.find(mode);
  if (found == all.end()) {
    Fill();
    if (HasFatalFailure()) {
      return;  // not to be copied
    }
    Close();
    Filled& filled = all[mode];
    std::filesystem::copy(path_, filled.directory.file("db"));
    filled.model = model_;
    filled.random = random_;
  } else {
    Close();
    std::filesystem::remove_all(path_);
    std::filesystem::copy(found->second.directory.file("db"), path_);
    model_ = found->second.model;
    random_ = found->second.random;
  }
  Open();
}

std::vector<std::string> DbTest::RandomKeys(size_t count) {
  std::vector<std::string> keys(count);
  std::generate(keys.begin(), keys.end(), [this] { return RandomKey(); });
  return keys;
}

AssertionResult DbTest::Matches(const std::string& key, const Status& status,
                                const std::string& value) const {
  const auto found = model_.find(key);
  if (found == model_.end()) {
    return status.IsNotFound() ? AssertionSuccess()
                               : AssertionFailure()
                                     << key << ": " << status.ToString()
                                     << " instead of NotFound";
  }
  if (!status.ok()) {
    return AssertionFailure() << key << ": " << status.ToString();
  }
  return value == found->second ? AssertionSuccess()
                                : AssertionFailure() << key << ": wrong value";
}

void DbTest::ExpectBatch(const std::vector<std::string>& keys, bool sorted,
                         const rocksdb::ReadOptions& options) {
  const std::vector<rocksdb::Slice> slices(keys.begin(), keys.end());
  std::vector<rocksdb::PinnableSlice> values(keys.size());
  std::vector<Status> statuses(keys.size());
  db_->MultiGet(options, db_->DefaultColumnFamily(), keys.size(), slices.data(),
                values.data(), statuses.data(), sorted);
  for (size_t i = 0; i < keys.size(); ++i) {
    EXPECT_TRUE(Matches(keys[i], statuses[i], values[i].ToString()));
  }
}

}  // namespace rocksdb_uring
