// sync_file_range in flight, one at a time for each file.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/file/write_out.h"

#include <fcntl.h>

#include <algorithm>

namespace rocksdb_uring {

WriteOut::~WriteOut() { (void)Finish(); }

int64_t WriteOut::Finish() {
  if (op_.state() == IoState::kIdle) {
    return 0;
  }
  file_->engine->engine()->Wait(&op_);
  const int64_t result = op_.result;
  op_.Reset();
  return result;
}

int64_t WriteOut::Request(uint64_t begin, uint64_t end, uint64_t complete) {
  begin_ = std::min(begin_.value_or(begin), begin);
  end_ = std::max(end_, end);
  const uint64_t stop = std::min(end_, complete);
  IoEngine* const engine = file_->engine->engine();
  if (op_.state() != IoState::kIdle) {
    if (!engine->Wait(&op_, 0)) {
      return 0;
    }
    const int64_t result = Finish();
    if (result < 0) {
      return result;
    }
  }
  if (stop <= *begin_) {
    return 0;
  }
  file_->Describe(IoKind::kSyncFileRange, StatKind::kSyncFileRange, *begin_,
                  stop - *begin_, nullptr, &op_);
  op_.flags = SYNC_FILE_RANGE_WRITE;
  begin_ = stop;
  if (file_->paths.syncs == PathChoice::kPosix || !engine->Submit(&op_)) {
    file_->Run(&op_, PathChoice::kPosix);
    return Finish();
  }
  return 0;
}

}  // namespace rocksdb_uring
