// What RocksDB makes of `uring` in URIs for an Env: the plugin or an error,
// never POSIX without a word. Those for a file system are in
// tests/unit/fs/options_test.cc.
//
// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <string>

#include "plugin/open_database.h"
#include "rocksdb/convenience.h"
#include "rocksdb/db.h"
#include "rocksdb/env.h"
#include "rocksdb/utilities/object_registry.h"
#include "rocksdb_uring/uring.h"
#include "tests/support/file/file_test_support.h"

// Not from our header: as the table of plugins in RocksDB's own build declares
// it, which must be the same symbol.
extern "C" {
int RegisterUringFileSystem(ROCKSDB_NAMESPACE::ObjectLibrary&,
                            const std::string&);
}

namespace rocksdb_uring {
namespace {

using rocksdb::ConfigOptions;
using rocksdb::Env;
using rocksdb::Status;

class EnvUriTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    static const int registered =
        RegisterUringFileSystem(*rocksdb::ObjectLibrary::Default(), "");
    EXPECT_EQ(registered, 2);
  }

  // As db_bench's --env_uri and the tests' TEST_ENV_URI do.
  Status Create(const std::string& uri) {
    env_ = nullptr;
    guard_.reset();
    return Env::CreateFromUri(ConfigOptions(), uri, "", &env_, &guard_);
  }

  Env* env_ = nullptr;
  std::shared_ptr<Env> guard_;
};

TEST_F(EnvUriTest, GiveThePlugin) {
  for (const char* uri :
       {"uring", "uring://", "id=uring", "id=uring;fallback=auto;reads=auto"}) {
    const Status status = Create(uri);
    ASSERT_TRUE(status.ok()) << uri << ": " << status.ToString();
    EXPECT_NE(env_, Env::Default()) << uri;
    EXPECT_STREQ(env_->Name(), "UringEnv");
    // Not the older interface of Env, which has no asynchronous reads.
    EXPECT_STREQ(env_->GetFileSystem()->Name(), "UringFileSystem");
    EXPECT_EQ(env_->GetSystemClock(), Env::Default()->GetSystemClock());
  }
}

TEST_F(EnvUriTest, ObjectsAreFoundByTheirOwnNames) {
  ASSERT_TRUE(Create("UringEnv").ok());
  ASSERT_NE(env_, nullptr);
  EXPECT_STREQ(env_->Name(), "UringEnv");
  ConfigOptions config;
  config.ignore_unsupported_options = false;
  for (const char* name :
       {"UringFileSystem", "id=UringFileSystem;reads=posix"}) {
    std::shared_ptr<rocksdb::FileSystem> file_system;
    const Status status =
        rocksdb::FileSystem::CreateFromString(config, name, &file_system);
    ASSERT_TRUE(status.ok()) << name << ": " << status.ToString();
    EXPECT_STREQ(file_system->Name(), "UringFileSystem");
  }
}

TEST_F(EnvUriTest, OptionsReachTheFileSystem) {
  ASSERT_TRUE(Create("id=uring;reads=posix").ok());
  std::string value;
  ASSERT_TRUE(
      env_->GetFileSystem()->GetOption(ConfigOptions(), "reads", &value).ok());
  EXPECT_EQ(value, "posix");
}

TEST_F(EnvUriTest, MistakesAreErrors) {
  for (const char* uri :
       {"id=uring;queue_dept=64", "id=uring;reads=fast", "uring://path",
        // RocksDB takes this for an option of the default Env.
        "uring://?reads=posix"}) {
    const Status status = Create(uri);
    EXPECT_FALSE(status.ok()) << uri;
  }
  // An Env that nobody owns cannot be had.
  Env* env = nullptr;
  const Status status =
      Env::CreateFromString(ConfigOptions(), "uring://", &env);
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(env, nullptr);
}

TEST_F(EnvUriTest, EnvsShareTheThreadPoolsOfTheDefaultOne) {
  std::unique_ptr<Env> made;
  ASSERT_TRUE(NewUringEnv("", &made).ok());
  ASSERT_TRUE(Create("uring://").ok());
  Env* const standard = Env::Default();
  const int before = standard->GetBackgroundThreads(Env::LOW);
  for (Env* env : {made.get(), env_}) {
    env->SetBackgroundThreads(before + 2, Env::LOW);
    EXPECT_EQ(standard->GetBackgroundThreads(Env::LOW), before + 2);
    standard->SetBackgroundThreads(before + 1, Env::LOW);
    EXPECT_EQ(env->GetBackgroundThreads(Env::LOW), before + 1);
    standard->SetBackgroundThreads(before, Env::LOW);
  }
}

TEST_F(EnvUriTest, DatabaseReadsThroughThePlugin) {
  const TempDir directory;
  ASSERT_TRUE(Create("uring://").ok());
  rocksdb::Options options;
  options.create_if_missing = true;
  options.env = env_;
  std::unique_ptr<rocksdb::DB> db;
  ASSERT_TRUE(
      rocksdb::DB::Open(options, directory.file("db"), DatabaseOut(&db)).ok());
  ASSERT_TRUE(db->Put(rocksdb::WriteOptions(), "key", "value").ok());
  ASSERT_TRUE(db->Flush(rocksdb::FlushOptions()).ok());
  std::string value;
  ASSERT_TRUE(db->Get(rocksdb::ReadOptions(), "key", &value).ok());
  EXPECT_EQ(value, "value");
  db.reset();
  EXPECT_GT(StatisticsOf(env_->GetFileSystem().get())["opens"], 0u);
}

}  // namespace
}  // namespace rocksdb_uring
