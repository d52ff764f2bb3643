// Files that are the default file system's: those that are no regular files,
// and memory-mapped ones.
//
// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "env/fs/uring_file_system.h"
#include "rocksdb/convenience.h"
#include "tests/support/file/file_pair.h"

namespace rocksdb_uring {
namespace {

using rocksdb::FileOptions;
using rocksdb::FileSystem;
using rocksdb::FSWritableFile;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

IOStatus Append(FSWritableFile* file, const std::string& data) {
  return file->Append(data, IOOptions(), nullptr);
}

// Whether the default file system can write to a device at all: with
// assertions compiled in, RocksDB 7.8 ends the process.
bool DefaultWritesToDevices() {
  const pid_t child = fork();
  if (child == 0) {
    const rlimit no_core = {};
    setrlimit(RLIMIT_CORE, &no_core);
    close(STDERR_FILENO);
    std::unique_ptr<FSWritableFile> file;
    NewCall()(FileSystem::Default().get(), "/dev/null", FileOptions(), &file);
    _exit(0);
  }
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return status == 0;
}

#define SkipUnlessDefaultWritesToDevices()                          \
  if (!DefaultWritesToDevices()) {                                  \
    GTEST_SKIP() << "the default file system's assertions fail on " \
                    "devices";                                      \
  }                                                                 \
  static_assert(true, "takes the semicolon")

// A default file system that notes what it is asked to open, and refuses.
class NotingBase : public rocksdb::FileSystemWrapper {
 public:
  NotingBase() : FileSystemWrapper(FileSystem::Default()) {}

  const char* Name() const override { return "NotingBase"; }
  const char* NickName() const override { return "posix"; }
  IOStatus NewWritableFile(const std::string& name, const FileOptions&,
                           std::unique_ptr<FSWritableFile>*,
                           rocksdb::IODebugContext*) override {
    return Note(name);
  }
  IOStatus ReopenWritableFile(const std::string& name, const FileOptions&,
                              std::unique_ptr<FSWritableFile>*,
                              rocksdb::IODebugContext*) override {
    return Note(name);
  }
  IOStatus ReuseWritableFile(const std::string& name, const std::string&,
                             const FileOptions&,
                             std::unique_ptr<FSWritableFile>*,
                             rocksdb::IODebugContext*) override {
    return Note(name);
  }

  IOStatus NewSequentialFile(const std::string& name, const FileOptions&,
                             std::unique_ptr<rocksdb::FSSequentialFile>*,
                             rocksdb::IODebugContext*) override {
    return Note(name);
  }
  IOStatus NewRandomAccessFile(const std::string& name, const FileOptions&,
                               std::unique_ptr<rocksdb::FSRandomAccessFile>*,
                               rocksdb::IODebugContext*) override {
    return Note(name);
  }
  IOStatus NewRandomRWFile(const std::string& name, const FileOptions&,
                           std::unique_ptr<rocksdb::FSRandomRWFile>*,
                           rocksdb::IODebugContext*) override {
    return Note(name);
  }

  std::vector<std::string> TakeNoted() { return std::exchange(noted_, {}); }

 private:
  IOStatus Note(const std::string& name) {
    noted_.push_back(name);
    return IOStatus::NotSupported();
  }

  std::vector<std::string> noted_;
};

class SpecialFileTest : public ::testing::Test {
 protected:
  uint64_t Opens() { return StatisticsOf(file_system_.get())["opens"]; }

