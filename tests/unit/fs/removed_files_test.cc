// Names that are gone at once, and blocks that are freed later.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/fs/removed_files.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>

#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {
namespace {

using rocksdb::IOOptions;
using rocksdb::IOStatus;

constexpr size_t kLarge = RemovedFiles::kFileBytesMin;

size_t ThreadsOfProcess() {
  size_t count = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator("/proc/self/task")) {
    (void)entry;
    ++count;
  }
  return count;
}

class RemovedFilesTest : public ::testing::Test {
 protected:
  std::string Make(const std::string& name, size_t size) {
    const std::string path = directory_.file(name);
    WriteFile(path, RandomBytes(size, 1));
    return path;
  }
  // What `removed` returns of a file that is there.
  static bool Deferred(RemovedFiles* removed, const std::string& path) {
    bool deferred = false;
    const IOStatus status = removed->Remove(
        path,
        [&] {
          return unlink(path.c_str()) == 0 ? IOStatus::OK()
                                           : IOStatus::IOError("unlink");
        },
        &deferred);
    EXPECT_TRUE(status.ok()) << status.ToString();
    EXPECT_NE(access(path.c_str(), F_OK), 0);
    return deferred;
  }

  TempDir directory_;
};

TEST_F(RemovedFilesTest, BlocksOfLargeFilesAreFreedByAThread) {
  const size_t descriptors = OpenDescriptors();
  {
    RemovedFiles removed;
    for (int i = 0; i < 20; ++i) {
      EXPECT_TRUE(Deferred(&removed, Make("7.sst", kLarge)));
    }
  }
  EXPECT_EQ(OpenDescriptors(), descriptors);
}

TEST_F(RemovedFilesTest, TheThreadEndsWhenItIsIdle) {
  // The thread sanitizer starts one of its own with the first of the process.
  std::thread([] {}).join();
  const size_t threads = ThreadsOfProcess();
  RemovedFiles removed;
  EXPECT_EQ(ThreadsOfProcess(), threads);
  for (int round = 0; round < 2; ++round) {
    EXPECT_TRUE(Deferred(&removed, Make("7.sst", kLarge)));
    for (int i = 0; i < 6000 && ThreadsOfProcess() > threads; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    EXPECT_EQ(ThreadsOfProcess(), threads);
  }
}

TEST_F(RemovedFilesTest, OtherFilesAreRemovedAsUsual) {
  RemovedFiles removed;
  EXPECT_FALSE(Deferred(&removed, Make("small.sst", kLarge / 2)));
  // Another name keeps the blocks.
  const std::string linked = Make("linked.sst", kLarge);
  ASSERT_EQ(link(linked.c_str(), directory_.file("other").c_str()), 0);
  EXPECT_FALSE(Deferred(&removed, linked));
  // The link goes, and not what it leads to.
  const std::string target = Make("target.sst", kLarge);
  const std::string symbolic = directory_.file("symbolic.sst");
  ASSERT_EQ(symlink(target.c_str(), symbolic.c_str()), 0);
  EXPECT_FALSE(Deferred(&removed, symbolic));
  EXPECT_EQ(access(target.c_str(), F_OK), 0);
}

TEST_F(RemovedFilesTest, WhatCannotBeRemovedStays) {
  RemovedFiles removed;
  const std::string path = Make("7.sst", kLarge);
  const size_t descriptors = OpenDescriptors();
  bool deferred = true;
  EXPECT_TRUE(removed
                  .Remove(
                      path, [] { return IOStatus::IOError("no"); }, &deferred)
                  .IsIOError());
  EXPECT_FALSE(deferred);
  EXPECT_EQ(OpenDescriptors(), descriptors);
  EXPECT_EQ(ReadWholeFile(path).size(), kLarge);
  EXPECT_TRUE(removed
                  .Remove(
                      directory_.file("none.sst"),
                      [] { return IOStatus::PathNotFound("none"); }, &deferred)
                  .IsPathNotFound());
  EXPECT_FALSE(deferred);
}

TEST_F(RemovedFilesTest, AForkedChildRemovesAsUsual) {
  RemovedFiles removed;
  // While the thread is busy, and while it waits for more.
  for (int round = 0; round < 50; ++round) {
    EXPECT_TRUE(Deferred(&removed, Make("7.sst", kLarge)));
    const std::string path = Make("8.sst", kLarge);
    const pid_t child = fork();
    if (child == 0) {
      const bool deferred = Deferred(&removed, path);
      removed.~RemovedFiles();
      _exit(deferred || HasFailure() ? 1 : 0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  EXPECT_TRUE(Deferred(&removed, Make("9.sst", kLarge)));
}

TEST_F(RemovedFilesTest, TablesOfAFileSystem) {
  for (const bool posix : {false, true}) {
    const auto file_system = OpenFileSystem(posix ? "writes=posix" : "");
    const auto before = StatisticsOf(file_system.get());
    for (const char* name : {"7.sst", "8.blob", "9.log"}) {
      const std::string path = Make(name, kLarge);
      EXPECT_TRUE(file_system->DeleteFile(path, IOOptions(), nullptr).ok());
      EXPECT_NE(access(path.c_str(), F_OK), 0);
    }
    EXPECT_TRUE(
        file_system->DeleteFile(directory_.file("10.sst"), IOOptions(), nullptr)
            .IsPathNotFound());
    const auto after = StatisticsOf(file_system.get());
    EXPECT_EQ(after.at("events.removals_deferred") -
                  before.at("events.removals_deferred"),
              posix ? 0u : 2u);
  }
}

}  // namespace
}  // namespace rocksdb_uring
