// What must outlive what, within a process. What happens at its end is in
// rollback_test.cc.
//
// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <string>

#include "plugin/open_database.h"
#include "rocksdb/db.h"
#include "rocksdb/env.h"
#include "rocksdb_uring/uring.h"
#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {
namespace {

TEST(LifetimesTest, FileOutlivesItsFileSystem) {
  const TempDir directory;
  const std::string path = directory.file("000007.sst");
  const std::string model = RandomBytes(64 << 10, 7);
  WriteFile(path, model);
  std::shared_ptr<rocksdb::FileSystem> file_system = OpenFileSystem("");
  const auto file = OpenRandomAccess(file_system.get(), path, false);
  ASSERT_NE(file, nullptr);
  file_system.reset();
  rocksdb::FSReadRequest requests[4];
  std::string scratch(4 * kBlock, '\0');
  for (size_t i = 0; i < 4; ++i) {
    requests[i].offset = i * kBlock;
    requests[i].len = kBlock;
    requests[i].scratch = &scratch[i * kBlock];
  }
  ASSERT_TRUE(file->MultiRead(requests, 4, rocksdb::IOOptions(), nullptr).ok());
  for (const rocksdb::FSReadRequest& request : requests) {
    EXPECT_EQ(request.result.ToString(),
              Expected(model, request.offset, request.len));
  }
}

TEST(LifetimesTest, EnvHoldsItsFileSystem) {
  const TempDir directory;
  std::unique_ptr<rocksdb::Env> env;
  ASSERT_TRUE(NewUringEnv("", &env).ok());
  const std::weak_ptr<rocksdb::FileSystem> file_system = env->GetFileSystem();
  rocksdb::Options options;
  options.create_if_missing = true;
  options.env = env.get();
  std::unique_ptr<rocksdb::DB> db;
  ASSERT_TRUE(
      rocksdb::DB::Open(options, directory.file("db"), DatabaseOut(&db)).ok());
  EXPECT_TRUE(db->Put(rocksdb::WriteOptions(), "key", "value").ok());
  db.reset();
  env.reset();
  // Options hold what they name; nothing else does.
  options = rocksdb::Options();
  EXPECT_TRUE(file_system.expired());
}

TEST(LifetimesTest, EnvsComeAndGoBesideEachOther) {
  std::unique_ptr<rocksdb::Env> first;
  std::unique_ptr<rocksdb::Env> second;
  ASSERT_TRUE(NewUringEnv("queue_depth=32", &first).ok());
  ASSERT_TRUE(NewUringEnv("", &second).ok());
  first.reset();
  // The engine that they share is still that of the first.
  std::unique_ptr<rocksdb::Env> third;
  EXPECT_FALSE(NewUringEnv("queue_depth=64", &third).ok());
  second.reset();
  // With the last it went.
  EXPECT_TRUE(NewUringEnv("queue_depth=64", &third).ok());
}

}  // namespace
}  // namespace rocksdb_uring
