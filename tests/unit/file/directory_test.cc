// Directories, synced to make the names in them durable; compared with the
// default file system's.
//
// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "tests/support/file/file_pair.h"

namespace rocksdb_uring {
namespace {

using rocksdb::DirFsyncOptions;
using rocksdb::FileSystem;
using rocksdb::FSDirectory;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

// The parameter: option `syncs`.
class DirectoryTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    file_system_ = OpenFileSystem(std::string("syncs=") + GetParam());
    ours_ = OpenIn(file_system_.get());
    theirs_ = OpenIn(FileSystem::Default().get());
    ASSERT_NE(ours_, nullptr);
    ASSERT_NE(theirs_, nullptr);
  }

  std::unique_ptr<FSDirectory> OpenIn(FileSystem* file_system) {
    std::unique_ptr<FSDirectory> directory;
    const IOStatus status = file_system->NewDirectory(
        directory_.path(), IOOptions(), &directory, nullptr);
    EXPECT_TRUE(status.ok()) << status.ToString();
    return directory;
  }

  void ExpectFsync(const IOOptions& options,
                   const DirFsyncOptions& dir_options) {
    const IOStatus status =
        ours_->FsyncWithDirOptions(options, nullptr, dir_options);
    EXPECT_TRUE(status.ok()) << status.ToString();
    EXPECT_TRUE(SameOutcome(
        status, theirs_->FsyncWithDirOptions(options, nullptr, dir_options)));
  }

  uint64_t Fsyncs(const std::string& path) {
    return StatisticsOf(file_system_.get())["ops.fsync." + path + ".count"];
  }

  TempDir directory_;
  std::shared_ptr<FileSystem> file_system_;
  std::unique_ptr<FSDirectory> ours_;
  std::unique_ptr<FSDirectory> theirs_;
};

TEST_P(DirectoryTest, FsyncForEveryReason) {
  const std::string renamed = directory_.file("CURRENT");
  WriteFile(renamed, "MANIFEST-000001");
  for (bool force : {false, true}) {
    IOOptions options;
    options.force_dir_fsync = force;
    EXPECT_TRUE(SameOutcome(ours_->Fsync(options, nullptr),
                            theirs_->Fsync(options, nullptr)));
    ExpectFsync(options, DirFsyncOptions());
    ExpectFsync(options, DirFsyncOptions(renamed));
    for (auto reason :
         {DirFsyncOptions::kNewFileSynced, DirFsyncOptions::kDirRenamed,
          DirFsyncOptions::kFileDeleted, DirFsyncOptions::kDefault}) {
      ExpectFsync(options, DirFsyncOptions(reason));
    }
  }
}

TEST_P(DirectoryTest, FsyncTakesThePathOfTheOption) {
  const bool ring = WhyNoRing().empty() && GetParam() == std::string("uring");
  const uint64_t by_ring = Fsyncs("ring");
  const uint64_t by_posix = Fsyncs("posix");
  EXPECT_TRUE(ours_->Fsync(IOOptions(), nullptr).ok());
  EXPECT_EQ(Fsyncs("ring"), by_ring + (ring ? 1 : 0));
  EXPECT_EQ(Fsyncs("posix"), by_posix + (ring ? 0 : 1));
}

TEST_P(DirectoryTest, NothingToDoAfterClose) {
  EXPECT_TRUE(SameOutcome(ours_->Close(IOOptions(), nullptr),
                          theirs_->Close(IOOptions(), nullptr)));
  // The default file system's would end the process here, where its
  // assertions are compiled in.
  EXPECT_TRUE(ours_->Fsync(IOOptions(), nullptr).ok());
  EXPECT_TRUE(
      ours_
          ->FsyncWithDirOptions(IOOptions(), nullptr,
                                DirFsyncOptions(DirFsyncOptions::kFileDeleted))
          .ok());
}

TEST_P(DirectoryTest, ClosedWhenItGoes) {
  const size_t before = OpenDescriptors();
  OpenIn(file_system_.get());
  EXPECT_EQ(OpenDescriptors(), before);
}

TEST_P(DirectoryTest, OpeningFailsAlike) {
  const std::string file = directory_.file("file");
  WriteFile(file, "");
  for (const std::string& path :
       {directory_.file("missing"), file + "/below", std::string(),
        directory_.file(std::string(300, 'x'))}) {
    std::unique_ptr<FSDirectory> directory;
    const IOStatus ours =
        file_system_->NewDirectory(path, IOOptions(), &directory, nullptr);
    EXPECT_FALSE(ours.ok()) << path;
    EXPECT_EQ(directory, nullptr);
    EXPECT_TRUE(SameStatus(ours, FileSystem::Default()->NewDirectory(
                                     path, IOOptions(), &directory, nullptr)));
  }
}

TEST_P(DirectoryTest, ManyThreadsSyncOneDirectory) {
  Threads threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.Start([this, thread] {
      for (int round = 0; round < 5; ++round) {
        WriteFile(directory_.file(std::to_string(10 * thread + round)), "");
        const IOStatus status = ours_->Fsync(IOOptions(), nullptr);
        EXPECT_TRUE(status.ok()) << status.ToString();
      }
    });
  }
}

INSTANTIATE_TEST_SUITE_P(Syncs, DirectoryTest,
                         ::testing::Values("auto", "uring", "posix"),
                         [](const ::testing::TestParamInfo<const char*>& info) {
                           return std::string(info.param);
                         });

}  // namespace
}  // namespace rocksdb_uring
