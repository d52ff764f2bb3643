// Codes and texts of the default file system for each errno.
//
// Not a matter of wording: RocksDB's error handler decides by code, sub-code
// and retryable flag whether a database stops, and whether it resumes by
// itself.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/file/io_status.h"

#include <cerrno>

namespace rocksdb_uring {

using rocksdb::IOStatus;

namespace {

std::string What(const std::string& context, const std::string& file_name) {
  return file_name.empty() ? context : context + ": " + file_name;
}

}  // namespace

IOStatus MakeIOStatus(const std::string& context, const std::string& file_name,
                      Errno error) {
  const std::string what = What(context, file_name);
  switch (error.value()) {
    case ENOSPC: {
      IOStatus status = IOStatus::NoSpace(what, error.message());
      status.SetRetryable(true);
      return status;
    }
    case ESTALE:
      return IOStatus::IOError(IOStatus::kStaleFile);
    case ENOENT:
      return IOStatus::PathNotFound(what, error.message());
    default:
      return IOStatus::IOError(what, error.message());
  }
}

IOStatus MakeIOStatus(const std::string& context, const std::string& file_name,
                      const IoOp& op) {
  const Errno error = Errno::FromResult(op.result);
  switch (op.end) {
    case IoEnd::kTimedOut:
    case IoEnd::kAbandoned:
      return IOStatus::TimedOut(What(context, file_name),
                                "not complete at the deadline");
    case IoEnd::kTooMany:
      return IOStatus::TimedOut(
          What(context, file_name),
          "not begun: reads that missed their deadlines, and that the device "
          "has not answered, have reached abandoned_max, or fill "
          "deadline_buffer_bytes");
    case IoEnd::kCancelled:
      return IOStatus::Aborted(What(context, file_name), error.message());
    case IoEnd::kFinished:
      break;
  }
  return MakeIOStatus(context, file_name, error);
}

}  // namespace rocksdb_uring
