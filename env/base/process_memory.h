// How much memory the process may use, for limits that follow the machine.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace rocksdb_uring {

// Where Linux tells of control groups; tests have files of their own.
struct ControlGroupPaths {
  std::string of_process = "/proc/self/cgroup";
  // Of version 2, and of the memory controller of version 1.
  std::string unified = "/sys/fs/cgroup";
  std::string memory = "/sys/fs/cgroup/memory";
};

// Bytes of physical memory, or the lowest limit of the control groups that the
// process is in. Reads some small files: not for hot paths.
uint64_t ProcessMemoryBytes(const ControlGroupPaths& paths = {});

}  // namespace rocksdb_uring
