// What the tests of the file layer share: files with known contents under
// RocksDB's names, the same file opened through the plugin and through the
// default file system, and asynchronous reads that watch their callbacks.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "env/base/aligned_buffer.h"
#include "env/engine/shared_engine.h"
#include "env/file/random_access_file.h"
#include "env/file/rocksdb_compat.h"
#include "tests/support/engine/test_support.h"

namespace rocksdb_uring {

// Alignment of offsets, lengths and buffers of direct reads in these tests.
constexpr size_t kBlock = 4096;
// What scratch holds before a read.
constexpr char kUntouched = '\x6b';

void WriteFile(const std::string& path, const std::string& contents);
std::string ReadWholeFile(const std::string& path);
// Makes the next buffered reads go to the device.
void DropCache(const std::string& path);

// Whether the filesystem below takes O_DIRECT.
bool HasDirectIo(const std::string& path);

#define SkipWithoutDirectReads(direct, path)                                \
  SkipBecauseOf((direct) && !HasDirectIo(path) ? "no O_DIRECT in " + (path) \
                                               : std::string())

// A file system of ours; ends the process if there is none.
std::shared_ptr<rocksdb::FileSystem> OpenFileSystem(const std::string& options);
std::map<std::string, uint64_t> StatisticsOf(rocksdb::FileSystem* file_system);

rocksdb::FileOptions ReadOptionsOf(bool direct);
// Null, and a failed expectation, if it cannot be opened.
std::unique_ptr<rocksdb::FSRandomAccessFile> OpenRandomAccess(
    rocksdb::FileSystem* file_system, const std::string& path, bool direct);
// For a FileContext: every file is in the share.
std::shared_ptr<FilePolicy> PolicyOf(const PathChoices& paths);
// On an engine of the test's own.
std::unique_ptr<rocksdb::FSRandomAccessFile> OpenOnEngine(
    const std::shared_ptr<SharedEngine>& engine, const std::string& path,
    bool direct,
    const std::shared_ptr<const FilePolicy>& policy = PolicyOf({}));
std::shared_ptr<SharedEngine> MakeEngine(const EngineOptions& options);

// Code, sub-code, retryable flag and text.
::testing::AssertionResult SameStatus(const rocksdb::Status& ours,
                                      const rocksdb::Status& theirs);
::testing::AssertionResult SameStatus(const rocksdb::IOStatus& ours,
                                      const rocksdb::IOStatus& theirs);

// Scratch memory with bytes around it that nobody may touch.
class Scratch {
 public:
  explicit Scratch(size_t size);
  char* data() const { return buffer_.data() + kBlock; }
  // Whether `result` is the part of `model` from `offset` on, `length` bytes
  // at most, and nothing outside was touched. With `exact` nothing behind the
  // result either: a direct read may fill the rest of its last sector.
  ::testing::AssertionResult Holds(const rocksdb::Slice& result,
                                   const std::string& model, uint64_t offset,
                                   size_t length, bool exact) const;

 private:
  size_t size_;
  AlignedBuffer buffer_;
};

// The bytes that a read must give.
std::string Expected(const std::string& model, uint64_t offset, size_t length);

// One ReadAsync and what became of it.
class AsyncCall {
 public:
  AsyncCall(uint64_t offset, size_t length);
  // Calls the deleter, if it was not called before.
  ~AsyncCall();
  AsyncCall(const AsyncCall&) = delete;
  AsyncCall& operator=(const AsyncCall&) = delete;

  // The request lives on the stack of this call and is overwritten at its
  // end, as RocksDB does.
  rocksdb::IOStatus Start(
      rocksdb::FSRandomAccessFile* file,
      const rocksdb::IOOptions& options = rocksdb::IOOptions());
  void Delete();

  void* handle() const { return handle_; }
  int callbacks() const { return callbacks_; }
  const rocksdb::IOStatus& status() const { return status_; }
  std::thread::id thread() const { return thread_; }
  // Bytes of the result that the callback was given.
  size_t result_size() const { return result_.size(); }

  // The callback has run once, with the right request and the bytes of
  // `model`.
  ::testing::AssertionResult Delivered(const std::string& model) const;
  // The same, or it was aborted: then no result.
  ::testing::AssertionResult DeliveredOrAborted(const std::string& model) const;

 private:
  void Note(const rocksdb::FSReadRequest& request);

  const uint64_t offset_;
  const size_t length_;
  const Scratch scratch_;
  int callbacks_ = 0;
  rocksdb::IOStatus status_;
  rocksdb::Slice result_;
  std::string mistake_;
  std::thread::id thread_;
  void* handle_ = nullptr;
  rocksdb::IOHandleDeleter deleter_ = nullptr;
};

using AsyncCalls = std::vector<std::unique_ptr<AsyncCall>>;

// `count` calls at block-aligned places inside `file_size`, from `first` on.
AsyncCalls MakeCalls(size_t count, uint64_t file_size, size_t first = 0);
std::vector<void*> HandlesOf(const AsyncCalls& calls);
// Start all of them; each must return OK.
void StartAll(const AsyncCalls& calls, rocksdb::FSRandomAccessFile* file);
::testing::AssertionResult AllDelivered(const AsyncCalls& calls,
                                        const std::string& model);
rocksdb::IOStatus Poll(rocksdb::FileSystem* file_system,
                       std::vector<void*> handles);
rocksdb::IOStatus Abort(rocksdb::FileSystem* file_system,
                        std::vector<void*> handles);

// A variable of the environment, as it was at the end of the scope.
class ScopedEnvironment {
 public:
  ScopedEnvironment(const std::string& name, const std::string& value);
  ~ScopedEnvironment();
  ScopedEnvironment(const ScopedEnvironment&) = delete;
  ScopedEnvironment& operator=(const ScopedEnvironment&) = delete;

 private:
  const std::string name_;
  bool had_ = false;
  std::string before_;
};

}  // namespace rocksdb_uring
