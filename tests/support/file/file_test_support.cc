// SPDX-License-Identifier: Apache-2.0

#include "tests/support/file/file_test_support.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <utility>

#include "rocksdb_uring/uring.h"

namespace rocksdb_uring {

using rocksdb::FileOptions;
using rocksdb::FileSystem;
using rocksdb::FSRandomAccessFile;
using rocksdb::FSReadRequest;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;
using rocksdb::Status;
using ::testing::AssertionFailure;
using ::testing::AssertionResult;
using ::testing::AssertionSuccess;

void WriteFile(const std::string& path, const std::string& contents) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << contents;
  file.close();
  if (!file) {
    perror(path.c_str());
    exit(1);
  }
}

std::string ReadWholeFile(const std::string& path) {
  const FileDescriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat attributes = {};
  std::string contents;
  if (fstat(fd.get(), &attributes) == 0) {
    contents.resize(static_cast<size_t>(attributes.st_size));
  }
  size_t size = 0;
  ssize_t step = 0;
  do {
    step = read(fd.get(), &contents[size], contents.size() - size);
    size += step > 0 ? static_cast<size_t>(step) : 0;
  } while (step > 0);
  contents.resize(size);
  return contents;
}

void DropCache(const std::string& path) {
  const FileDescriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  fdatasync(fd.get());
  posix_fadvise(fd.get(), 0, 0, POSIX_FADV_DONTNEED);
}

bool HasDirectIo(const std::string& path) {
  const FileDescriptor fd(open(path.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC));
  return fd.valid();
}

std::shared_ptr<FileSystem> OpenFileSystem(const std::string& options) {
  std::shared_ptr<FileSystem> file_system;
  const Status status = NewUringFileSystem(options, &file_system);
  if (!status.ok()) {
    fprintf(stderr, "%s\n", status.ToString().c_str());
    exit(1);
  }
  return file_system;
}

std::map<std::string, uint64_t> StatisticsOf(FileSystem* file_system) {
  std::map<std::string, uint64_t> statistics;
  EXPECT_TRUE(GetUringStatistics(file_system, &statistics).ok());
  return statistics;
}

FileOptions ReadOptionsOf(bool direct) {
  FileOptions options;
  options.use_direct_reads = direct;
  return options;
}

std::unique_ptr<FSRandomAccessFile> OpenRandomAccess(FileSystem* file_system,
                                                     const std::string& path,
                                                     bool direct) {
  std::unique_ptr<FSRandomAccessFile> file;
  const IOStatus status = file_system->NewRandomAccessFile(
      path, ReadOptionsOf(direct), &file, nullptr);
  EXPECT_TRUE(status.ok()) << status.ToString();
  return file;
}

std::unique_ptr<FSRandomAccessFile> OpenOnEngine(
    const std::shared_ptr<SharedEngine>& engine, const std::string& path,
    bool direct, const std::shared_ptr<const FilePolicy>& policy) {
  std::shared_ptr<const OpenFile> file;
  const IOStatus status =
      OpenForReading(path, ReadOptionsOf(direct), "While opening",
                     FileContext{policy, engine}, &file);
  EXPECT_TRUE(status.ok()) << status.ToString();
  if (!status.ok()) {
    return nullptr;
  }
  const off_t size = lseek(file->fd.get(), 0, SEEK_END);
  return std::make_unique<UringRandomAccessFile>(std::move(file),
                                                 static_cast<uint64_t>(size));
}

std::shared_ptr<SharedEngine> MakeEngine(const EngineOptions& options) {
  RingFeatures usable;
  usable.verdict = RingVerdict::kUsable;
  return std::make_shared<SharedEngine>(options, usable);
}

std::shared_ptr<FilePolicy> PolicyOf(const PathChoices& paths) {
  FileSettings settings;
  settings.paths = paths;
  return std::make_shared<FilePolicy>(settings);
}

AssertionResult SameStatus(const Status& ours, const Status& theirs) {
  if (ours.code() == theirs.code() && ours.subcode() == theirs.subcode() &&
      ours.severity() == theirs.severity() &&
      ours.ToString() == theirs.ToString()) {
    return AssertionSuccess();
  }
  return AssertionFailure() << "ours: " << ours.ToString()
                            << "; the default's: " << theirs.ToString();
}

AssertionResult SameStatus(const IOStatus& ours, const IOStatus& theirs) {
  if (ours.GetRetryable() != theirs.GetRetryable() ||
      ours.GetDataLoss() != theirs.GetDataLoss() ||
      ours.GetScope() != theirs.GetScope()) {
    return AssertionFailure()
           << "retryable, data loss or scope differ: " << ours.ToString();
  }
  return SameStatus(static_cast<const Status&>(ours),
                    static_cast<const Status&>(theirs));
}

Scratch::Scratch(size_t size)
    : size_(size), buffer_(size + 2 * kBlock, kBlock) {
  memset(buffer_.data(), kUntouched, buffer_.size());
}

std::string Expected(const std::string& model, uint64_t offset, size_t length) {
  return offset >= model.size() ? std::string() : model.substr(offset, length);
}

