// Files on a filesystem that is filled to the last block: the plugin gives the
// statuses that the default file system gives, and never claims what is lost.
//
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstring>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "env/base/aligned_buffer.h"
#include "env/file/rocksdb_compat.h"
#include "tests/faults/crash/loop_filesystem.h"
#include "tests/support/engine/test_support.h"
#include "tests/support/file/brief_status.h"
#include "tests/support/file/file_test_support.h"
#include "tests/support/file/paths.h"

namespace rocksdb_uring {
namespace {

using rocksdb::FileOptions;
using rocksdb::FileSystem;
using rocksdb::FSWritableFile;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

constexpr uint64_t kDiskBytes = 16 << 20;
constexpr size_t kChunk = 64 << 10;

struct FullFileCase {
  DiskPath path;
  const char* kind;
  const char* name;
  bool direct;
};

void PrintTo(const FullFileCase& test_case, std::ostream* out) {
  *out << test_case.name << " direct=" << test_case.direct << " options=\""
       << test_case.path.options << "\"";
}

std::vector<FullFileCase> FullFileCases() {
  std::vector<FullFileCase> all;
  for (const DiskPath& path : kDiskPaths) {
    all.push_back({path, "Table", "000009.sst", false});
    all.push_back({path, "Table", "000009.sst", true});
    all.push_back({path, "Blob", "000009.blob", true});
    all.push_back({path, "Wal", "000009.log", false});
    all.push_back({path, "Manifest", "MANIFEST-000009", false});
    all.push_back({path, "Other", "other", false});
  }
  return all;
}

std::string CaseName(const ::testing::TestParamInfo<FullFileCase>& info) {
  return std::string(info.param.path.name) + "_" + info.param.kind +
         (info.param.direct ? "_Direct" : "");
}

// What a writer was told, and what is in the file.
struct AppendResult {
  IOStatus error;  // the first one
  IOStatus sync;   // of the calls after it
  IOStatus close;
  // What Append has taken.
  std::string taken;
  std::string contents;
};

class FullFileTest : public ::testing::TestWithParam<FullFileCase> {
 protected:
  void SetUp() override {
    SkipWithoutLoopFilesystem();
    if (GetParam().path.rings) {
      SkipWithoutRing();
    }
    plugin_ = OpenFileSystem(GetParam().path.options);
  }

  std::unique_ptr<FSWritableFile> Open(FileSystem* file_system,
                                       const std::string& path) {
    FileOptions options;
    options.use_direct_writes = GetParam().direct;
    std::unique_ptr<FSWritableFile> file;
    const IOStatus status =
        file_system->NewWritableFile(path, options, &file, nullptr);
    EXPECT_TRUE(status.ok()) << status.ToString();
    return file;
  }

  // One more chunk, as RocksDB's writer hands it over: allocated ahead, with
  // direct I/O at its place, and from memory that is used again at once.
  IOStatus AppendChunk(FSWritableFile* file, std::string* taken) {
    const AlignedBuffer buffer(kChunk, kBlock);
    const std::string bytes = RandomBytes(kChunk, taken->size());
    memcpy(buffer.data(), bytes.data(), kChunk);
    file->PrepareWrite(taken->size(), kChunk, IOOptions(), nullptr);
    const Slice slice(buffer.data(), kChunk);
    IOStatus status =
        GetParam().direct
            ? file->PositionedAppend(slice, taken->size(), IOOptions(), nullptr)
            : file->Append(slice, IOOptions(), nullptr);
    memset(buffer.data(), 0, kChunk);
    if (status.ok()) {
      *taken += bytes;
      status = file->Flush(IOOptions(), nullptr);
    }
    return status;
  }

  AppendResult AppendUntilFull(FileSystem* file_system) {
    const LoopFilesystem disk(kDiskBytes);
    const std::string path = disk.file(GetParam().name);
    AppendResult result;
    const std::unique_ptr<FSWritableFile> file = Open(file_system, path);
    if (file == nullptr) {
      return result;
    }
    file->SetPreallocationBlockSize(1 << 20);
    // An error may come late, but it must come.
    while (result.error.ok() && result.taken.size() < 2 * kDiskBytes) {
      result.error = AppendChunk(file.get(), &result.taken);
    }
    result.sync = file->Sync(IOOptions(), nullptr);
    result.close = file->Close(IOOptions(), nullptr);
    result.contents = ReadWholeFile(path);
    return result;
  }

