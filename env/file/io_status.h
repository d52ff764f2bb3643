// The one place where an errno becomes an IOStatus.
#pragma once

#include <string>

#include "env/base/errno_code.h"
#include "env/file/rocksdb_compat.h"

namespace rocksdb_uring {

// The status that the default file system gives for the same error: code,
// sub-code, retryable flag and wording. `context` says what was being done;
// `file_name` may be empty. -ETIMEDOUT and -ECANCELED, which the default file
// system never meets, become TimedOut and Aborted.
rocksdb::IOStatus MakeIOStatus(const std::string& context,
                               const std::string& file_name, Errno error);

}  // namespace rocksdb_uring
