#include "env/file/direct_alignment.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>

#include "env/base/mutex.h"

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

uint32_t LogicalBlockSize(dev_t device) {
  struct Cache {
    Mutex mutex;
    std::map<dev_t, uint32_t> sizes URING_GUARDED_BY(mutex);
  };
  static auto* cache = new Cache();
  MutexLock lock(&cache->mutex);
  const auto found = cache->sizes.find(device);
  if (found != cache->sizes.end()) {
    return found->second;
  }
  const uint32_t size = ReadLogicalBlockSize(device);
  cache->sizes.emplace(device, size);
  return size;
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