  TempDir directory_;
  const std::shared_ptr<FileSystem> file_system_ = OpenFileSystem("");
};

TEST_F(SpecialFileTest, SpecialAndMappedFilesGoToTheBase) {
  const auto base = std::make_shared<NotingBase>();
  UringFileSystem ours(base);
  ASSERT_TRUE(ours.PrepareOptions(rocksdb::ConfigOptions()).ok());
  const std::string pipe = directory_.file("000001.log");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  const std::string link = directory_.file("000002.log");
  ASSERT_EQ(symlink("/dev/null", link.c_str()), 0);
  const std::string regular = directory_.file("000003.log");
  WriteFile(regular, "");
  const OpenCall reuse = ReuseCall(regular);
  const auto noted = [&](const OpenCall& call, const std::string& path,
                         bool mapped) {
    FileOptions options;
    options.use_mmap_writes = mapped;
    std::unique_ptr<FSWritableFile> file;
    (void)call(&ours, path, options, &file);
    return base->TakeNoted() == std::vector<std::string>{path};
  };
  for (const OpenCall& call : {NewCall(), ReopenCall()}) {
    for (const std::string& path : {std::string("/dev/null"), pipe, link}) {
      EXPECT_TRUE(noted(call, path, false)) << path;
    }
    EXPECT_FALSE(noted(call, regular, false));
    EXPECT_TRUE(noted(call, regular, true));
  }
  EXPECT_TRUE(noted(reuse, regular, true));
  EXPECT_FALSE(noted(reuse, regular, false));
}

TEST_F(SpecialFileTest, ReadersOfSpecialFilesAreTheBases) {
  const auto base = std::make_shared<NotingBase>();
  UringFileSystem ours(base);
  ASSERT_TRUE(ours.PrepareOptions(rocksdb::ConfigOptions()).ok());
  const std::string pipe = directory_.file("000001.log");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  const std::string regular = directory_.file("000003.log");
  WriteFile(regular, "x");
  for (const std::string& path : {std::string("/dev/zero"), pipe, regular}) {
    std::unique_ptr<rocksdb::FSSequentialFile> sequential;
    (void)ours.NewSequentialFile(path, FileOptions(), &sequential, nullptr);
    std::unique_ptr<rocksdb::FSRandomAccessFile> random_access;
    (void)ours.NewRandomAccessFile(path, FileOptions(), &random_access,
                                   nullptr);
    std::unique_ptr<rocksdb::FSRandomRWFile> random_rw;
    (void)ours.NewRandomRWFile(path, FileOptions(), &random_rw, nullptr);
    EXPECT_EQ(base->TakeNoted(),
              std::vector<std::string>(path == regular ? 0 : 3, path));
  }
}

// As `rocksdb_undump --dump_location=/dev/stdin` behind a pipe reads.
TEST_F(SpecialFileTest, PipesAreReadFromFrontToBack) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const FileDescriptor reader(ends[0]);
  const std::string data = RandomBytes(200000, 3);
  std::thread writer([&] {
    const FileDescriptor end(ends[1]);
    for (size_t done = 0; done < data.size();) {
      const ssize_t step = write(end.get(), &data[done],
                                 std::min<size_t>(data.size() - done, 5000));
      ASSERT_GT(step, 0);
      done += static_cast<size_t>(step);
    }
  });
  const uint64_t before = Opens();
  std::unique_ptr<rocksdb::FSSequentialFile> file;
  ASSERT_TRUE(file_system_
                  ->NewSequentialFile("/dev/fd/" + std::to_string(reader.get()),
                                      FileOptions(), &file, nullptr)
                  .ok());
  std::string found;
  std::string scratch(70000, '#');
  rocksdb::Slice piece;
  do {
    const IOStatus status =
        file->Read(scratch.size(), IOOptions(), &piece, &scratch[0], nullptr);
    ASSERT_TRUE(status.ok()) << status.ToString();
    found += piece.ToString();
  } while (!piece.empty());
  writer.join();
  EXPECT_TRUE(found == data);
  EXPECT_EQ(Opens(), before);
}

TEST_F(SpecialFileTest, DevicesAreTheDefaults) {
  SkipUnlessDefaultWritesToDevices();
  const uint64_t before = Opens();
  for (const OpenCall& call : {NewCall(), ReopenCall()}) {
    const auto null =
        MustOpen(file_system_.get(), call, "/dev/null", FileOptions());
    EXPECT_TRUE(Append(null.get(), RandomBytes(10000, 1)).ok());
    EXPECT_TRUE(null->Flush(IOOptions(), nullptr).ok());
    EXPECT_TRUE(null->Close(IOOptions(), nullptr).ok());
    const auto full =
        MustOpen(file_system_.get(), call, "/dev/full", FileOptions());
    const IOStatus status = Append(full.get(), "x");
    EXPECT_TRUE(status.IsNoSpace()) << status.ToString();
    EXPECT_TRUE(status.GetRetryable());
  }
  EXPECT_EQ(Opens(), before);
}

TEST_F(SpecialFileTest, PipesAreTheDefaults) {
  SkipUnlessDefaultWritesToDevices();
  const std::string path = directory_.file("000001.log");
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  const FileDescriptor reader(
      open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  ASSERT_TRUE(reader.valid());
  const uint64_t before = Opens();
  for (const OpenCall& call : {NewCall(), ReopenCall()}) {
    const auto file = MustOpen(file_system_.get(), call, path, FileOptions());
    EXPECT_TRUE(Append(file.get(), "one").ok());
    EXPECT_TRUE(Append(file.get(), "two").ok());
    EXPECT_TRUE(file->Flush(IOOptions(), nullptr).ok());
    char bytes[16] = {};
    EXPECT_EQ(read(reader.get(), bytes, sizeof(bytes)), 6);
    EXPECT_EQ(std::string(bytes), "onetwo");
    EXPECT_TRUE(file->Close(IOOptions(), nullptr).ok());
  }
  EXPECT_EQ(Opens(), before);
}

TEST_F(SpecialFileTest, MemoryMappedWritesAreTheDefaults) {
  FileOptions options;
  options.use_mmap_writes = true;
  const std::string path = directory_.file("000001.sst");
  const std::string old_name = directory_.file("000002.sst");
  const std::string data = RandomBytes(100000, 9);
  const uint64_t before = Opens();
  for (const OpenCall& call : {NewCall(), ReuseCall(old_name)}) {
    WriteFile(old_name, "");
    const auto file = MustOpen(file_system_.get(), call, path, options);
    EXPECT_TRUE(Append(file.get(), data).ok());
    EXPECT_TRUE(file->Close(IOOptions(), nullptr).ok());
    EXPECT_EQ(ReadWholeFile(path), data);
  }
  EXPECT_TRUE(MustOpen(file_system_.get(), ReopenCall(), path, options)
                  ->Close(IOOptions(), nullptr)
                  .ok());
  EXPECT_EQ(Opens(), before);
}

}  // namespace
}  // namespace rocksdb_uring
