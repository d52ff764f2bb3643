// SPDX-License-Identifier: Apache-2.0

#include "tests/faults/trouble/traffic.h"

#include <cstring>
#include <utility>

#include "env/base/aligned_buffer.h"
#include "tests/support/engine/test_support.h"
#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {

using rocksdb::FileOptions;
using rocksdb::FileSystem;
using rocksdb::FSRandomAccessFile;
using rocksdb::FSReadRequest;
using rocksdb::FSWritableFile;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

namespace {

constexpr size_t kTableBlocks = 512;
constexpr size_t kReads = 16;

uint64_t BlockOf(uint64_t number, size_t i) {
  return (number * 131 + i * 37) % kTableBlocks;
}

}  // namespace

Traffic::Traffic(std::shared_ptr<FileSystem> file_system,
                 const std::string& directory)
    : file_system_(std::move(file_system)),
      directory_(directory),
      table_(directory + "/000001.sst"),
      contents_(RandomBytes(kTableBlocks * kBlock, 17)) {
  WriteFile(table_, contents_);
  DropCache(table_);
  direct_ = HasDirectIo(table_);
  direct_options_.use_direct_reads = true;
  direct_options_.use_direct_writes = true;
}

Traffic::~Traffic() { Stop(); }

void Traffic::Start() {
  for (size_t kind = 0; kind < kKinds; ++kind) {
    const std::string prefix = directory_ + "/own" + std::to_string(kind);
    threads_.emplace_back([this, kind, prefix] { Loop(kind, prefix); });
  }
}

void Traffic::AwaitRounds(uint64_t rounds) {
  for (std::atomic<uint64_t>& done : rounds_) {
    const uint64_t wanted = done + rounds;
    while (done < wanted && Mistake().empty()) {
      std::this_thread::yield();
    }
  }
}

void Traffic::Stop() {
  stop_ = true;
  for (std::thread& thread : threads_) {
    thread.join();
  }
  threads_.clear();
}

std::string Traffic::Mistake() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return mistake_;
}

void Traffic::Loop(size_t kind, const std::string& prefix) {
  while (!stop_) {
    const std::string mistake = Round(kind, prefix, rounds_[kind]);
    if (!mistake.empty()) {
      const std::lock_guard<std::mutex> lock(mutex_);
      mistake_ = mistake_.empty() ? mistake : mistake_;
      return;
    }
    ++rounds_[kind];
  }
}

std::string Traffic::RunOnce(const std::string& prefix) {
  for (size_t kind = 0; kind < kKinds; ++kind) {
    for (uint64_t number = 0; number < 2; ++number) {
      const std::string mistake =
          Round(kind, directory_ + "/" + prefix, number);
      if (!mistake.empty()) {
        return mistake;
      }
    }
  }
  return std::string();
}

std::string Traffic::Round(size_t kind, const std::string& prefix,
                           uint64_t number) {
  switch (kind) {
    case 0:
      return ReadBatch(number);
    case 1:
      return ReadAsync(number);
    case 2:
      return WriteTable(prefix, number);
    case 3:
      return WriteLog(prefix, number);
    default:
      return Scan(number);
  }
}

std::unique_ptr<FSRandomAccessFile> Traffic::OpenTable(bool direct) {
  std::unique_ptr<FSRandomAccessFile> file;
  file_system_
      ->NewRandomAccessFile(
          table_, direct ? direct_options_ : buffered_options_, &file, nullptr)
      .PermitUncheckedError();
  return file;
}

std::string Traffic::ReadBatch(uint64_t number) {
  const auto file = OpenTable(Direct(number));
  if (file == nullptr) {
    return "a table cannot be opened";
  }
  const AlignedBuffer buffer(kReads * kBlock, kBlock);
  FSReadRequest requests[kReads];
  for (size_t i = 0; i < kReads; ++i) {
    requests[i].offset = BlockOf(number, i) * kBlock;
    requests[i].len = kBlock;
    requests[i].scratch = buffer.data() + i * kBlock;
  }
  const IOStatus status =
      file->MultiRead(requests, kReads, IOOptions(), nullptr);
  if (!status.ok()) {
    return "MultiRead: " + status.ToString();
  }
  for (const FSReadRequest& request : requests) {
    if (!request.status.ok() ||
        request.result != Expected(contents_, request.offset, kBlock)) {
      return "MultiRead, one request: " + request.status.ToString();
    }
  }
  return std::string();
}

