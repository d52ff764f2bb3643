// How an operation was served.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace rocksdb_uring {

enum class IoPath : uint8_t {
  kRing,       // through a ring
  kPosix,      // through a system call
  kPageCache,  // found in the page cache by a call that does not wait
  kReadAhead,  // from memory that the engine had read ahead
  kLast = kReadAhead,
};
constexpr size_t kIoPathCount = static_cast<size_t>(IoPath::kLast) + 1;

}  // namespace rocksdb_uring
