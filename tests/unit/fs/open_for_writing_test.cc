// Opening files to write them: the statuses of failures, and what an open
// leaves behind.
//
// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <limits.h>
#include <sys/fsuid.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "rocksdb/iostats_context.h"
#include "rocksdb/perf_level.h"
#include "tests/support/file/file_pair.h"

namespace rocksdb_uring {
namespace {

using rocksdb::FileOptions;
using rocksdb::FileSystem;
using rocksdb::FSRandomRWFile;
using rocksdb::FSWritableFile;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::PerfLevel;

IOStatus NewRandomRw(FileSystem* file_system, const std::string& path,
                     const FileOptions& options,
                     std::unique_ptr<FSWritableFile>* /*file*/) {
  std::unique_ptr<FSRandomRWFile> file;
  return file_system->NewRandomRWFile(path, options, &file, nullptr);
}

class OpenForWritingTest : public ::testing::Test {
 protected:
  void SetUp() override { file_system_ = OpenFileSystem(""); }

  // The text, too: both are asked for the same name.
  void ExpectSameFailure(const OpenCall& call, const std::string& path) {
    const size_t descriptors = OpenDescriptors();
    for (bool direct : {false, true}) {
      FileOptions options;
      options.use_direct_writes = direct;
      std::unique_ptr<FSWritableFile> file;
      const IOStatus ours = call(file_system_.get(), path, options, &file);
      EXPECT_FALSE(ours.ok()) << path;
      EXPECT_EQ(file, nullptr);
      EXPECT_TRUE(SameStatus(ours, call(default_.get(), path, options, &file)));
    }
    EXPECT_EQ(OpenDescriptors(), descriptors);
  }

  uint64_t Opens() { return StatisticsOf(file_system_.get())["opens"]; }

