// What holds a path: file system, device, and what direct I/O on it needs.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace rocksdb_uring {

struct Storage {
  std::string filesystem;  // "ext4"; "unknown" if it cannot be told
  std::string source;      // "/dev/vda1", "overlay"; may be "unknown"
  std::string device;      // "254:0"
  bool read_only = false;  // mounted so
  // Of the block device; 0 where there is none, or it cannot be told.
  uint32_t logical_block_bytes = 0;
  // From statx(STATX_DIOALIGN): alignment of memory and of file offsets for
  // direct I/O. `told` is false if the kernel or file system does not report
  // it. Both 0: the file does not support direct I/O.
  bool dio_align_told = false;
  uint32_t dio_memory_align = 0;
  uint32_t dio_offset_align = 0;
};

// `path` must exist. The kernel reports STATX_DIOALIGN only for regular files
// and block devices.
Storage DescribeStorage(const std::string& path);

}  // namespace rocksdb_uring
