// The FileSystem: opening files, the statuses of failures, and what it leaves
// to the default file system.
//
// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/fsuid.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

#include "rocksdb/iostats_context.h"
#include "rocksdb/perf_level.h"
#include "rocksdb_uring/uring.h"
#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {
namespace {

using rocksdb::Env;
using rocksdb::FileOptions;
using rocksdb::FileSystem;
using rocksdb::FSRandomAccessFile;
using rocksdb::FSSequentialFile;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::PerfLevel;
using rocksdb::Slice;
using rocksdb::Status;

class FileSystemTest : public ::testing::Test {
 protected:
  void SetUp() override {
    WriteFile(path_, model_);
    file_system_ = OpenFileSystem("");
  }

  // Opening `path` in both file systems fails alike.
  void ExpectSameFailure(const std::string& path) {
    for (bool direct : {false, true}) {
      const FileOptions options = ReadOptionsOf(direct);
      std::unique_ptr<FSRandomAccessFile> random;
      const IOStatus our_random =
          file_system_->NewRandomAccessFile(path, options, &random, nullptr);
      EXPECT_FALSE(our_random.ok()) << path;
      EXPECT_EQ(random, nullptr);
      EXPECT_TRUE(SameStatus(our_random, default_->NewRandomAccessFile(
                                             path, options, &random, nullptr)));
      std::unique_ptr<FSSequentialFile> sequential;
      const IOStatus our_sequential =
          file_system_->NewSequentialFile(path, options, &sequential, nullptr);
      EXPECT_FALSE(our_sequential.ok()) << path;
      EXPECT_EQ(sequential, nullptr);
      EXPECT_TRUE(SameStatus(
          our_sequential,
          default_->NewSequentialFile(path, options, &sequential, nullptr)));
    }
  }

  std::string ReadAll(FSRandomAccessFile* file) {
    std::string bytes(model_.size() + 1, '\0');
    Slice result;
    const IOStatus status = file->Read(0, bytes.size(), IOOptions(), &result,
                                       bytes.data(), nullptr);
    return status.ok() ? result.ToString() : status.ToString();
  }

