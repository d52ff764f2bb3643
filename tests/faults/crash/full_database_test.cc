// Databases on a filesystem that is filled to the last block: with the plugin
// they fail, wait and recover as with the default file system.
//
// SPDX-License-Identifier: Apache-2.0
#include "tests/faults/crash/full_database.h"

#include <gtest/gtest.h>

#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "rocksdb/env.h"
#include "rocksdb_uring/uring.h"
#include "tests/faults/crash/loop_filesystem.h"
#include "tests/support/engine/test_support.h"
#include "tests/support/file/file_test_support.h"
#include "tests/support/file/paths.h"

namespace rocksdb_uring {
namespace {

using rocksdb::Env;
using rocksdb::WriteOptions;

struct FullDbCase {
  DiskPath path;
  bool direct;
};

void PrintTo(const FullDbCase& test_case, std::ostream* out) {
  *out << "options=\"" << test_case.path.options
       << "\" direct=" << test_case.direct;
}

std::vector<FullDbCase> FullDbCases() {
  std::vector<FullDbCase> all;
  for (const DiskPath& path : kDiskPaths) {
    all.push_back({path, false});
    all.push_back({path, true});
  }
  return all;
}

std::string FullDbCaseName(const ::testing::TestParamInfo<FullDbCase>& info) {
  return std::string(info.param.path.name) +
         (info.param.direct ? "_Direct" : "_Buffered");
}

// What is left when the disk is made nearly full, and keys that take more.
constexpr uint64_t kLeft = 1 << 20;
constexpr size_t kKeysOfFourMiB = 4000;

class FullDatabaseTest : public ::testing::TestWithParam<FullDbCase> {
 protected:
  void SetUp() override {
    SkipWithoutLoopFilesystem();
    if (GetParam().path.rings) {
      SkipWithoutRing();
    }
    const rocksdb::Status status =
        NewUringEnv(GetParam().path.options, &plugin_);
    ASSERT_TRUE(status.ok()) << status.ToString();
    setup_.direct = GetParam().direct;
  }

  // The same with both file systems. `scenario` takes a FullDatabase.
  template <typename Scenario>
  void Compare(Scenario scenario) {
    std::vector<std::string> steps[2];
    for (Env* env : {Env::Default(), plugin_.get()}) {
      SCOPED_TRACE(env == plugin_.get() ? "plugin" : "default");
      FullDatabase database(env, setup_);
      ASSERT_FALSE(HasFatalFailure());
      scenario(&database);
      ASSERT_FALSE(HasFatalFailure());
      EXPECT_TRUE(database.was_full()) << "the disk was never full";
      database.Put("put again", 100);
      EXPECT_EQ(database.steps().back() == "put again: OK", recovers_);
      database.Flush("flush again");
      database.ExpectWhole();
      steps[env == plugin_.get()] = database.steps();
    }
    EXPECT_EQ(steps[1], steps[0]);
    const auto statistics = StatisticsOf(plugin_->GetFileSystem().get());
    EXPECT_GT(statistics.at("opens"), 0u) << "the plugin was not entered";
    if (GetParam().path.rings) {
      EXPECT_GT(statistics.at("ops.write.ring.count"), 0u);
    }
  }

  std::unique_ptr<Env> plugin_;
  FullDatabaseSetup setup_;
  // Whether the scenario ends with a database that takes writes.
  bool recovers_ = true;
};

TEST_P(FullDatabaseTest, WalFailsAndResumes) {
  // Or the WAL has its space already.
  setup_.preallocates = false;
  Compare([](FullDatabase* database) {
    database->Put("put", 100);
    database->LeaveFree(kLeft);
    database->Put("put until full", kKeysOfFourMiB);
    database->NoteBackgroundError();
    database->Put("put when full", 1);
    database->FreeAll();
    database->Put("put when stopped", 1);
    // Among others it tries again what the WAL has refused.
    database->Resume();
  });
}

// A flush before Resume makes the error a fatal one.
TEST_P(FullDatabaseTest, WalFailsAndAFlushIsTooMuch) {
  setup_.preallocates = false;
  recovers_ = false;
  Compare([](FullDatabase* database) {
    database->Put("put", 100);
    database->LeaveFree(kLeft);
    database->Put("put until full", kKeysOfFourMiB);
    database->Flush("flush when full");
    database->NoteBackgroundError();
    database->FreeAll();
    database->Resume();
  });
}

TEST_P(FullDatabaseTest, FlushFailsAndResumes) {
  Compare([](FullDatabase* database) {
    database->Put("put", kKeysOfFourMiB);
    database->LeaveFree(kLeft);
    database->Flush("flush until full");
    database->NoteBackgroundError();
    database->Put("put when full", 1);
    database->FreeAll();
    database->Resume();
  });
}

TEST_P(FullDatabaseTest, FlushWithoutWalFailsAndResumes) {
  Compare([](FullDatabase* database) {
    WriteOptions without_wal;
    without_wal.disableWAL = true;
    database->Put("put", kKeysOfFourMiB, without_wal);
    database->LeaveFree(kLeft);
    database->Flush("flush until full");
    database->NoteBackgroundError();
    database->Put("put when full", 1, without_wal);
    database->FreeAll();
    database->Resume();
  });
}

TEST_P(FullDatabaseTest, CompactionFailsAndResumes) {
  Compare([](FullDatabase* database) {
    for (int i = 0; i < 3; ++i) {
      database->Put("put", kKeysOfFourMiB);
      database->Flush("flush");
    }
    database->LeaveFree(kLeft);
    database->Compact("compact until full");
    database->NoteBackgroundError();
    database->FreeAll();
    database->Resume();
    database->Compact("compact again");
  });
}

TEST_P(FullDatabaseTest, FlushFailsAndTheDatabaseRecoversByItself) {
  setup_.recovers = true;
  Compare([](FullDatabase* database) {
    database->Put("put", kKeysOfFourMiB);
    database->LeaveFree(kLeft);
    database->Flush("flush until full");
    database->NoteBackgroundError();
    database->FreeAll();
    database->AwaitRecovery();
  });
}

INSTANTIATE_TEST_SUITE_P(All, FullDatabaseTest,
                         ::testing::ValuesIn(FullDbCases()), FullDbCaseName);

}  // namespace
}  // namespace rocksdb_uring
