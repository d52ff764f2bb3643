// SPDX-License-Identifier: Apache-2.0

#include "tools/compare/device.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

namespace rocksdb_uring {

std::string DeviceNumber(const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0) return "";
  return std::to_string(major(info.st_dev)) + ":" +
         std::to_string(minor(info.st_dev));
}

DeviceOperations CountOperations(const std::string& device_number) {
  std::ifstream file("/proc/diskstats");
  return ParseDiskStats(&file, device_number);
}

// A line: major minor name reads merged sectors ms writes ...
DeviceOperations ParseDiskStats(std::istream* stream,
                                const std::string& device_number) {
  for (std::string line; std::getline(*stream, line);) {
    std::istringstream fields(line);
    std::string major_number, minor_number, name;
    double reads = 0, merged = 0, sectors = 0, ms = 0, writes = 0;
    fields >> major_number >> minor_number >> name >> reads >> merged >>
        sectors >> ms >> writes;
    if (major_number + ":" + minor_number != device_number) continue;
    return {reads, writes};
  }
  return {};
}

void FlushFilesystem(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  syncfs(fd);
  close(fd);
}

}  // namespace rocksdb_uring
