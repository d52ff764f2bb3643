// Buffered reads and writes in place, one operation for each call.
//
// Nothing is in flight between calls, so Flush has nothing to do, and Sync and
// Fsync cover every write that has returned.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/file/random_rw_file.h"

#include "env/file/io_status.h"

namespace rocksdb_uring {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

IOStatus UringRandomRWFile::Write(uint64_t offset, const Slice& data,
                                  const IOOptions& /*options*/,
                                  IODebugContext* /*dbg*/) {
  IoOp op;
  file_->Describe(IoKind::kWrite, StatKind::kWrite, offset, data.size(),
                  const_cast<char*>(data.data()), &op);
  const int64_t result = file_->Run(&op, file_->writes());
  return result < 0
             ? MakeIOStatus("While write random read/write file at offset " +
                                std::to_string(offset),
                            file_->name, Errno::FromResult(result))
             : IOStatus::OK();
}

IOStatus UringRandomRWFile::Read(uint64_t offset, size_t n,
                                 const IOOptions& /*options*/, Slice* result,
                                 char* scratch, IODebugContext* /*dbg*/) const {
  IoOp op;
  file_->Describe(IoKind::kRead, StatKind::kRead, offset, n, scratch, &op);
  const int64_t read = file_->Run(&op, file_->reads());
  *result = Slice(scratch, read < 0 ? 0 : static_cast<size_t>(read));
  return read < 0
             ? MakeIOStatus("While reading random read/write file offset " +
                                std::to_string(offset) + " len " +
                                std::to_string(n),
                            file_->name, Errno::FromResult(read))
             : IOStatus::OK();
}

IOStatus UringRandomRWFile::Flush(const IOOptions& /*options*/,
                                  IODebugContext* /*dbg*/) {
  return IOStatus::OK();
}

IOStatus UringRandomRWFile::SyncWith(IoKind kind, StatKind stat_kind,
                                     const std::string& what) {
  IoOp op;
  file_->Describe(kind, stat_kind, 0, 0, nullptr, &op);
  const int64_t result = file_->Run(&op, file_->syncs());
  return result < 0 ? MakeIOStatus(what, file_->name, Errno::FromResult(result))
                    : IOStatus::OK();
}

IOStatus UringRandomRWFile::Sync(const IOOptions& /*options*/,
                                 IODebugContext* /*dbg*/) {
  return SyncWith(IoKind::kFdatasync, StatKind::kFdatasync,
                  "While fdatasync random read/write file");
}

IOStatus UringRandomRWFile::Fsync(const IOOptions& /*options*/,
                                  IODebugContext* /*dbg*/) {
  return SyncWith(IoKind::kFsync, StatKind::kFsync,
                  "While fsync random read/write file");
}

IOStatus UringRandomRWFile::Close(const IOOptions& /*options*/,
                                  IODebugContext* /*dbg*/) {
  const int closed = file_->fd.Close();
  return closed < 0 ? MakeIOStatus("While close random read/write file",
                                   file_->name, Errno::FromResult(closed))
                    : IOStatus::OK();
}

}  // namespace rocksdb_uring
