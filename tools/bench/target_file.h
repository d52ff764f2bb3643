// The file that is read or written.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "env/base/file_descriptor.h"
#include "tools/bench/options.h"

namespace rocksdb_uring {

struct TargetFile {
  FileDescriptor fd;
  // Of the part that is used; a multiple of the block size.
  uint64_t bytes = 0;
  // For IoOp::alignment: 0 for buffered I/O.
  uint32_t alignment = 0;
};

enum class OpenOutcome { kOpened, kBadUsage, kFailed };

// Opens the file, or makes it and fills it with data that neither compresses
// nor has holes. Sets `*error` unless kOpened.
OpenOutcome OpenTarget(const BenchOptions& options, TargetFile* target,
                       std::string* error);

}  // namespace rocksdb_uring
