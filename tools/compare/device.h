// What a block device has done, as the kernel counts it for the whole machine.
//
// SPDX-License-Identifier: Apache-2.0
#ifndef ROCKSDB_URING_TOOLS_COMPARE_DEVICE_H_
#define ROCKSDB_URING_TOOLS_COMPARE_DEVICE_H_

#include <iosfwd>
#include <string>

namespace rocksdb_uring {

struct DeviceOperations {
  double reads = 0;
  double writes = 0;
};

// "254:1", of the filesystem of `path`; empty when it does not exist.
std::string DeviceNumber(const std::string& path);

// Reads /proc/diskstats. Zero for a filesystem without a block device of its
// own (overlay, btrfs, tmpfs).
DeviceOperations CountOperations(const std::string& device_number);
DeviceOperations ParseDiskStats(std::istream* stream,
                                const std::string& device_number);

// Pages that an earlier run dirtied would be written during the next one.
void FlushFilesystem(const std::string& path);

}  // namespace rocksdb_uring

#endif  // ROCKSDB_URING_TOOLS_COMPARE_DEVICE_H_
