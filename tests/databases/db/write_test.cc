// Writes of a database: every way to write and to sync, over reopening, and
// which path they took.
//
// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <string>
#include <thread>

#include "plugin/open_database.h"
#include "tests/databases/db/db_test_support.h"

namespace rocksdb_uring {
namespace {

using rocksdb::Options;
using rocksdb::Status;
using rocksdb::WriteOptions;

class WriteTest : public DbTest {
 protected:
  Options MakeOptions() override {
    Options options = DbTest::MakeOptions();
    options.recycle_log_file_num = 3;
    options.bytes_per_sync = 64 << 10;
    options.wal_bytes_per_sync = 16 << 10;
    options.strict_bytes_per_sync = strict_;
    options.manual_wal_flush = manual_flush_;
    options.use_fsync = fsync_;
    for (const auto type : {rocksdb::kTableFile, rocksdb::kWalFile,
                            rocksdb::kDescriptorFile, rocksdb::kBlobFile}) {
      options.checksum_handoff_file_types.Add(type);
    }
    return options;
  }

  void PutSynced(size_t count) {
    WriteOptions options;
    options.sync = true;
    for (size_t i = 0; i < count; ++i) {
      const std::string key = RandomKey();
      const std::string value = RandomBytes(200, random_());
      ASSERT_TRUE(db_->Put(options, key, value).ok());
      model_[key] = value;
    }
  }

  // Where table bytes went in flight, and where appends were waited for.
  bool WritesBehind() const {
    return WhyNoRing().empty() && std::string(GetParam().paths) != "posix";
  }

  bool strict_ = false;
  bool manual_flush_ = false;
  bool fsync_ = false;
};

TEST_P(WriteTest, FlushesCompactionsAndReopening) {
  for (const bool strict : {false, true}) {
    strict_ = strict;
    fsync_ = strict;
    Reopen();
    Fill();
    PutSynced(20);
    ASSERT_TRUE(Verify().ok());
    Reopen();
    ExpectAll();
  }
  ExpectUsed(WritesBehind() ? "write_behind.ring" : "write");
  ExpectUsed("fsync");
  ExpectUsed("fallocate");
}

TEST_P(WriteTest, SyncsOfTheLog) {
  PutSynced(50);
  Write(500);
  ASSERT_TRUE(db_->FlushWAL(/*sync=*/true).ok());
  Write(500);
  ASSERT_TRUE(db_->SyncWAL().ok());
  Reopen();
  ExpectAll();
  ExpectUsed(std::string(GetParam().paths) == "uring" && WhyNoRing().empty()
                 ? "fdatasync.ring"
                 : "fdatasync.posix");
  ExpectUsed("write");
}

TEST_P(WriteTest, LogIsFlushedWhenAsked) {
  manual_flush_ = true;
  Reopen();
  Write(1000);
  ASSERT_TRUE(db_->FlushWAL(/*sync=*/false).ok());
  Reopen();
  ExpectAll();
}

TEST_P(WriteTest, SyncWALBesideWriters) {
  std::atomic<bool> stop{false};
  std::thread syncer([&] {
    while (!stop) {
      EXPECT_TRUE(db_->SyncWAL().ok());
    }
  });
  for (int i = 0; i < 20; ++i) {
    Write(200);
    PutSynced(2);
  }
  stop = true;
  syncer.join();
  Reopen();
  ExpectAll();
}

TEST_P(WriteTest, WrittenHereIsTheSameFilesAsOnPosix) {
  Fill();
  Close();
  // The same directory, by the default file system, there and back.
  Options options = MakeOptions();
  options.env = rocksdb::Env::Default();
  ASSERT_TRUE(rocksdb::DB::Open(options, path_, DatabaseOut(&db_)).ok());
  ExpectAll();
  ASSERT_TRUE(Verify().ok());
  Write(500);
  Reopen();
  ExpectAll();
}

INSTANTIATE_TEST_SUITE_P(Modes, WriteTest, ::testing::ValuesIn(AllDbCases()),
                         DbCaseName);

}  // namespace
}  // namespace rocksdb_uring
