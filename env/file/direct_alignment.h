// Alignment that direct I/O on a file needs.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace rocksdb_uring {

// In bytes, a power of two: what the default file system takes (the logical
// block size of the device, or 4096 where there is no device), raised where
// the kernel knows better (statx STATX_DIOALIGN, Linux 6.1). Reads /sys once
// for each device. Safe for concurrent use.
uint32_t DirectAlignment(int fd);

}  // namespace rocksdb_uring
