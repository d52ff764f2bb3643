// Reads from front to back, buffered or direct.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/file/sequential_file.h"

#include "env/file/fadvise.h"
#include "env/file/io_status.h"

namespace rocksdb_uring {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

IOStatus UringSequentialFile::ReadAt(uint64_t offset, size_t n,
                                     const std::string& context, Slice* result,
                                     char* scratch) {
  IoOp op;
  file_->Describe(IoKind::kRead, StatKind::kSequentialRead, offset, n, scratch,
                  &op);
  file_->Run(&op, file_->reads());
  if (op.result < 0) {
    *result = Slice(scratch, 0);
    return MakeIOStatus(context, file_->name, Errno::FromResult(op.result));
  }
  *result = Slice(scratch, static_cast<size_t>(op.result));
  return IOStatus::OK();
}

IOStatus UringSequentialFile::Read(size_t n, const IOOptions& /*options*/,
                                   Slice* result, char* scratch,
                                   IODebugContext* /*dbg*/) {
  const IOStatus status =
      ReadAt(position_, n, "While reading file sequentially", result, scratch);
  position_ += result->size();
  return status;
}

IOStatus UringSequentialFile::PositionedRead(uint64_t offset, size_t n,
                                             const IOOptions& /*options*/,
                                             Slice* result, char* scratch,
                                             IODebugContext* /*dbg*/) {
  return ReadAt(offset, n,
                "While pread " + std::to_string(n) + " bytes from offset " +
                    std::to_string(offset),
                result, scratch);
}

IOStatus UringSequentialFile::Skip(uint64_t n) {
  position_ += n;
  return IOStatus::OK();
}

IOStatus UringSequentialFile::InvalidateCache(size_t offset, size_t length) {
  return DropFromPageCache(*file_, offset, length);
}

size_t UringSequentialFile::GetRequiredBufferAlignment() const {
  return file_->buffer_alignment();
}

}  // namespace rocksdb_uring
