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

AsyncRead::~AsyncRead() {
  if (op_.state() != IoState::kIdle && !op_.completed()) {
    Cancel();
    file_->engine->engine()->Wait(&op_);
  }
}

bool AsyncRead::Start() { return file_->engine->engine()->Submit(&op_); }

void AsyncRead::ReadNow() {
  RunOptions options;
  options.path = PathChoice::kPosix;
  file_->engine->engine()->Run(&op_, 1, options);
}

void AsyncRead::Cancel() { file_->engine->engine()->Cancel(&op_); }

IOStatus AsyncRead::StatusOf() const {
  if (op_.result >= 0) {
    return IOStatus::OK();
  }
  return MakeIOStatus("While reading asynchronously offset " +
                          std::to_string(op_.offset) + " len " +
                          std::to_string(op_.length),
                      file_->name, Errno::FromResult(op_.result));
}

void AsyncRead::WaitAndDeliver() {
  file_->engine->engine()->Wait(&op_);
  if (std::exchange(delivered_, true)) {
    return;
  }
  FSReadRequest request;
  request.offset = op_.offset;
  request.len = op_.length;
  request.scratch = op_.buffer;
  request.result =
      Slice(op_.buffer, op_.result < 0 ? 0 : static_cast<size_t>(op_.result));
  request.status = StatusOf();
  callback_(request, argument_);
}

}  // namespace rocksdb_uring
