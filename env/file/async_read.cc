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

#include <algorithm>
#include <utility>

#include "env/engine/completion.h"
#include "env/file/io_status.h"

namespace rocksdb_uring {

using rocksdb::FSReadRequest;
using rocksdb::IOStatus;
using rocksdb::Slice;

AsyncRead::AsyncRead(std::shared_ptr<const OpenFile> file,
                     const FSReadRequest& request, ReadAsyncCallback callback,
                     void* argument, const ReadTerms& terms)
    : file_(std::move(file)),
      callback_(std::move(callback)),
      argument_(argument),
      deadline_(terms.deadline) {
  file_->Describe(IoKind::kRead, StatKind::kReadAsync, request.offset,
                  request.len, request.scratch, &op_, terms.priority);
}

// RocksDB deletes a handle after Poll or AbortIO, when nothing is in flight. A
// caller that deletes it earlier may free the buffer next, so the destructor
// waits. Cancelling shortens the wait only for a read that is still queued: the
// kernel does not stop a request that has reached the device.
AsyncRead::~AsyncRead() {
  if (bounded_ != nullptr) {
    GiveUpBounded();
  } else if (op_.state() != IoState::kIdle && !op_.completed()) {
    Cancel();
    engine()->Wait(&op_);
  }
}

bool AsyncRead::ReadIfCached() { return engine()->RunIfCached(&op_); }

bool AsyncRead::Start() {
  if (!deadline_.exists()) {
    return engine()->Submit(&op_);
  }
  // Null in a child that was forked since.
  DeadlineReads* const reads = file_->engine->deadline_reads();
  bounded_ = reads == nullptr ? nullptr : reads->Start(&op_, file_, deadline_);
  // A limit may have completed it.
  return bounded_ != nullptr || op_.completed();
}

void AsyncRead::ReadNow(PathChoice path) { file_->Run(&op_, path); }

void AsyncRead::Cancel() {
  cancelled_ = true;
  engine()->Cancel(started());
}

// In a forked child the buffer is not mapped, and neither it nor the ring's
// copy of the operation can be given back: they are leaked on purpose.
void AsyncRead::GiveUpBounded() {
  if (file_->engine->forked()) {
    (void)bounded_.release();
  } else {
    file_->engine->deadline_reads()->GiveUp(std::move(bounded_));
  }
}

void AsyncRead::FinishBounded() {
  if (file_->engine->forked()) {
    GiveUpBounded();
    ReadNow(PathChoice::kPosix);
    return;
  }
  if (!engine()->Wait(&bounded_->op, WaitEnd().LeftUs()) && cancelled_) {
    GiveUpBounded();
    EndCancelled(&op_);
    op_.path = IoPath::kRing;
    op_.set_state(IoState::kCompleted);
    return;
  }
  file_->engine->deadline_reads()->Finish(std::move(bounded_), &op_);
}

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
  Deadline earliest;
  AsyncRead* read = first;
  for (; read != nullptr && count < kPiece && read->engine() == engine;
       read = read->next_) {
    if (read->bounded_ != nullptr) {
      earliest = std::min(earliest, read->WaitEnd());
    }
    ops[count++] = read->started();
  }
  AsyncRead* const end = read;
  const bool complete = engine->WaitAll(ops, count, earliest);
  // Reads of one call have nearly the same deadline. Those without one come
  // last: they may take longer than all others.
  for (read = first; read != end; read = read->next_) {
    if (read->bounded_ != nullptr) {
      read->FinishBounded();
    }
  }
  for (read = first; read != end && !complete; read = read->next_) {
    engine->Wait(&read->op_);
  }
  return end;
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