  std::shared_ptr<FileSystem> plugin_;
};

TEST_P(FullFileTest, AppendFailsAsWithTheDefault) {
  const AppendResult theirs = AppendUntilFull(FileSystem::Default().get());
  const AppendResult ours = AppendUntilFull(plugin_.get());
  ASSERT_TRUE(theirs.error.IsNoSpace()) << theirs.error.ToString();
  EXPECT_EQ(BriefOf(ours.error), BriefOf(theirs.error));
  // A write in flight may fail after its Append: then the error stays.
  const std::string error = BriefOf(theirs.error);
  for (const auto& [our, their] : {std::make_pair(ours.sync, theirs.sync),
                                   std::make_pair(ours.close, theirs.close)}) {
    EXPECT_TRUE(BriefOf(our) == BriefOf(their) || BriefOf(our) == error)
        << our.ToString() << " and not " << their.ToString();
  }
}

TEST_P(FullFileTest, NothingLostIsClaimed) {
  for (FileSystem* file_system : {FileSystem::Default().get(), plugin_.get()}) {
    const AppendResult result = AppendUntilFull(file_system);
    EXPECT_FALSE(result.error.ok());
    if (result.sync.ok() && result.close.ok()) {
      EXPECT_EQ(result.contents.compare(0, result.taken.size(), result.taken),
                0)
          << file_system->Name();
    }
  }
}

TEST_P(FullFileTest, WritesAgainWhenThereIsSpace) {
  LoopFilesystem disk(kDiskBytes);
  disk.LeaveFree(256 << 10);
  std::string taken;
  {
    const auto file = Open(plugin_.get(), disk.file(GetParam().name));
    IOStatus status;
    while (status.ok() && taken.size() < kDiskBytes) {
      status = AppendChunk(file.get(), &taken);
    }
    ASSERT_TRUE(status.IsNoSpace()) << status.ToString();
    // Destroyed without Close, as RocksDB does with some files after an error.
  }
  disk.FreeAll();
  taken.clear();
  const auto file = Open(plugin_.get(), disk.file(GetParam().name));
  while (taken.size() < 16 * kChunk) {
    const IOStatus status = AppendChunk(file.get(), &taken);
    ASSERT_TRUE(status.ok()) << status.ToString();
  }
  EXPECT_TRUE(file->Sync(IOOptions(), nullptr).ok());
  EXPECT_TRUE(file->Close(IOOptions(), nullptr).ok());
  EXPECT_TRUE(ReadWholeFile(disk.file(GetParam().name)) == taken);
}

// The space that is asked for ahead is not there; what is written has room.
TEST_P(FullFileTest, RefusedPreallocationDoesNotMatter) {
  uint64_t blocks[2] = {};
  for (FileSystem* file_system : {FileSystem::Default().get(), plugin_.get()}) {
    LoopFilesystem disk(kDiskBytes);
    disk.LeaveFree(2 << 20);
    const std::string path = disk.file(GetParam().name);
    const auto file = Open(file_system, path);
    file->SetPreallocationBlockSize(8 << 20);
    std::string taken;
    while (taken.size() < 8 * kChunk) {
      const IOStatus status = AppendChunk(file.get(), &taken);
      ASSERT_TRUE(status.ok()) << status.ToString();
    }
    EXPECT_TRUE(file->Sync(IOOptions(), nullptr).ok());
    EXPECT_TRUE(file->Close(IOOptions(), nullptr).ok());
    EXPECT_TRUE(ReadWholeFile(path) == taken);
    struct stat info = {};
    ASSERT_EQ(stat(path.c_str(), &info), 0);
    blocks[file_system == plugin_.get()] =
        static_cast<uint64_t>(info.st_blocks);
  }
  EXPECT_EQ(blocks[1], blocks[0]) << "space was left allocated";
}

INSTANTIATE_TEST_SUITE_P(All, FullFileTest,
                         ::testing::ValuesIn(FullFileCases()), CaseName);

class FullDiskTest : public ::testing::TestWithParam<DiskPath> {
 protected:
  void SetUp() override {
    SkipWithoutLoopFilesystem();
    if (GetParam().rings) {
      SkipWithoutRing();
    }
    plugin_ = OpenFileSystem(GetParam().options);
  }

