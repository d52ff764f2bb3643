// A database with one failed sync of its WAL: the plugin and the default file
// system give the same statuses until it resumes, and no acknowledged write is
// lost.
//
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cerrno>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "plugin/open_database.h"
#include "rocksdb/db.h"
#include "rocksdb/env.h"
#include "rocksdb/listener.h"
#include "rocksdb/options.h"
#include "rocksdb_uring/uring.h"
#include "tests/faults/fuse/fuse_filesystem.h"
#include "tests/support/file/brief_status.h"
#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {
namespace {

using rocksdb::DB;
using rocksdb::Env;
using rocksdb::FileSystem;
using rocksdb::Status;

// Leaves recovery to the test, because the time of automatic recovery is
// random.
class NoAutomaticRecovery final : public rocksdb::EventListener {
 public:
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason /*reason*/,
                            Status status, bool* recover) override {
    status.PermitUncheckedError();
    *recover = false;
  }
};

// Records the status of each step.
class SyncedDatabase {
 public:
  SyncedDatabase(FuseFilesystem* filesystem, std::string path, Env* env)
      : filesystem_(filesystem), path_(std::move(path)) {
    Open(env);
  }

  void Put(const std::string& step, size_t count) {
    rocksdb::WriteOptions synced;
    synced.sync = true;
    Status status;
    for (size_t i = 0; i < count && status.ok(); ++i) {
      const std::string key = "key" + std::to_string(next_++);
      status = db_->Put(synced, key, RandomBytes(500, next_));
      if (status.ok()) {
        model_[key] = RandomBytes(500, next_);
      }
    }
    Record(step, status);
  }

  void Resume() { Record("resume", db_->Resume()); }

  // Finds all acknowledged keys, now and after opening the database again.
  void ExpectAllAfterReopening(Env* env) {
    ExpectAll();
    Record("close", db_->Close());
    Open(env);
    ASSERT_NE(db_, nullptr);
    ExpectAll();
  }

  const std::vector<std::string>& steps() const { return steps_; }

 private:
  void Open(Env* env) {
    rocksdb::Options options;
    options.env = env;
    options.create_if_missing = true;
    options.db_log_dir = log_directory_.path();
    options.listeners = {std::make_shared<NoAutomaticRecovery>()};
    db_.reset();
    const Status status =
        DB::Open(options, filesystem_->file(path_), DatabaseOut(&db_));
    EXPECT_TRUE(status.ok()) << status.ToString();
  }

  void Record(const std::string& step, const Status& status) {
    steps_.push_back(step + ": " + BriefOf(status));
  }

  void ExpectAll() const {
    for (const auto& [key, expected] : model_) {
      std::string value;
      const Status status = db_->Get(rocksdb::ReadOptions(), key, &value);
      ASSERT_TRUE(status.ok()) << key << ": " << status.ToString();
      ASSERT_TRUE(value == expected) << key;
    }
  }

  FuseFilesystem* const filesystem_;
  const std::string path_;
  const TempDir log_directory_;
  std::map<std::string, std::string> model_;
  size_t next_ = 0;
  std::vector<std::string> steps_;
  std::unique_ptr<DB> db_;
};

TEST(FuseDatabaseTest, FailedWalSyncFailsThePutAndResumeRecovers) {
  SkipWithoutFuse();
  SkipWithoutRing();
  FuseFilesystem filesystem;
  ASSERT_EQ(filesystem.why_not(), "");
  std::unique_ptr<Env> plugin;
  ASSERT_TRUE(
      NewUringEnv("reads=uring;writes=uring;syncs=uring", &plugin).ok());
  FileSystem* const file_system = plugin->GetFileSystem().get();
  const auto before = StatisticsOf(file_system);
  std::vector<std::string> steps[2];
  for (Env* env : {Env::Default(), plugin.get()}) {
    const bool ours = env == plugin.get();
    SCOPED_TRACE(ours ? "plugin" : "default");
    SyncedDatabase database(&filesystem, ours ? "ours" : "theirs", env);
    ASSERT_FALSE(::testing::Test::HasFailure());
    database.Put("put", 10);
    filesystem.FailSync(ENOSPC, 1);
    database.Put("put at the fault", 1);
    EXPECT_NE(database.steps().back(), "put at the fault: OK");
    database.Put("put after it", 1);
    database.Resume();
    database.Resume();
    database.Put("put again", 10);
    database.ExpectAllAfterReopening(env);
    database.Put("put once reopened", 1);
    EXPECT_EQ(database.steps().back(), "put once reopened: OK");
    steps[ours] = database.steps();
  }
  EXPECT_EQ(steps[1], steps[0]);
  EXPECT_EQ(filesystem.control().failed(), 2u);
  const auto after = StatisticsOf(file_system);
  EXPECT_GT(after.at("opens"), before.at("opens"));
  EXPECT_GE(after.at("ops.fdatasync.ring.count"),
            before.at("ops.fdatasync.ring.count") + 22);
  EXPECT_EQ(after.at("ops.fdatasync.posix.count"),
            before.at("ops.fdatasync.posix.count"));
}

}  // namespace
}  // namespace rocksdb_uring
