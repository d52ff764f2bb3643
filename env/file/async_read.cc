// An asynchronous read from its start to its callback.
//
// RocksDB relies on more than its file_system.h says. A callback runs once, on
// the thread that calls ReadAsync, Poll or AbortIO: the prefetch buffer that it
// changes has no lock. Poll returns when all of its reads are complete, failed
// ones included, because RocksDB then frees the handles and reuses the buffers.
// The error of a read goes to its callback: RocksDB 7.8 ignores Poll's status.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/file/async_read.h"

#include <utility>

#include "env/file/io_status.h"

namespace rocksdb_uring {

using rocksdb::FSReadRequest;
using rocksdb::IOStatus;
using rocksdb::Slice;

AsyncRead::AsyncRead(std::shared_ptr<const OpenFile> file,
                     const FSReadRequest& request, ReadAsyncCallback callback,
                     void* argument)
    : file_(std::move(file)),
      callback_(std::move(callback)),
      argument_(argument) {
  file_->Describe(IoKind::kRead, StatKind::kReadAsync, request.offset,
                  request.len, request.scratch, &op_);
}

// RocksDB deletes a handle after Poll or AbortIO, when nothing is in flight. A
// caller that deletes it earlier may free the buffer next, so the destructor
// waits. Cancelling shortens the wait only for a read that is still queued: the
// kernel does not stop a request that has reached the device.
AsyncRead::~AsyncRead() {
  if (op_.state() != IoState::kIdle && !op_.completed()) {
    Cancel();
    engine()->Wait(&op_);
  }
}

bool AsyncRead::ReadIfCached() { return engine()->RunIfCached(&op_); }

bool AsyncRead::Start() { return engine()->Submit(&op_); }

void AsyncRead::ReadNow(PathChoice path) { file_->Run(&op_, path); }

void AsyncRead::Cancel() { engine()->Cancel(&op_); }

IOStatus AsyncRead::StatusOf() const {
  if (op_.result >= 0) {
    return IOStatus::OK();
  }
  return MakeIOStatus("While reading asynchronously offset " +
                          std::to_string(op_.offset) + " len " +
                          std::to_string(op_.length),
                      file_->name, op_);
}

// Two passes: all waits, then all callbacks. The engine waits for many reads at
// once, in their order of completion, and a callback may take its time. The
// list is linked through the reads, because waiting must not need memory, and
// `listed_` skips a handle that is passed twice.
void AsyncRead::WaitAndDeliver(void* const* handles, size_t count) {
  AsyncRead* first = nullptr;
  AsyncRead** link = &first;
  for (void* const* handle = handles; handle != handles + count; ++handle) {
    auto* const read = static_cast<AsyncRead*>(*handle);
    if (read != nullptr && !std::exchange(read->listed_, true)) {
      *link = read;
      link = &read->next_;
    }
  }
  *link = nullptr;
  for (AsyncRead* read = first; read != nullptr;) {
    read = WaitForPiece(read);
  }
  for (AsyncRead* read = first; read != nullptr;) {
    // Its callback may delete it.
    AsyncRead* const next = read->next_;
    read->listed_ = false;
    read->Deliver();
    read = next;
  }
}

AsyncRead* AsyncRead::WaitForPiece(AsyncRead* first) {
  // On the stack, because waiting must not need memory.
  constexpr size_t kPiece = 64;
  IoOp* ops[kPiece];
  size_t count = 0;
  // Nearly always all reads are of one engine. Only a forked child has reads of
  // two, its own and its parent's.
  IoEngine* const engine = first->engine();
  AsyncRead* read = first;
  for (; read != nullptr && count < kPiece && read->engine() == engine;
       read = read->next_) {
    ops[count++] = &read->op_;
  }
  engine->WaitAll(ops, count);
  return read;
}

void AsyncRead::Deliver() {
  if (std::exchange(delivered_, true)) {
    return;
  }
  // All fields are set: RocksDB asserts that the result begins at `scratch`,
  // and with direct I/O its callback needs the offset.
  FSReadRequest answer;
  answer.offset = op_.offset;
  answer.len = op_.length;
  answer.scratch = op_.buffer;
  answer.result =
      Slice(op_.buffer, op_.result < 0 ? 0 : static_cast<size_t>(op_.result));
  answer.status = StatusOf();
  callback_(answer, argument_);
}

}  // namespace rocksdb_uring
