// A sync that fails in the filesystem is reported once, with the status of the
// default file system, and is never repeated: after the first failure the
// kernel marks the pages clean, so a second sync returns success without
// writing them.
//
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "env/file/rocksdb_compat.h"
#include "tests/faults/fuse/fuse_filesystem.h"
#include "tests/support/file/brief_status.h"
#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {
namespace {

using rocksdb::FileOptions;
using rocksdb::FileSystem;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

constexpr int kErrors[] = {EIO,    ENOSPC,    EDQUOT, EROFS,  ESTALE,
                           EINTR,  ETIMEDOUT, EAGAIN, ENOMEM, EACCES,
                           EPERM,  EINVAL,    EBADF,  EFAULT, EOPNOTSUPP,
                           ENODEV, ECANCELED};
constexpr uint32_t kErrorCount = std::size(kErrors);

// A file or directory, open on some file system.
struct Opened {
  std::function<IOStatus(const std::string& bytes)> write;
  std::function<IOStatus()> sync;
  std::function<IOStatus()> close;
};

using OpenFunction = IOStatus (*)(FileSystem* file_system,
                                  const std::string& path, Opened* result);

template <bool kFsync>
IOStatus OpenWritable(FileSystem* file_system, const std::string& path,
                      Opened* result) {
  std::unique_ptr<rocksdb::FSWritableFile> opened;
  const IOStatus status =
      file_system->NewWritableFile(path, FileOptions(), &opened, nullptr);
  const std::shared_ptr<rocksdb::FSWritableFile> file(std::move(opened));
  result->write = [file](const std::string& bytes) {
    const IOStatus appended = file->Append(bytes, IOOptions(), nullptr);
    return appended.ok() ? file->Flush(IOOptions(), nullptr) : appended;
  };
  result->sync = [file] {
    return kFsync ? file->Fsync(IOOptions(), nullptr)
                  : file->Sync(IOOptions(), nullptr);
  };
  result->close = [file] { return file->Close(IOOptions(), nullptr); };
  return status;
}

template <bool kFsync>
IOStatus OpenRandomRw(FileSystem* file_system, const std::string& path,
                      Opened* result) {
  WriteFile(path, "");
  std::unique_ptr<rocksdb::FSRandomRWFile> opened;
  const IOStatus status =
      file_system->NewRandomRWFile(path, FileOptions(), &opened, nullptr);
  const std::shared_ptr<rocksdb::FSRandomRWFile> file(std::move(opened));
  result->write = [file](const std::string& bytes) {
    return file->Write(0, bytes, IOOptions(), nullptr);
  };
  result->sync = [file] {
    return kFsync ? file->Fsync(IOOptions(), nullptr)
                  : file->Sync(IOOptions(), nullptr);
  };
  result->close = [file] { return file->Close(IOOptions(), nullptr); };
  return status;
}

IOStatus OpenDirectory(FileSystem* file_system, const std::string& path,
                       Opened* result) {
  IOStatus status = file_system->CreateDir(path, IOOptions(), nullptr);
  std::unique_ptr<rocksdb::FSDirectory> opened;
  if (status.ok()) {
    status = file_system->NewDirectory(path, IOOptions(), &opened, nullptr);
  }
  const std::shared_ptr<rocksdb::FSDirectory> directory(std::move(opened));
  result->write = [path](const std::string& bytes) {
    WriteFile(path + "/entry", bytes);
    return IOStatus::OK();
  };
  result->sync = [directory] { return directory->Fsync(IOOptions(), nullptr); };
  result->close = [directory] {
    return directory->Close(IOOptions(), nullptr);
  };
  return status;
}

// A call that syncs, the resulting request, and its name in the statistics.
struct SyncCall {
  const char* name;
  const char* file;
  OpenFunction open;
  FuseRequest request;
  const char* stat;
};

constexpr SyncCall kSyncCalls[] = {
    {"WalSync", "000007.log", OpenWritable<false>, FuseRequest::kFdatasync,
     "fdatasync"},
    {"WalFsync", "000007.log", OpenWritable<true>, FuseRequest::kFsync,
     "fsync"},
    {"TableSync", "000007.sst", OpenWritable<false>, FuseRequest::kFdatasync,
     "fdatasync"},
    {"ManifestSync", "MANIFEST-000007", OpenWritable<false>,
     FuseRequest::kFdatasync, "fdatasync"},
    {"RandomRwSync", "000007.sst", OpenRandomRw<false>, FuseRequest::kFdatasync,
     "fdatasync"},
    {"RandomRwFsync", "000007.sst", OpenRandomRw<true>, FuseRequest::kFsync,
     "fsync"},
    {"DirectoryFsync", "directory", OpenDirectory, FuseRequest::kFsyncdir,
     "fsync"}};

// The plugin's options for the path of syncs.
struct SyncWay {
  const char* name;
  const char* options;
  // The path of all syncs in the statistics; empty if the plugin chooses.
  const char* path;
};

constexpr SyncWay kSyncWays[] = {
    {"Auto", "", ""},
    {"Rings", "syncs=uring;writes=uring;reads=uring", "ring"},
    {"Posix", "syncs=posix;writes=posix;reads=posix", "posix"}};

using Case = std::tuple<SyncWay, SyncCall>;

void PrintTo(const SyncWay& way, std::ostream* out) {
  *out << "options=\"" << way.options << "\"";
}

void PrintTo(const SyncCall& call, std::ostream* out) { *out << call.file; }

std::string CaseName(const ::testing::TestParamInfo<Case>& info) {
  return std::string(std::get<0>(info.param).name) + "_" +
         std::get<1>(info.param).name;
}

class SyncFailureTest : public ::testing::TestWithParam<Case> {
 protected:
  // Syncs of one run, the first of which fails.
  static constexpr uint32_t kSyncs = 3;