// Half of the rounds leave reads in flight when the file object goes.
std::string Traffic::ReadAsync(uint64_t number) {
  auto file = OpenTable(Direct(number / 2));
  if (file == nullptr) {
    return "a table cannot be opened";
  }
  const AsyncCalls calls =
      MakeCalls(kReads, contents_.size(), static_cast<size_t>(number) * kReads);
  for (const auto& call : calls) {
    const IOStatus status = call->Start(file.get());
    if (status.IsNotSupported()) {
      // An engine on POSIX, or in a forked child.
      return std::string();
    }
    if (!status.ok()) {
      return "ReadAsync: " + status.ToString();
    }
  }
  if (number % 2 == 0) {
    file.reset();
  }
  if (number % 4 == 3) {
    return std::string();
  }
  // A read that found no room is complete, without a handle.
  const IOStatus status = number % 4 == 1
                              ? Abort(file_system_.get(), HandlesOf(calls))
                              : Poll(file_system_.get(), HandlesOf(calls));
  if (!status.ok()) {
    return "Poll or AbortIO: " + status.ToString();
  }
  for (const auto& call : calls) {
    const ::testing::AssertionResult delivered =
        call->DeliveredOrAborted(contents_);
    if (!delivered) {
      return std::string("ReadAsync: ") + delivered.message();
    }
  }
  return std::string();
}

// Half of the files are never closed.
std::string Traffic::WriteTable(const std::string& prefix, uint64_t number) {
  const std::string path = prefix + ".sst";
  const FileOptions& options =
      Direct(number) ? direct_options_ : buffered_options_;
  std::unique_ptr<FSWritableFile> file;
  IOStatus status =
      file_system_->NewWritableFile(path, options, &file, nullptr);
  if (!status.ok()) {
    return "NewWritableFile: " + status.ToString();
  }
  constexpr size_t kPiece = 64 * kBlock;
  const std::string data = RandomBytes(4 * kPiece, number);
  const AlignedBuffer buffer(kPiece, kBlock);
  for (size_t at = 0; at < data.size() && status.ok(); at += kPiece) {
    memcpy(buffer.data(), &data[at], kPiece);
    const Slice piece(buffer.data(), kPiece);
    status = options.use_direct_writes
                 ? file->PositionedAppend(piece, at, IOOptions(), nullptr)
                 : file->Append(piece, IOOptions(), nullptr);
  }
  if (status.ok() && number % 4 < 2) {
    status = file->Sync(IOOptions(), nullptr);
    status = status.ok() ? file->Close(IOOptions(), nullptr) : status;
  }
  file.reset();
  if (!status.ok()) {
    return "writing a table: " + status.ToString();
  }
  return ReadWholeFile(path) == data ? std::string()
                                     : "a written table has other bytes";
}

std::string Traffic::WriteLog(const std::string& prefix, uint64_t number) {
  const std::string path = prefix + ".log";
  std::unique_ptr<FSWritableFile> file;
  IOStatus status =
      file_system_->NewWritableFile(path, buffered_options_, &file, nullptr);
  std::string data;
  for (uint64_t i = 0; i < 20 && status.ok(); ++i) {
    const std::string record = RandomBytes(100 + i, number * 100 + i);
    status = file->Append(record, IOOptions(), nullptr);
    data += record;
    if (status.ok() && i % 10 == 9) {
      status = file->Sync(IOOptions(), nullptr);
    }
  }
  if (!status.ok()) {
    return "writing a log: " + status.ToString();
  }
  return ReadWholeFile(path) == data ? std::string()
                                     : "a written log has other bytes";
}

std::string Traffic::Scan(uint64_t number) {
  const auto file = OpenTable(Direct(number));
  if (file == nullptr) {
    return "a table cannot be opened";
  }
  constexpr size_t kStep = 8 * kBlock;
  const AlignedBuffer buffer(kStep, kBlock);
  for (uint64_t at = 0; at < contents_.size(); at += kStep) {
    Slice result;
    const IOStatus status =
        file->Read(at, kStep, IOOptions(), &result, buffer.data(), nullptr);
    if (!status.ok() || result != Expected(contents_, at, kStep)) {
      return "Read: " + status.ToString();
    }
  }
  return std::string();
}

}  // namespace rocksdb_uring