AssertionResult Scratch::Holds(const Slice& result, const std::string& model,
                               uint64_t offset, size_t length,
                               bool exact) const {
  const auto failure = [&] {
    return AssertionFailure() << "offset " << offset << ", length " << length
                              << ", file size " << model.size() << ": ";
  };
  const std::string wanted = Expected(model, offset, length);
  if (result.data() != data()) {
    return failure() << "the result is not in scratch";
  }
  if (result.size() != wanted.size()) {
    return failure() << result.size() << " bytes, not " << wanted.size();
  }
  if (memcmp(result.data(), wanted.data(), wanted.size()) != 0) {
    return failure() << "wrong bytes";
  }
  const auto untouched = [](const char* from, const char* to) {
    return std::all_of(from, to, [](char c) { return c == kUntouched; });
  };
  const char* const end = data() + (exact ? wanted.size() : size_);
  if (!untouched(buffer_.data(), data()) ||
      !untouched(end, buffer_.data() + buffer_.size())) {
    return failure() << "wrote outside the result";
  }
  return AssertionSuccess();
}

AsyncCall::AsyncCall(uint64_t offset, size_t length)
    : offset_(offset), length_(length), scratch_(length) {}

AsyncCall::~AsyncCall() { Delete(); }

void AsyncCall::Delete() {
  if (handle_ != nullptr) {
    deleter_(std::exchange(handle_, nullptr));
  }
}

IOStatus AsyncCall::Start(FSRandomAccessFile* file, const IOOptions& options) {
  auto request = std::make_unique<FSReadRequest>();
  request->offset = offset_;
  request->len = length_;
  request->scratch = scratch_.data();
  const IOStatus status = file->ReadAsync(
      *request, options,
      [this](const FSReadRequest& answered, void* argument) {
        if (argument != this) {
          mistake_ = "the callback got another argument";
        }
        Note(answered);
      },
      this, &handle_, &deleter_, nullptr);
  request->offset = ~uint64_t{0};
  request->len = 0;
  request->scratch = nullptr;
  return status;
}

void AsyncCall::Note(const FSReadRequest& request) {
  ++callbacks_;
  thread_ = std::this_thread::get_id();
  status_ = request.status;
  result_ = request.result;
  if (request.offset != offset_ || request.len != length_ ||
      request.scratch != scratch_.data()) {
    mistake_ = "the callback got another request";
  }
}

AssertionResult AsyncCall::Delivered(const std::string& model) const {
  if (callbacks_ != 1 || !mistake_.empty()) {
    return AssertionFailure()
           << callbacks_ << " callbacks for offset " << offset_ << mistake_;
  }
  if (!status_.ok()) {
    return AssertionFailure() << status_.ToString();
  }
  return scratch_.Holds(result_, model, offset_, length_, /*exact=*/false);
}

AssertionResult AsyncCall::DeliveredOrAborted(const std::string& model) const {
  if (callbacks_ != 1 || !status_.IsAborted()) {
    return Delivered(model);
  }
  return result_.size() == 0 && mistake_.empty()
             ? AssertionSuccess()
             : AssertionFailure() << "an aborted read has a result" << mistake_;
}

AsyncCalls MakeCalls(size_t count, uint64_t file_size, size_t first) {
  AsyncCalls calls;
  const uint64_t blocks = file_size / kBlock;
  for (size_t i = 0; i < count; ++i) {
    // 7 is prime to the number of blocks of every file here, so that places
    // jump and come back only after all of them.
    const uint64_t block = (first + i) * 7 % blocks;
    calls.push_back(std::make_unique<AsyncCall>(block * kBlock, kBlock));
  }
  return calls;
}

std::vector<void*> HandlesOf(const AsyncCalls& calls) {
  std::vector<void*> handles;
  for (const auto& call : calls) {
    handles.push_back(call->handle());
  }
  return handles;
}

void StartAll(const AsyncCalls& calls, FSRandomAccessFile* file) {
  for (const auto& call : calls) {
    const IOStatus status = call->Start(file);
    ASSERT_TRUE(status.ok()) << status.ToString();
  }
}

AssertionResult AllDelivered(const AsyncCalls& calls,
                             const std::string& model) {
  for (const auto& call : calls) {
    const AssertionResult result = call->Delivered(model);
    if (!result) {
      return result;
    }
  }
  return AssertionSuccess();
}

IOStatus Poll(FileSystem* file_system, std::vector<void*> handles) {
  return file_system->Poll(handles, handles.size());
}

IOStatus Abort(FileSystem* file_system, std::vector<void*> handles) {
  return file_system->AbortIO(handles);
}

ScopedEnvironment::ScopedEnvironment(const std::string& name,
                                     const std::string& value)
    : name_(name) {
  if (const char* before = getenv(name.c_str()); before != nullptr) {
    had_ = true;
    before_ = before;
  }
  setenv(name.c_str(), value.c_str(), 1);
}

ScopedEnvironment::~ScopedEnvironment() {
  if (had_) {
    setenv(name_.c_str(), before_.c_str(), 1);
  } else {
    unsetenv(name_.c_str());
  }
}

}  // namespace rocksdb_uring
