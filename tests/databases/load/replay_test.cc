// uring_replay, and uring_compare --trace: a trace of all kinds of operations
// on two column families, replayed on copies of the database.
//
// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "plugin/open_database.h"
#include "rocksdb/db.h"
#include "rocksdb/trace_reader_writer.h"
#include "tests/databases/load/load_test_support.h"
#include "tests/support/engine/test_counts.h"
#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {
namespace {

namespace fs = std::filesystem;
using rocksdb::ColumnFamilyHandle;
using rocksdb::Slice;

constexpr size_t kKeys = 3000;
constexpr size_t kBatch = 16;

std::string Key(size_t i) { return "key" + std::to_string(100000 + i); }

// Closed when it goes.
class Database {
 public:
  explicit Database(const std::string& path) {
    rocksdb::Options options;
    options.create_if_missing = true;
    options.create_missing_column_families = true;
    options.compression = rocksdb::kNoCompression;
    const std::vector<rocksdb::ColumnFamilyDescriptor> families = {
        {"default", options}, {"second", options}};
    const auto status = rocksdb::DB::Open(options, path, families, &families_,
                                          DatabaseOut(&db_));
    EXPECT_TRUE(status.ok()) << status.ToString();
  }
  ~Database() {
    for (ColumnFamilyHandle* family : families_) {
      EXPECT_TRUE(db_->DestroyColumnFamilyHandle(family).ok());
    }
  }

  rocksdb::DB* operator->() { return db_.get(); }
  ColumnFamilyHandle* family(size_t i) { return families_[i]; }

 private:
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<ColumnFamilyHandle*> families_;
};

class ReplayTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (BuiltWithSanitizer()) {
      GTEST_SKIP() << "programs of users are built without sanitizers";
    }
    Database database(db_);
    for (size_t f = 0; f < 2; ++f) {
      for (size_t i = 0; i < kKeys; ++i) {
        ASSERT_TRUE(
            database
                ->Put({}, database.family(f), Key(i), std::string(1000, 'v'))
                .ok());
      }
      ASSERT_TRUE(database->Flush({}, database.family(f)).ok());
    }
  }

  // On a copy: what the trace wrote must come from the replay alone.
  void Record() {
    fs::copy(db_, directory_.file("recorded"));
    Database database(directory_.file("recorded"));
    std::unique_ptr<rocksdb::TraceWriter> writer;
    ASSERT_TRUE(rocksdb::NewFileTraceWriter(rocksdb::Env::Default(),
                                            rocksdb::EnvOptions(), trace_,
                                            &writer)
                    .ok());
    ASSERT_TRUE(database->StartTrace({}, std::move(writer)).ok());
    ASSERT_TRUE(database->Put({}, database.family(1), "new", "value").ok());
    for (size_t f = 0; f < 2; ++f) {
      std::string value;
      ASSERT_TRUE(database->Get({}, database.family(f), Key(7), &value).ok());
      MultiGet(&database, f);
      std::unique_ptr<rocksdb::Iterator> iterator(
          database->NewIterator({}, database.family(f)));
      iterator->Seek(Key(9));
      iterator->SeekForPrev(Key(9));
    }
    ASSERT_TRUE(database->EndTrace().ok());
  }

  void MultiGet(Database* database, size_t family) {
    std::vector<std::string> texts;
    for (size_t i = 0; i < kBatch; ++i) texts.push_back(Key(i * 150));
    const std::vector<Slice> keys(texts.begin(), texts.end());
    std::vector<ColumnFamilyHandle*> families(kBatch, database->family(family));
    std::vector<rocksdb::PinnableSlice> values(kBatch);
    std::vector<rocksdb::Status> statuses(kBatch);
    (*database)->MultiGet({}, kBatch, families.data(), keys.data(),
                          values.data(), statuses.data());
    EXPECT_TRUE(statuses.front().ok());
  }

  bool HasNewKey(const std::string& path) {
    Database database(path);
    std::string value;
    return database->Get({}, database.family(1), "new", &value).ok();
  }

  ChildResult Replay(const std::vector<std::string>& more) {
    std::vector<std::string> argv = {URING_REPLAY_PATH, "--db=" + db_,
                                     "--trace=" + trace_};
    argv.insert(argv.end(), more.begin(), more.end());
    return RunChild(argv);
  }

  TempDir directory_;
  const std::string db_ = directory_.file("db");
  const std::string trace_ = directory_.file("trace");
};

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_F(ReplayTest, ExecutesAllKindsOnAllColumnFamilies) {
  Record();
  ASSERT_FALSE(HasNewKey(db_));
  const ChildResult result = Replay({"--threads=2", "--sync", "--speed=1000"});
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_TRUE(Contains(result.output, " 9 operations;")) << result.output;
  for (const char* kind : {"operation", "get", "multiget", "seek", "write"}) {
    EXPECT_TRUE(
        Contains(result.output, std::string("Microseconds per ") + kind + ":"))
        << result.output;
  }
  EXPECT_TRUE(HasNewKey(db_));
}

TEST_F(ReplayTest, ComparisonProvesThePathAndLeavesTheDatabase) {
  SkipWithoutRing();
  Record();
  const std::string json_path = directory_.file("json");
  const ChildResult result =
      RunChild({URING_COMPARE_PATH, "--db=" + db_, "--trace=" + trace_,
                "--pairs=1", "--trace_args=--direct",
                "--plugin=" ROCKSDB_URING_LIBRARY, "--json=" + json_path});
  ASSERT_EQ(result.exit_code, 0) << result.output;
  const auto row = nlohmann::json::parse(ReadWholeFile(json_path))["rows"][0];
  EXPECT_EQ(row["name"], "trace");
  EXPECT_GT(row["a"]["runs"]["p95_us"][0], 0);
  EXPECT_GT(row["b"]["runs"]["p999_us"][0], 0);
  // Batches of the MultiGets. db_bench's replay would read key by key.
  EXPECT_EQ(row["b"]["plugin_stats"]["ops"]["multi_read"]["ring"]["count"],
            2 * kBatch);
  EXPECT_FALSE(HasNewKey(db_));
  EXPECT_FALSE(fs::exists(db_ + ".scratch"));
}

TEST_F(ReplayTest, FailedReplayIsAFailedRow) {
  Record();
  // Its column family is not there.
  const std::string other = directory_.file("other");
  { Database database(other); }
  {
    Database database(other);
    ASSERT_TRUE(database->DropColumnFamily(database.family(1)).ok());
  }
  CountBadInputs();
  const ChildResult result =
      RunChild({URING_REPLAY_PATH, "--db=" + other, "--trace=" + trace_});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_TRUE(Contains(result.output, "cannot replay " + trace_))
      << result.output;
}

TEST_F(ReplayTest, BadUsageIsNamed) {
  CountBadInputs();
  EXPECT_EQ(RunChild({URING_REPLAY_PATH}).exit_code, 2);
  EXPECT_EQ(Replay({"--threads=0"}).exit_code, 2);
  EXPECT_EQ(Replay({"stray"}).exit_code, 2);
  const ChildResult missing = Replay({"--trace=" + directory_.file("none")});
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_TRUE(Contains(missing.output, directory_.file("none")))
      << missing.output;
}

}  // namespace
}  // namespace rocksdb_uring
