// SPDX-License-Identifier: Apache-2.0

#include "tools/probe/storage.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <fstream>
#include <sstream>

namespace rocksdb_uring {

namespace {

// Newer than the C library's headers on some systems; the values are the
// kernel's ABI.
constexpr unsigned kStatxMountId = 0x1000;
constexpr unsigned kStatxDirectAlign = 0x2000;

std::string DeviceNumber(unsigned major, unsigned minor) {
  return std::to_string(major) + ":" + std::to_string(minor);
}

struct Mount {
  std::string id, device, options, type, source;
};

// "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw"
bool ParseMount(const std::string& line, Mount* mount) {
  const size_t dash = line.find(" - ");
  if (dash == std::string::npos) {
    return false;
  }
  std::string parent, root, point;
  std::istringstream head(line.substr(0, dash));
  std::istringstream tail(line.substr(dash + 3));
  head >> mount->id >> parent >> mount->device >> root >> point >>
      mount->options;
  tail >> mount->type >> mount->source;
  return !mount->type.empty();
}

// By the mount's number if the kernel tells it (5.8), else by the device: on
// btrfs and overlayfs a file's device is not that of its mount.
void FindMount(const struct statx& info, Storage* storage) {
  const std::string id = (info.stx_mask & kStatxMountId) != 0
                             ? std::to_string(info.stx_mnt_id)
                             : "";
  std::ifstream file("/proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    Mount mount;
    if (ParseMount(line, &mount) &&
        (id.empty() ? mount.device == storage->device : mount.id == id)) {
      storage->filesystem = mount.type;
      storage->source = mount.source;
      storage->device = mount.device;
      storage->read_only = mount.options.compare(0, 2, "ro") == 0;
      return;
    }
  }
}

// A partition has no queue of its own: its disk's is one level up.
uint32_t LogicalBlockBytes(const std::string& device) {
  const std::string base = "/sys/dev/block/" + device;
  for (const char* queue : {"/queue/", "/../queue/"}) {
    std::ifstream file(base + queue + "logical_block_size");
    uint32_t bytes = 0;
    if (file >> bytes) {
      return bytes;
    }
  }
  return 0;
}

void ReadDirectAlign(const struct statx& info, Storage* storage) {
#ifdef STATX_DIOALIGN
  if ((info.stx_mask & kStatxDirectAlign) != 0) {
    storage->dio_align_told = true;
    storage->dio_memory_align = info.stx_dio_mem_align;
    storage->dio_offset_align = info.stx_dio_offset_align;
  }
#else
  (void)info;
  (void)storage;
#endif
}

}  // namespace

Storage DescribeStorage(const std::string& path) {
  Storage storage;
  storage.filesystem = "unknown";
  storage.source = "unknown";
  struct statx info = {};
  if (statx(AT_FDCWD, path.c_str(), 0,
            STATX_BASIC_STATS | kStatxMountId | kStatxDirectAlign,
            &info) != 0) {
    return storage;
  }
  storage.device = DeviceNumber(info.stx_dev_major, info.stx_dev_minor);
  FindMount(info, &storage);
  storage.logical_block_bytes = LogicalBlockBytes(storage.device);
  ReadDirectAlign(info, &storage);
  return storage;
}

}  // namespace rocksdb_uring