  TempDir directory_;
  const std::string path_ = directory_.file("000022.sst");
  const std::string model_ = RandomBytes(100000, 22);
  const std::shared_ptr<FileSystem> default_ = FileSystem::Default();
  std::shared_ptr<FileSystem> file_system_;
};

TEST_F(FileSystemTest, Names) {
  EXPECT_STREQ(file_system_->Name(), "UringFileSystem");
  EXPECT_EQ(file_system_->GetId(), "uring");
  EXPECT_TRUE(file_system_->IsInstanceOf("uring"));
}

TEST_F(FileSystemTest, MissingFilesAndDirectories) {
  ExpectSameFailure(directory_.file("missing.sst"));
  ExpectSameFailure(directory_.file("missing/000001.sst"));
  ExpectSameFailure(path_ + "/000001.sst");
  ExpectSameFailure("");
}

TEST_F(FileSystemTest, NamesTooLongAndLoops) {
  ExpectSameFailure(directory_.file(std::string(300, 'x')));
  const std::string loop = directory_.file("loop");
  ASSERT_EQ(symlink(loop.c_str(), loop.c_str()), 0);
  ExpectSameFailure(loop);
}

TEST_F(FileSystemTest, NoPermission) {
  ASSERT_EQ(chmod(path_.c_str(), 0), 0);
  // The user id for files is that of the thread alone.
  std::thread([this] {
    if (geteuid() == 0) {
      setfsuid(65534);
    }
    ExpectSameFailure(path_);
  }).join();
}

TEST_F(FileSystemTest, NoDescriptorsLeft) {
  rlimit before = {};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none = before;
  none.rlim_cur = 3;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  std::unique_ptr<FSRandomAccessFile> file;
  const IOStatus ours =
      file_system_->NewRandomAccessFile(path_, FileOptions(), &file, nullptr);
  const IOStatus theirs =
      default_->NewRandomAccessFile(path_, FileOptions(), &file, nullptr);
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_FALSE(ours.ok());
  EXPECT_TRUE(SameStatus(ours, theirs));
}

TEST_F(FileSystemTest, ReadingADirectoryFailsAlike) {
  const auto ours =
      OpenRandomAccess(file_system_.get(), directory_.path(), false);
  const auto theirs =
      OpenRandomAccess(default_.get(), directory_.path(), false);
  Scratch scratch(kBlock);
  Slice result;
  const IOStatus our_status =
      ours->Read(kBlock, kBlock, IOOptions(), &result, scratch.data(), nullptr);
  EXPECT_TRUE(our_status.IsIOError());
  EXPECT_EQ(result.size(), 0u);
  EXPECT_TRUE(
      SameStatus(our_status, theirs->Read(kBlock, kBlock, IOOptions(), &result,
                                          scratch.data(), nullptr)));
}

TEST_F(FileSystemTest, BatchOnADirectoryFailsInEachRequest) {
  for (const char* reads : {"auto", "uring", "posix"}) {
    const auto file_system = OpenFileSystem(std::string("reads=") + reads);
    const auto file =
        OpenRandomAccess(file_system.get(), directory_.path(), false);
    Scratch scratch(2 * kBlock);
    rocksdb::FSReadRequest requests[2];
    for (size_t i = 0; i < 2; ++i) {
      requests[i].offset = i * kBlock;
      requests[i].len = kBlock;
      requests[i].scratch = scratch.data() + i * kBlock;
    }
    EXPECT_TRUE(file->MultiRead(requests, 2, IOOptions(), nullptr).ok());
    for (const auto& request : requests) {
      EXPECT_TRUE(request.status.IsIOError()) << request.status.ToString();
      EXPECT_NE(request.status.ToString().find("Is a directory"),
                std::string::npos);
      EXPECT_EQ(request.result.size(), 0u);
    }
  }
}

TEST_F(FileSystemTest, OpensAreCounted) {
  const uint64_t before = StatisticsOf(file_system_.get())["opens"];
  const auto file = OpenRandomAccess(file_system_.get(), path_, false);
  std::unique_ptr<FSSequentialFile> sequential;
  EXPECT_TRUE(
      file_system_
          ->NewSequentialFile(path_, FileOptions(), &sequential, nullptr)
          .ok());
  EXPECT_EQ(StatisticsOf(file_system_.get())["opens"], before + 2);
}

TEST_F(FileSystemTest, OpenTimeIsKeptAtThePerfLevelsOfRocksDb) {
  rocksdb::IOStatsContext* const context = rocksdb::get_iostats_context();
  const PerfLevel before = rocksdb::GetPerfLevel();
  for (PerfLevel level :
       {PerfLevel::kDisable, PerfLevel::kEnableCount,
        PerfLevel::kEnableTimeExceptForMutex, PerfLevel::kEnableTime}) {
    rocksdb::SetPerfLevel(level);
    const auto grows = [&](FileSystem* file_system) {
      context->Reset();
      const auto file = OpenRandomAccess(file_system, path_, false);
      return context->open_nanos > 0;
    };
    EXPECT_EQ(grows(file_system_.get()), grows(default_.get()))
        << static_cast<int>(level);
  }
  rocksdb::SetPerfLevel(before);
}

TEST_F(FileSystemTest, DescriptorsAreClosedOnExec) {
  const size_t before = OpenDescriptors();
  {
    const auto file = OpenRandomAccess(file_system_.get(), path_, false);
    EXPECT_EQ(OpenDescriptors(), before + 1);
    for (int fd = 3; fd < 256; ++fd) {
      const int flags = fcntl(fd, F_GETFD);
      if (flags >= 0 && PathOfDescriptor(fd) == path_) {
        EXPECT_NE(flags & FD_CLOEXEC, 0);
      }
    }
  }
  EXPECT_EQ(OpenDescriptors(), before);
}

TEST_F(FileSystemTest, MemoryMappedReadsAreTheDefaults) {
  FileOptions options;
  options.use_mmap_reads = true;
  std::unique_ptr<FSRandomAccessFile> file;
  ASSERT_TRUE(
      file_system_->NewRandomAccessFile(path_, options, &file, nullptr).ok());
  Slice result;
  ASSERT_TRUE(
      file->Read(10, 1000, IOOptions(), &result, nullptr, nullptr).ok());
  EXPECT_EQ(result.ToString(), model_.substr(10, 1000));
}

TEST_F(FileSystemTest, WritesAndMetadataAreTheDefaults) {
  const std::string path = directory_.file("CURRENT");
  ASSERT_TRUE(
      rocksdb::WriteStringToFile(file_system_.get(), "MANIFEST-1", path, true)
          .ok());
  std::string back;
  ASSERT_TRUE(rocksdb::ReadFileToString(file_system_.get(), path, &back).ok());
  EXPECT_EQ(back, "MANIFEST-1");
  uint64_t size = 0;
  EXPECT_TRUE(
      file_system_->GetFileSize(path, IOOptions(), &size, nullptr).ok());
  EXPECT_EQ(size, 10u);
  EXPECT_TRUE(file_system_->FileExists(path, IOOptions(), nullptr).ok());
  EXPECT_TRUE(file_system_->DeleteFile(path, IOOptions(), nullptr).ok());
  EXPECT_TRUE(
      file_system_->FileExists(path, IOOptions(), nullptr).IsNotFound());
}

TEST_F(FileSystemTest, EnvSharesTheDefaultThreadPools) {
  std::unique_ptr<Env> env;
  ASSERT_TRUE(NewUringEnv("", &env).ok());
  EXPECT_EQ(env->GetBackgroundThreads(Env::LOW),
            Env::Default()->GetBackgroundThreads(Env::LOW));
  EXPECT_STREQ(env->GetFileSystem()->Name(), "UringFileSystem");
}

TEST_F(FileSystemTest, FilesOutliveTheFileSystem) {
  const auto file = OpenRandomAccess(file_system_.get(), path_, false);
  file_system_.reset();
  EXPECT_EQ(ReadAll(file.get()), model_);
}

TEST_F(FileSystemTest, ForkedChildReadsOldAndNewFiles) {
  const auto file = OpenRandomAccess(file_system_.get(), path_, false);
  EXPECT_EQ(ReadAll(file.get()), model_);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const bool old_file = ReadAll(file.get()) == model_;
    const auto fresh = OpenRandomAccess(file_system_.get(), path_, false);
    _exit(old_file && fresh != nullptr && ReadAll(fresh.get()) == model_ ? 0
                                                                         : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(ReadAll(file.get()), model_);
}

}  // namespace
}  // namespace rocksdb_uring
