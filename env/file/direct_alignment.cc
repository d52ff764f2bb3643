// Alignment by statx and by the block device in /sys, remembered by device.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/file/direct_alignment.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <climits>
#include <cstdlib>
#include <fstream>
#include <string>

namespace rocksdb_uring {

namespace {

// RocksDB's kDefaultPageSize.
constexpr uint32_t kDefaultAlignment = 4096;

bool IsPowerOfTwo(uint64_t value) {
  return value != 0 && (value & (value - 1)) == 0;
}

// A partition has no queue of its own; that of the disk above it counts.
uint32_t ReadLogicalBlockSize(dev_t device) {
  const std::string link = "/sys/dev/block/" + std::to_string(major(device)) +
                           ":" + std::to_string(minor(device));
  char path[PATH_MAX];
  if (realpath(link.c_str(), path) == nullptr) {
    return kDefaultAlignment;
  }
  for (const char* queue : {"/queue/", "/../queue/"}) {
    std::ifstream file(path + std::string(queue) + "logical_block_size");
    uint64_t size = 0;
    if (file >> size && IsPowerOfTwo(size) && size <= UINT32_MAX) {
      return static_cast<uint32_t>(size);
    }
  }
  return kDefaultAlignment;
}

// Reads /sys once for each device. A device and its size are one word, and a
// word is written once: there is no lock that a forked child could find held.
uint32_t LogicalBlockSize(dev_t device) {
  // More devices than databases lie on; those beyond are read each time.
  static std::array<std::atomic<uint64_t>, 32> known = {};
  // The kernel's numbers have 12 and 20 bits; that of a device is not 0.
  const uint64_t key = uint64_t{major(device)} << 20 | minor(device);
  for (std::atomic<uint64_t>& entry : known) {
    uint64_t found = entry.load(std::memory_order_relaxed);
    if (found == 0) {
      const uint64_t mine = key << 32 | ReadLogicalBlockSize(device);
      if (entry.compare_exchange_strong(found, mine,
                                        std::memory_order_relaxed)) {
        found = mine;
      }
    }
    if (found >> 32 == key) {
      return static_cast<uint32_t>(found);
    }
  }
  return ReadLogicalBlockSize(device);
}

// 0 where the kernel or the C library does not tell.
uint32_t KernelAlignment(int fd) {
#ifdef STATX_DIOALIGN
  struct statx attributes = {};
  if (statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &attributes) == 0 &&
      (attributes.stx_mask & STATX_DIOALIGN) != 0) {
    return std::max(attributes.stx_dio_mem_align,
                    attributes.stx_dio_offset_align);
  }
#endif
  (void)fd;
  return 0;
}

}  // namespace

uint32_t DirectAlignment(int fd) {
  struct stat attributes = {};
  if (fstat(fd, &attributes) != 0) {
    return kDefaultAlignment;
  }
  // Devices without a number (overlay, tmpfs, network) have no queue.
  const uint32_t posix = major(attributes.st_dev) == 0
                             ? kDefaultAlignment
                             : LogicalBlockSize(attributes.st_dev);
  const uint32_t kernel = KernelAlignment(fd);
  return IsPowerOfTwo(kernel) ? std::max(posix, kernel) : posix;
}

}  // namespace rocksdb_uring
