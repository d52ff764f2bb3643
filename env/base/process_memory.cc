// Physical memory, and the limits of control groups of both versions.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/base/process_memory.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>

namespace rocksdb_uring {

namespace {

struct FileCloser {
  void operator()(FILE* file) const { fclose(file); }
};
using File = std::unique_ptr<FILE, FileCloser>;

// `limit`, or the number in the file if that is lower. "max", and a file that
// does not exist, limit nothing.
uint64_t LowerLimit(const std::string& path, uint64_t limit) {
  const File file(fopen(path.c_str(), "re"));
  char text[32] = {};
  if (file == nullptr || fgets(text, sizeof(text), file.get()) == nullptr) {
    return limit;
  }
  char* end = nullptr;
  const uint64_t bytes = strtoull(text, &end, 10);
  return end != text && bytes > 0 ? std::min(limit, bytes) : limit;
}

// Of the group and all above it. In a container the path may be the host's,
// of which only the last directory, the root of the mount, is visible.
uint64_t LowestLimit(const std::string& root, std::string group,
                     const char* name, uint64_t limit) {
  for (;;) {
    limit = LowerLimit(root + group + "/" + name, limit);
    const size_t slash = group.rfind('/');
    if (slash == std::string::npos) {
      return limit;
    }
    group.resize(slash);
  }
}

// Whether the comma-separated list has the word.
bool Lists(const std::string& list, const std::string& word) {
  return ("," + list + ",").find("," + word + ",") != std::string::npos;
}

}  // namespace

uint64_t ProcessMemoryBytes(const ControlGroupPaths& paths) {
  uint64_t limit = static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) *
                   static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  const File file(fopen(paths.of_process.c_str(), "re"));
  char line[4096];
  while (file != nullptr && fgets(line, sizeof(line), file.get()) != nullptr) {
    // "hierarchy:controllers:/path"; version 2 has no controllers.
    std::string text(line);
    text.resize(text.find_last_not_of('\n') + 1);
    const size_t first = text.find(':');
    const size_t second = text.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) {
      continue;
    }
    const std::string controllers = text.substr(first + 1, second - first - 1);
    const std::string group = text.substr(second + 1);
    if (controllers.empty()) {
      limit = LowestLimit(paths.unified, group, "memory.max", limit);
    } else if (Lists(controllers, "memory")) {
      limit = LowestLimit(paths.memory, group, "memory.limit_in_bytes", limit);
    }
  }
  return limit;
}

}  // namespace rocksdb_uring
