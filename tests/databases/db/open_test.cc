// Databases as a whole: reopened, compacted, verified, and read where io_uring
// is switched off.
//
// SPDX-License-Identifier: Apache-2.0
#include <sys/utsname.h>

#include <string>

#include "env/base/version.h"
#include "plugin/open_database.h"
#include "rocksdb_uring/uring.h"
#include "tests/databases/db/db_test_support.h"

namespace rocksdb_uring {
namespace {

using rocksdb::ReadOptions;
using rocksdb::Status;

class OpenTest : public DbTest {};

TEST_P(OpenTest, ReopenedAgainAndAgain) {
  ExpectUsed("read");
  ExpectUsed("sequential_read");
  for (int i = 0; i < 5; ++i) {
    Write(3000);
    Reopen();
    ExpectAll();
  }
}

TEST_P(OpenTest, CompactionReadsRight) {
  ExpectUsed("read");
  for (int i = 0; i < 2; ++i) {
    Fill();
    Compact();
    ExpectAll();
  }
}

TEST_P(OpenTest, CompactionIsReadAhead) {
  table_bytes_ = 16 << 20;
  Reopen();
  Write(15000);
  Compact();
  const uint64_t before = Used("read.read_ahead");
  const auto background = [this] {
    return StatisticsOf(
        env_->GetFileSystem().get())["events.background_requests"];
  };
  const uint64_t background_before = background();
  Compact();
  if (WhyNoRing().empty() && std::string(GetParam().paths) != "posix") {
    EXPECT_GT(Used("read.read_ahead"), before);
    EXPECT_GT(background(), background_before);
  } else {
    EXPECT_EQ(Used("read.read_ahead"), 0u);
  }
  const uint64_t background_after = background();
  ExpectAll();
  EXPECT_EQ(background(), background_after);
}

TEST_P(OpenTest, ChecksumsVerify) {
  ExpectUsed("read");
  Fill();
  const Status status = Verify();
  EXPECT_TRUE(status.ok()) << status.ToString();
  const Status files = db_->VerifyChecksum(ReadOptions());
  EXPECT_TRUE(files.ok()) << files.ToString();
}

TEST_P(OpenTest, WrittenHereReadByTheDefaultAndBack) {
  ExpectUsed("read");
  Fill();
  Close();
  {
    rocksdb::Options options = MakeOptions();
    options.env = rocksdb::Env::Default();
    ASSERT_TRUE(rocksdb::DB::Open(options, path_, DatabaseOut(&db_)).ok());
    ExpectAll();
    Write(1000);
    Close();
  }
  Open();
  ExpectAll();
}

TEST_P(OpenTest, LogTellsHowReadsAreServed) {
  Close();
  const std::string log = ReadWholeFile(path_ + "/LOG");
  utsname kernel = {};
  ASSERT_EQ(uname(&kernel), 0);
  const std::string release = kernel.release;
  const std::string version = kVersion;
  const std::string wanted =
      WhyNoRing().empty() ? "uring file system: rocksdb-uring " + version +
                                ", io_uring in use, Linux " + release + ", "
                          : "uring file system: rocksdb-uring " + version +
                                ", POSIX in use, Linux " + release + ": ";
  EXPECT_NE(log.find(wanted), std::string::npos);
}

TEST_P(OpenTest, SwitchedOffDatabaseReadsRight) {
  ExpectUsed("read");
  Fill();
  ExpectAll();
  Close();
  const ScopedEnvironment off("ROCKSDB_URING", "off");
  std::unique_ptr<rocksdb::Env> env;
  ASSERT_TRUE(NewUringEnv("", &env).ok());
  rocksdb::Options options = MakeOptions();
  options.env = env.get();
  ASSERT_TRUE(rocksdb::DB::Open(options, path_, DatabaseOut(&db_)).ok());
  ExpectAll();
  Close();
  EXPECT_EQ(StatisticsOf(env->GetFileSystem().get())["opens"], 0u);
}

INSTANTIATE_TEST_SUITE_P(Modes, OpenTest, ::testing::ValuesIn(AllDbCases()),
                         DbCaseName);

}  // namespace
}  // namespace rocksdb_uring
