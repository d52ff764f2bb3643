// What RocksDB asks of a file system in its newer versions. Each test runs with
// the versions that have the question; what is asked of them all runs always.
//
// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>

#include <memory>
#include <optional>
#include <string>

#include "env/fs/uring_file_system.h"
#include "plugin/default_file_system.h"
#include "rocksdb_uring/uring.h"
#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {
namespace {

using rocksdb::FileOptions;
using rocksdb::FileSystem;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

bool HasRings(FileSystem* file_system) {
  std::string json;
  EXPECT_TRUE(GetUringStatisticsJson(file_system, &json).ok());
  return json.find("\"kind\": \"uring\"") != std::string::npos;
}

// Says that it can do everything, and counts who asks.
class Boaster final : public VersionedFileSystem {
 public:
  Boaster() : VersionedFileSystem(FileSystem::Default()) {}
  const char* Name() const override { return target()->Name(); }
  bool IsInstanceOf(const std::string& name) const override {
    return target()->IsInstanceOf(name);
  }
#if ROCKSDB_URING_ROCKSDB_GE(8, 4)
  void SupportedOps(int64_t& supported_ops) override { supported_ops = -1; }
#elif ROCKSDB_URING_ROCKSDB_GE(8, 1)
  bool use_async_io() override { return true; }
#endif
#if ROCKSDB_URING_ROCKSDB_GE(11, 5)
  IOStatus SyncFile(const std::string&, const FileOptions&, const IOOptions&,
                    bool, rocksdb::IODebugContext*) override {
    ++syncs_;
    return IOStatus::OK();
  }
#endif
#if ROCKSDB_URING_ROCKSDB_GE(11, 8)
  folly::IOExecutor* GetReadExecutor() override {
    return reinterpret_cast<folly::IOExecutor*>(this);
  }
#endif
  int syncs_ = 0;
};

class VersionsTest : public ::testing::Test {
 protected:
  void Open(const std::string& uri) {
    base_ = std::make_shared<Boaster>();
    uring_ = std::make_shared<UringFileSystem>(base_);
    const rocksdb::Status status = uring_->Configure(uri, /*ready=*/true);
    ASSERT_TRUE(status.ok()) << status.ToString();
  }
  uint64_t Count(const std::string& name) {
    return StatisticsOf(uring_.get())[name];
  }

  TempDir directory_;
  const std::string path_ = directory_.file("000031.sst");
  std::shared_ptr<Boaster> base_;
  std::shared_ptr<UringFileSystem> uring_;
};

TEST_F(VersionsTest, HeadersAndLibraryAreOfOneVersion) {
  EXPECT_EQ(RocksDBVersionOfHeaders(), rocksdb::GetRocksVersionAsString(false));
}

TEST_F(VersionsTest, ReadsAsynchronouslyOnRingsOnly) {
  Open("uring://");
  EXPECT_EQ(uring_->ReadsAsynchronously(),
            std::optional<bool>(HasRings(uring_.get())));
  Open("uring://?reads=posix");
  EXPECT_EQ(uring_->ReadsAsynchronously(), std::optional<bool>(false));
  const ScopedEnvironment off("ROCKSDB_URING", "off");
  Open("uring://");
  EXPECT_EQ(uring_->ReadsAsynchronously(), std::nullopt);
}

TEST_F(VersionsTest, TableSaysItsSize) {
  Open("uring://");
  WriteFile(path_, std::string(12345, 'x'));
  const auto file = OpenRandomAccess(uring_.get(), path_, /*direct=*/false);
  uint64_t size = 0;
  // An ordinary function before 10.5.
  const IOStatus status =
      static_cast<UringRandomAccessFile*>(file.get())->GetFileSize(&size);
  EXPECT_TRUE(status.ok()) << status.ToString();
  EXPECT_EQ(size, 12345u);
#if ROCKSDB_URING_ROCKSDB_GE(10, 5)
  WriteFile(path_, std::string(54321, 'x'));
  EXPECT_TRUE(file->GetFileSize(&size).ok());
  EXPECT_EQ(size, 54321u);
#endif
}

#if ROCKSDB_URING_ROCKSDB_GE(8, 4)
int64_t SupportedBy(FileSystem* file_system) {
  int64_t supported = 0;
  file_system->SupportedOps(supported);
  return supported;
}

int64_t Wanted(bool asynchronous) {
  int64_t wanted =
      asynchronous ? int64_t{1} << rocksdb::FSSupportedOps::kAsyncIO : 0;
#if ROCKSDB_URING_ROCKSDB_GE(10, 8)
  wanted |= int64_t{1} << rocksdb::FSSupportedOps::kFSPrefetch;
#endif
  return wanted;
}

TEST_F(VersionsTest, SupportedOpsAreThoseOfOurFiles) {
  Open("uring://");
  EXPECT_EQ(SupportedBy(uring_.get()), Wanted(HasRings(uring_.get())));
  Open("uring://?reads=posix");
  EXPECT_EQ(SupportedBy(uring_.get()), Wanted(false));
  const ScopedEnvironment off("ROCKSDB_URING", "off");
  Open("uring://");
  EXPECT_EQ(SupportedBy(uring_.get()), -1);
}

TEST_F(VersionsTest, SupportedOpsUnderThePreload) {
  {
    const ScopedEnvironment posix("ROCKSDB_URING_OPTIONS", "reads=posix");
    DefaultFileSystem standard(std::make_shared<UringFileSystem>(nullptr));
    // Before anything was opened.
    EXPECT_EQ(SupportedBy(&standard), Wanted(false));
  }
  const auto uring = std::make_shared<UringFileSystem>(nullptr);
  DefaultFileSystem standard(uring);
  EXPECT_EQ(SupportedBy(&standard), Wanted(HasRings(uring.get())));
}
#elif ROCKSDB_URING_ROCKSDB_GE(8, 1)
TEST_F(VersionsTest, AsyncIoIsUsedOnRingsOnly) {
  Open("uring://");
  EXPECT_EQ(uring_->use_async_io(), HasRings(uring_.get()));
  Open("uring://?reads=posix");
  EXPECT_FALSE(uring_->use_async_io());
}
#endif

#if ROCKSDB_URING_ROCKSDB_GE(11, 5)
TEST_F(VersionsTest, SyncFileGoesThroughTheEngine) {
  Open("uring://");
  WriteFile(path_, std::string(5000, 'x'));
  for (const bool use_fsync : {false, true}) {
    const std::string count = use_fsync ? "ops.fsync." : "ops.fdatasync.";
    const uint64_t before = Count(count + "posix.count") +  //
                            Count(count + "ring.count");
    const IOStatus status =
        uring_->SyncFile(path_, FileOptions(), IOOptions(), use_fsync, nullptr);
    EXPECT_TRUE(status.ok()) << status.ToString();
    EXPECT_EQ(Count(count + "posix.count") + Count(count + "ring.count"),
              before + 1);
  }
  EXPECT_EQ(base_->syncs_, 0);
  EXPECT_EQ(ReadWholeFile(path_), std::string(5000, 'x'));
}
#endif

#if ROCKSDB_URING_ROCKSDB_GE(11, 8)
TEST_F(VersionsTest, CoroutinesGetNoExecutorOfAnotherFileSystem) {
  Open("uring://");
  EXPECT_EQ(uring_->GetReadExecutor(), nullptr);
  const ScopedEnvironment off("ROCKSDB_URING", "off");
  Open("uring://");
  EXPECT_NE(uring_->GetReadExecutor(), nullptr);
}
#endif

}  // namespace
}  // namespace rocksdb_uring
