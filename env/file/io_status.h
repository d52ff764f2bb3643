// The one place where an errno becomes an IOStatus.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "env/base/errno_code.h"
#include "env/engine/io_op.h"
#include "env/file/rocksdb_compat.h"

namespace rocksdb_uring {

// The status that the default file system gives for the same error: code,
// sub-code, retryable flag and wording. `context` says what was being done;
// `file_name` may be empty.
rocksdb::IOStatus MakeIOStatus(const std::string& context,
                               const std::string& file_name, Errno error);

// The same of an operation that has failed; TimedOut or Aborted if its caller's
// timeout or a cancellation has ended it. (From the kernel ETIMEDOUT and
// ECANCELED are errors as all others.)
rocksdb::IOStatus MakeIOStatus(const std::string& context,
                               const std::string& file_name, const IoOp& op);

}  // namespace rocksdb_uring
