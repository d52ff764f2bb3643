// A file that is written through the plugin and its twin that is written
// through the default file system: every call is made on both, and statuses,
// sizes and bytes must be the same.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "env/base/aligned_buffer.h"
#include "env/file/rocksdb_compat.h"
#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {

// Whether the default file system counts the size of a reopened file from 0.
inline constexpr bool kDefaultCountsReopenedFromZero =
    !ROCKSDB_URING_ROCKSDB_GE(10, 2);

// What a suite of written files is run with.
struct WriteCase {
  const char* label;
  // Of the file; what RocksDB uses it for depends on it.
  const char* name;
  bool direct;
  // Of the plugin's file system.
  const char* options_label;
  const char* options;

  // Tables and blobs may be written behind.
  bool is_table() const;
  bool is_blob() const;
  // Whether the options have this one.
  bool Has(const std::string& option) const;
};

void PrintTo(const WriteCase& write_case, std::ostream* out);
std::string WriteCaseName(const ::testing::TestParamInfo<WriteCase>& info);
// Every kind of file, direct and buffered, with every choice of path; fewer
// with the thread sanitizer, unless ROCKSDB_URING_TEST_FULL asks for all.
std::vector<WriteCase> AllWriteCases();
// A table, with all budgets of writes behind, and a log only.
std::vector<WriteCase> FewWriteCases();

// One of the three ways to open a file that is written.
using OpenCall = std::function<rocksdb::IOStatus(
    rocksdb::FileSystem*, const std::string& path, const rocksdb::FileOptions&,
    std::unique_ptr<rocksdb::FSWritableFile>*)>;
OpenCall NewCall();
OpenCall ReopenCall();
// Takes the place of `old_name`.
OpenCall ReuseCall(const std::string& old_name);
// The file that the call opens; it must succeed.
std::unique_ptr<rocksdb::FSWritableFile> MustOpen(
    rocksdb::FileSystem* file_system, const OpenCall& call,
    const std::string& path, const rocksdb::FileOptions& options);

// Code, sub-code, severity, retryable flag, data loss and scope; texts may
// differ.
::testing::AssertionResult SameOutcome(const rocksdb::IOStatus& ours,
                                       const rocksdb::IOStatus& theirs);

// The CRC32c of `data` as RocksDB hands it over: little endian.
std::string HandedOverCrc32c(const std::string& data);

struct stat AttributesOf(const std::string& path);

// One thread, except that ours() and theirs() may be synced by others.
class FilePair {
 public:
  // Longest write, in bytes.
  static constexpr size_t kWriteMax = 4 << 20;

  using Call = std::function<rocksdb::IOStatus(rocksdb::FSWritableFile*)>;

  explicit FilePair(const WriteCase& write_case);

  rocksdb::FileSystem* file_system() const { return our_system_.get(); }
  // Of files that are opened from now on.
  rocksdb::FileOptions* options() { return &options_; }
  rocksdb::FSWritableFile* ours() const { return ours_.get(); }
  rocksdb::FSWritableFile* theirs() const { return theirs_.get(); }
  bool open() const { return ours_ != nullptr; }
  const std::string& our_path() const { return our_path_; }
  const std::string& their_path() const { return their_path_; }
  // Bytes up to which the file has been written, as GetFileSize gives them.
  uint64_t size() const { return size_; }
  // Direct writes have whole blocks.
  uint64_t Place(uint64_t value) const {
    return options_.use_direct_writes ? RoundUp(value, kBlock) : value;
  }

  // Opening. Files of before are destroyed, without Close.
  void New();
  void Reopen();
  // Makes a file of these contents, which the new one takes the place of.
  void Reuse(const std::string& old_contents);
  // Both files get these contents, past the file systems.
  void Put(const std::string& contents);

  // Calls that must succeed. Every second write hands its checksum over. What
  // was passed to a write is overwritten as soon as it returns.
  void Append(size_t size);
  void PositionedAppend(uint64_t offset, size_t size);
  void Truncate(uint64_t size);
  void Flush();
  void Sync();
  void Fsync();
  // What RocksDB does before each append.
  void PrepareWrite(size_t size);
  void Do(const Call& call);
  // Closes, destroys and compares.
  void Close();
  // The same without Close.
  void Destroy();

  // Statuses of one call on both, whatever they are.
  void ExpectSameOutcome(const Call& call);
  void ExpectSizes();
  // Reads both files by their names and compares them with each other, and
  // with what was written: all of it must be there.
  void ExpectSameFiles();

  // The next bytes to be written, and an aligned copy of them.
  std::string NextBytes(size_t size);
  rocksdb::Slice Aligned(const std::string& data);

 private:
  using WriteCall =
      std::function<rocksdb::IOStatus(rocksdb::FSWritableFile*, rocksdb::Slice,
                                      const rocksdb::DataVerificationInfo*)>;

  void Open(const OpenCall& our_call, const OpenCall& their_call);
  void Write(uint64_t offset, size_t size, const WriteCall& call);

  TempDir our_directory_;
  TempDir their_directory_;
  const std::string our_path_;
  const std::string their_path_;
  // While it is open, ours may have zeros behind what was written.
  const bool size_is_set_ahead_;
  const std::shared_ptr<rocksdb::FileSystem> our_system_;
  rocksdb::FileOptions options_;
  AlignedBuffer buffer_;
  uint64_t writes_ = 0;

  std::unique_ptr<rocksdb::FSWritableFile> ours_;
  std::unique_ptr<rocksdb::FSWritableFile> theirs_;
  // What the file holds below size_.
  std::string model_;
  uint64_t size_ = 0;
  // See kDefaultCountsReopenedFromZero.
  uint64_t not_counted_by_theirs_ = 0;
};

}  // namespace rocksdb_uring
