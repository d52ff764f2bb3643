// SPDX-License-Identifier: Apache-2.0

#include "tests/random/model/pending_read.h"

#include <utility>

namespace rocksdb_uring {

using rocksdb::FSRandomAccessFile;
using rocksdb::FSReadRequest;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

PendingRead::PendingRead(uint64_t identity, uint64_t offset, size_t length)
    : identity_(identity), offset_(offset), length_(length), scratch_(length) {}

PendingRead::~PendingRead() { GiveUp(); }

void PendingRead::GiveUp() {
  if (handle_ != nullptr) {
    deleter_(std::exchange(handle_, nullptr));
  }
}

IOStatus PendingRead::Start(FSRandomAccessFile* ours,
                            FSRandomAccessFile* theirs,
                            const IOOptions& options) {
  Scratch scratch(length_);
  Slice result;
  expected_status_ = theirs->Read(offset_, length_, IOOptions(), &result,
                                  scratch.data(), nullptr);
  expected_ = result.ToString();
  FSReadRequest request;
  request.offset = offset_;
  request.len = length_;
  request.scratch = scratch_.data();
  return ours->ReadAsync(
      request, options,
      [this](const FSReadRequest& answer, void* argument) {
        ++callbacks_;
        status_ = answer.status;
        result_ = answer.result;
        right_request_ = argument == this && answer.offset == offset_ &&
                         answer.len == length_ &&
                         answer.scratch == scratch_.data();
      },
      this, &handle_, &deleter_, nullptr);
}

std::string PendingRead::Mistake(bool aborted) const {
  const std::string place = "asynchronous read at " + std::to_string(offset_) +
                            "+" + std::to_string(length_) + ": ";
  if (callbacks_ != 1 || !right_request_) {
    return place + std::to_string(callbacks_) +
           (right_request_ ? " callbacks" : " callbacks, of another request");
  }
  if (aborted && status_.IsAborted()) {
    return result_.size() == 0 ? "" : place + "aborted with a result";
  }
  if (status_.code() != expected_status_.code()) {
    return place + status_.ToString() + " instead of " +
           expected_status_.ToString();
  }
  if (!status_.ok()) {
    return "";
  }
  if (result_.data() != scratch_.data()) {
    // Of a mapped file, by RocksDB's own ReadAsync.
    return result_ == Slice(expected_) ? "" : place + "other bytes";
  }
  const ::testing::AssertionResult holds =
      scratch_.Holds(result_, expected_, 0, length_, /*exact=*/false);
  return holds ? "" : place + holds.message();
}

void HandOver::Give(std::unique_ptr<PendingRead> read) {
  const std::lock_guard<std::mutex> lock(mutex_);
  reads_.push_back(std::move(read));
}

std::unique_ptr<PendingRead> HandOver::Take() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (reads_.empty()) {
    return nullptr;
  }
  std::unique_ptr<PendingRead> read = std::move(reads_.back());
  reads_.pop_back();
  return read;
}

}  // namespace rocksdb_uring