  void SetUp() override {
    SkipWithoutFuse();
    if (strcmp(way_.path, "ring") == 0) {
      SkipWithoutRing();
    }
    filesystem_ = std::make_unique<FuseFilesystem>();
    ASSERT_EQ(filesystem_->why_not(), "");
    plugin_ = OpenFileSystem(way_.options);
    before_ = StatisticsOf(plugin_.get());
  }

  // Fails the first of three syncs. Returns the status of every call, without
  // messages.
  std::vector<std::string> Run(FileSystem* file_system, int error,
                               const std::string& name) {
    const FuseControl& control = filesystem_->control();
    const uint32_t seen = control.seen(call_.request);
    const uint32_t failed = control.failed();
    std::vector<std::string> statuses;
    Opened opened;
    const IOStatus status =
        call_.open(file_system, filesystem_->file(name), &opened);
    EXPECT_TRUE(status.ok()) << status.ToString();
    if (!status.ok()) {
      return statuses;
    }
    filesystem_->FailSync(error, 1);
    for (uint32_t i = 0; i < kSyncs; ++i) {
      statuses.push_back(BriefOf(opened.write(RandomBytes(5000, i))));
      const IOStatus synced = opened.sync();
      statuses.push_back(BriefOf(synced));
      EXPECT_EQ(synced.ok(), i > 0)
          << "sync " << i << ": " << synced.ToString();
      EXPECT_EQ(control.seen(call_.request) - seen, i + 1);
      EXPECT_EQ(control.failed() - failed, 1u);
    }
    statuses.push_back(BriefOf(opened.close()));
    return statuses;
  }

  // The calls of both file systems made one request each, and no others.
  void ExpectNoOtherSyncs() const {
    uint32_t seen = 0;
    for (size_t i = 0; i < kFuseRequestCount; ++i) {
      seen += filesystem_->control().seen(static_cast<FuseRequest>(i));
    }
    EXPECT_EQ(seen, 2 * kErrorCount * kSyncs);
  }

  // The plugin's syncs took the path that its options ask for.
  void ExpectPath() const {
    const auto after = StatisticsOf(plugin_.get());
    uint64_t all = 0;
    for (const std::string path : {"ring", "posix"}) {
      const std::string key =
          std::string("ops.") + call_.stat + "." + path + ".count";
      const uint64_t count = after.at(key) - before_.at(key);
      all += count;
      if (way_.path == path) {
        EXPECT_EQ(count, kErrorCount * kSyncs) << key;
      }
    }
    EXPECT_EQ(all, kErrorCount * kSyncs) << "the plugin was not entered";
  }

  const SyncWay way_ = std::get<0>(GetParam());
  const SyncCall call_ = std::get<1>(GetParam());
  std::unique_ptr<FuseFilesystem> filesystem_;
  std::shared_ptr<FileSystem> plugin_;
  std::map<std::string, uint64_t> before_;
};

TEST_P(SyncFailureTest, IsReportedOnceAndNeverRepeated) {
  for (const int error : kErrors) {
    SCOPED_TRACE(strerror(error));
    std::vector<std::string> statuses[2];
    for (FileSystem* file_system :
         {FileSystem::Default().get(), plugin_.get()}) {
      const bool ours = file_system == plugin_.get();
      SCOPED_TRACE(ours ? "plugin" : "default");
      // A directory for each run, since the file's name decides its kind.
      const std::string folder = std::to_string(error) + (ours ? "o" : "d");
      const IOStatus status = file_system->CreateDir(filesystem_->file(folder),
                                                     IOOptions(), nullptr);
      ASSERT_TRUE(status.ok()) << status.ToString();
      statuses[ours] = Run(file_system, error, folder + "/" + call_.file);
    }
    EXPECT_EQ(statuses[1], statuses[0]);
  }
  ExpectNoOtherSyncs();
  ExpectPath();
}

INSTANTIATE_TEST_SUITE_P(All, SyncFailureTest,
                         ::testing::Combine(::testing::ValuesIn(kSyncWays),
                                            ::testing::ValuesIn(kSyncCalls)),
                         CaseName);

}  // namespace
}  // namespace rocksdb_uring
