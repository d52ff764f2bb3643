#include "env/file/io_status.h"

#include <cerrno>

namespace rocksdb_uring {

using rocksdb::IOStatus;

IOStatus MakeIOStatus(const std::string& context, const std::string& file_name,
                      Errno error) {
  const std::string what =
      file_name.empty() ? context : context + ": " + file_name;
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
    case ETIMEDOUT:
      return IOStatus::TimedOut(what, error.message());
    case ECANCELED:
      return IOStatus::Aborted(what, error.message());
    default:
      return IOStatus::IOError(what, error.message());
  }
}

}  // namespace rocksdb_uring
