// Between RocksDB's request and the operation of a loop.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/file/submitted_read.h"

#include <string>
#include <utility>

#include "env/engine/deadline_reads.h"
#include "env/file/io_status.h"

namespace rocksdb_uring {

using rocksdb::FSReadRequest;
using rocksdb::IOStatus;
using rocksdb::Slice;

SubmittedRead::SubmittedRead(std::shared_ptr<const OpenFile> file,
                             FSReadRequest* request,
                             SubmitReadCallback callback)
    : file_(std::move(file)),
      request_(request),
      callback_(std::move(callback)) {
  file_->Describe(IoKind::kRead, StatKind::kReadAsync, request->offset,
                  request->len, request->scratch, &op_);
}

bool SubmittedRead::ReadIfCached() {
  return file_->engine->engine()->RunIfCached(&op_);
}

void SubmittedRead::Submit(std::unique_ptr<SubmittedRead> read,
                           Deadline deadline, RingLoop* loop) {
  const std::shared_ptr<const OpenFile> file = read->file_;
  file->engine->statistics()->Count(StatEvent::kLoopRead);
  IoOp* const op = &read->op_;
  op->context = read.release();
  op->callback = [](IoOp* completed) {
    const std::unique_ptr<SubmittedRead> self(
        static_cast<SubmittedRead*>(completed->context));
    self->Deliver();
  };
  if (deadline.exists()) {
    file->engine->deadline_reads()->RunOnLoop(op, file, deadline, loop);
  } else {
    loop->Submit(op);
  }
}

void SubmittedRead::Deliver() {
  if (op_.result < 0) {
    request_->status = MakeIOStatus("While reading asynchronously offset " +
                                        std::to_string(op_.offset) + " len " +
                                        std::to_string(op_.length),
                                    file_->name, op_);
    request_->result = Slice(op_.buffer, 0);
  } else {
    request_->status = IOStatus::OK();
    request_->result = Slice(op_.buffer, static_cast<size_t>(op_.result));
  }
  callback_(*request_);
}

}  // namespace rocksdb_uring