  TempDir directory_;
  const std::shared_ptr<FileSystem> default_ = FileSystem::Default();
  std::shared_ptr<FileSystem> file_system_;
};

TEST_F(OpenForWritingTest, MissingFilesAndDirectories) {
  const std::string file = directory_.file("file");
  WriteFile(file, "contents");
  for (const std::string& path :
       {directory_.file("missing/000001.sst"), file + "/000001.sst",
        std::string(), directory_.path(), directory_.path() + "/"}) {
    ExpectSameFailure(NewCall(), path);
    ExpectSameFailure(ReopenCall(), path);
  }
  ExpectSameFailure(NewRandomRw, directory_.file("missing.sst"));
  ExpectSameFailure(NewRandomRw, directory_.path());
  EXPECT_EQ(ReadWholeFile(file), "contents");
}

TEST_F(OpenForWritingTest, NamesTooLongAndLoops) {
  const std::string loop = directory_.file("loop");
  ASSERT_EQ(symlink(loop.c_str(), loop.c_str()), 0);
  for (const std::string& path :
       {loop, directory_.file(std::string(300, 'x'))}) {
    ExpectSameFailure(NewCall(), path);
    ExpectSameFailure(ReopenCall(), path);
    ExpectSameFailure(NewRandomRw, path);
    ExpectSameFailure(ReuseCall(path), directory_.file("new"));
  }
}

TEST_F(OpenForWritingTest, FailuresOfReuse) {
  const std::string new_name = directory_.file("000002.log");
  ExpectSameFailure(ReuseCall(directory_.file("000001.log")), new_name);
  ExpectSameFailure(ReuseCall(directory_.path()), new_name);
  EXPECT_NE(access(new_name.c_str(), F_OK), 0);
  // The old file stays where it cannot be renamed.
  const std::string old_name = directory_.file("000003.log");
  WriteFile(old_name, "old");
  ExpectSameFailure(ReuseCall(old_name), directory_.file("missing/000004.log"));
  ExpectSameFailure(ReuseCall(old_name), directory_.path());
  EXPECT_EQ(ReadWholeFile(old_name), "old");
}

TEST_F(OpenForWritingTest, NoPermission) {
  const std::string file = directory_.file("000001.sst");
  WriteFile(file, "contents");
  ASSERT_EQ(chmod(file.c_str(), 0444), 0);
  ASSERT_EQ(chmod(directory_.path().c_str(), 0555), 0);
  // The user id for files is that of the thread alone.
  std::thread([&] {
    if (geteuid() == 0) {
      setfsuid(65534);
    }
    ExpectSameFailure(NewCall(), file);
    ExpectSameFailure(ReopenCall(), file);
    ExpectSameFailure(NewRandomRw, file);
    ExpectSameFailure(ReuseCall(file), directory_.file("000002.sst"));
    ExpectSameFailure(NewCall(), directory_.file("000002.sst"));
  }).join();
  ASSERT_EQ(chmod(directory_.path().c_str(), 0755), 0);
  EXPECT_EQ(ReadWholeFile(file), "contents");
}

TEST_F(OpenForWritingTest, NoDescriptorsLeft) {
  rlimit before = {};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none = before;
  none.rlim_cur = 3;
  const std::string path = directory_.file("000001.sst");
  for (const OpenCall& call : {NewCall(), ReopenCall()}) {
    std::unique_ptr<FSWritableFile> file;
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
    const IOStatus ours = call(file_system_.get(), path, FileOptions(), &file);
    const IOStatus theirs = call(default_.get(), path, FileOptions(), &file);
    setrlimit(RLIMIT_NOFILE, &before);
    EXPECT_FALSE(ours.ok());
    EXPECT_TRUE(SameStatus(ours, theirs));
  }
}

TEST_F(OpenForWritingTest, NewFilesAreEmptyAndHaveTheDefaultsMode) {
  const std::string ours = directory_.file("000001.sst");
  const std::string theirs = directory_.file("000002.sst");
  const mode_t before = umask(0002);
  for (bool direct : {false, true}) {
    FileOptions options;
    options.use_direct_writes = direct && HasDirectIo(ours);
    std::unique_ptr<FSWritableFile> file;
    EXPECT_TRUE(NewCall()(file_system_.get(), ours, options, &file).ok());
    EXPECT_TRUE(NewCall()(default_.get(), theirs, options, &file).ok());
    EXPECT_EQ(AttributesOf(ours).st_mode, AttributesOf(theirs).st_mode);
    EXPECT_EQ(AttributesOf(ours).st_size, 0);
    // The next round finds something to cut off.
    WriteFile(ours, "contents");
  }
  umask(before);
}

// The flags of a descriptor of this process that is open on the file.
int DescriptorFlags(const std::string& path) {
  for (int fd = 0; fd < 1024; ++fd) {
    if (PathOfDescriptor(fd) == path) {
      return fcntl(fd, F_GETFD);
    }
  }
  ADD_FAILURE() << "no descriptor of " << path;
  return 0;
}

TEST_F(OpenForWritingTest, ClosedOnExecUnlessTheOptionsSayOtherwise) {
  char real_path[PATH_MAX] = {};
  ASSERT_NE(realpath(directory_.path().c_str(), real_path), nullptr);
  const std::string path = std::string(real_path) + "/000001.sst";
  WriteFile(path, "");
  FileOptions options;
  for (bool close_on_exec : {true, false}) {
    options.set_fd_cloexec = close_on_exec;
    for (const OpenCall& call : {NewCall(), ReopenCall(), ReuseCall(path)}) {
      const auto file = MustOpen(file_system_.get(), call, path, options);
      EXPECT_EQ(DescriptorFlags(path), close_on_exec ? FD_CLOEXEC : 0);
    }
  }
}

TEST_F(OpenForWritingTest, OpenTimeIsKeptAtThePerfLevelsOfRocksDb) {
  rocksdb::IOStatsContext* const context = rocksdb::get_iostats_context();
  const PerfLevel before = rocksdb::GetPerfLevel();
  const std::string path = directory_.file("000001.sst");
  for (PerfLevel level :
       {PerfLevel::kDisable, PerfLevel::kEnableCount,
        PerfLevel::kEnableTimeExceptForMutex, PerfLevel::kEnableTime}) {
    rocksdb::SetPerfLevel(level);
    for (const OpenCall& call :
         {NewCall(), ReopenCall(), OpenCall(NewRandomRw)}) {
      const auto grows = [&](FileSystem* file_system) {
        context->Reset();
        std::unique_ptr<FSWritableFile> file;
        EXPECT_TRUE(call(file_system, path, FileOptions(), &file).ok());
        return context->open_nanos > 0;
      };
      EXPECT_EQ(grows(file_system_.get()), grows(default_.get()))
          << static_cast<int>(level);
    }
  }
  rocksdb::SetPerfLevel(before);
}

TEST_F(OpenForWritingTest, OpensAreCounted) {
  const std::string path = directory_.file("000001.sst");
  const uint64_t before = Opens();
  MustOpen(file_system_.get(), NewCall(), path, FileOptions());
  MustOpen(file_system_.get(), ReopenCall(), path, FileOptions());
  MustOpen(file_system_.get(), ReuseCall(path), directory_.file("000002.sst"),
           FileOptions());
  MustOpen(file_system_.get(), NewRandomRw, directory_.file("000002.sst"),
           FileOptions());
  EXPECT_EQ(Opens(), before + 4);
}

TEST_F(OpenForWritingTest, FilesOutliveTheFileSystem) {
  const std::string path = directory_.file("000001.sst");
  const std::string data = RandomBytes(700000, 10);
  file_system_ = OpenFileSystem("writes=uring");
  const auto file =
      MustOpen(file_system_.get(), NewCall(), path, FileOptions());
  EXPECT_TRUE(file->Append(data, IOOptions(), nullptr).ok());
  file_system_.reset();
  EXPECT_TRUE(file->Append(data, IOOptions(), nullptr).ok());
  EXPECT_TRUE(file->Close(IOOptions(), nullptr).ok());
  EXPECT_EQ(ReadWholeFile(path), data + data);
}

}  // namespace
}  // namespace rocksdb_uring
