// What uring_top shows of a process.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "tools/top/reading.h"

namespace rocksdb_uring {

// Lines about one process. Rates are those between `before` and `now`, or since
// the start of the process if `before` is null or of another process.
// `program` is its name, empty if it does not run (any more).
std::string FormatReading(const Reading& now, const Reading* before,
                          const std::string& program);

// The name of a running process; empty if there is none.
std::string ProgramOf(uint64_t pid);

}  // namespace rocksdb_uring