  std::shared_ptr<FileSystem> plugin_;
};

TEST_P(FullDiskTest, NoFileCanBeMade) {
  std::vector<std::string> told[2];
  for (FileSystem* file_system : {FileSystem::Default().get(), plugin_.get()}) {
    const LoopFilesystem disk(kDiskBytes, /*inodes=*/32);
    std::vector<std::string>* out = &told[file_system == plugin_.get()];
    IOStatus status;
    for (int i = 0; status.ok() && i < 100; ++i) {
      std::unique_ptr<FSWritableFile> file;
      status = file_system->NewWritableFile(
          disk.file(std::to_string(i) + ".sst"), FileOptions(), &file, nullptr);
    }
    EXPECT_TRUE(status.IsNoSpace()) << status.ToString();
    out->push_back(BriefOf(status));
    std::unique_ptr<FSWritableFile> file;
    out->push_back(BriefOf(
        file_system->ReuseWritableFile(disk.file("100.log"), disk.file("0.sst"),
                                       FileOptions(), &file, nullptr)));
    out->push_back(BriefOf(file_system->ReopenWritableFile(
        disk.file("1.sst"), FileOptions(), &file, nullptr)));
    out->push_back(
        BriefOf(file_system->CreateDir(disk.file("db"), IOOptions(), nullptr)));
    file.reset();
    out->push_back(BriefOf(
        file_system->DeleteFile(disk.file("1.sst"), IOOptions(), nullptr)));
    out->push_back(BriefOf(file_system->NewWritableFile(
        disk.file("101.sst"), FileOptions(), &file, nullptr)));
  }
  EXPECT_EQ(told[1], told[0]);
}

TEST_P(FullDiskTest, RandomWritesFailAsWithTheDefault) {
  std::vector<std::string> told[2];
  for (FileSystem* file_system : {FileSystem::Default().get(), plugin_.get()}) {
    LoopFilesystem disk(kDiskBytes);
    WriteFile(disk.file("000009.sst"), "");
    disk.LeaveFree(1 << 20);
    std::unique_ptr<rocksdb::FSRandomRWFile> file;
    ASSERT_TRUE(file_system
                    ->NewRandomRWFile(disk.file("000009.sst"), FileOptions(),
                                      &file, nullptr)
                    .ok());
    const std::string bytes = RandomBytes(kChunk, 5);
    IOStatus status;
    for (uint64_t offset = 0; status.ok() && offset < kDiskBytes;
         offset += kChunk) {
      status = file->Write(offset, bytes, IOOptions(), nullptr);
    }
    EXPECT_TRUE(status.IsNoSpace()) << status.ToString();
    std::vector<std::string>* out = &told[file_system == plugin_.get()];
    out->push_back(BriefOf(status));
    out->push_back(BriefOf(file->Sync(IOOptions(), nullptr)));
    out->push_back(BriefOf(file->Close(IOOptions(), nullptr)));
  }
  EXPECT_EQ(told[1], told[0]);
}

// RocksDB does that with a WAL when it resumes, and with no other file.
TEST_P(FullDiskTest, RefusedAppendToAWalIsTriedAgain) {
  std::vector<std::string> told[2];
  for (FileSystem* file_system : {FileSystem::Default().get(), plugin_.get()}) {
    LoopFilesystem disk(kDiskBytes);
    const std::string path = disk.file("000009.log");
    std::unique_ptr<FSWritableFile> file;
    ASSERT_TRUE(
        file_system->NewWritableFile(path, FileOptions(), &file, nullptr).ok());
    disk.LeaveFree(1 << 20);
    std::vector<std::string>* out = &told[file_system == plugin_.get()];
    IOStatus status;
    std::string taken;
    std::string bytes;
    while (status.ok() && taken.size() < kDiskBytes) {
      taken += bytes;
      bytes = RandomBytes(kChunk, taken.size());
      status = file->Append(bytes, IOOptions(), nullptr);
      if (status.ok()) {
        status = file->Flush(IOOptions(), nullptr);
      }
    }
    out->push_back(BriefOf(status));
    disk.FreeAll();
    out->push_back(BriefOf(file->Append(bytes, IOOptions(), nullptr)));
    out->push_back(BriefOf(file->Flush(IOOptions(), nullptr)));
    out->push_back(BriefOf(file->Sync(IOOptions(), nullptr)));
    out->push_back(BriefOf(file->Close(IOOptions(), nullptr)));
    EXPECT_EQ(ReadWholeFile(path).compare(0, taken.size(), taken), 0);
  }
  EXPECT_EQ(told[1], told[0]);
  EXPECT_EQ(told[0][1], "OK");
}

INSTANTIATE_TEST_SUITE_P(All, FullDiskTest, ::testing::ValuesIn(kDiskPaths),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace rocksdb_uring
