// Where a comparison ran: printed above the table, because figures without it
// mean nothing.
//
// SPDX-License-Identifier: Apache-2.0
#ifndef ROCKSDB_URING_TOOLS_COMPARE_MACHINE_H_
#define ROCKSDB_URING_TOOLS_COMPARE_MACHINE_H_

#include <string>

namespace rocksdb_uring {

struct Machine {
  std::string kernel;      // "6.1.0-18-amd64 x86_64"
  std::string cpu;         // "2 x AMD EPYC"
  std::string memory;      // "24011 MiB"
  std::string filesystem;  // of the database: "ext4 on /dev/vda1"
  std::string
      load;  // load average over the last minute, when the comparison began
  std::string
      commit;  // of the source tree this program stands in, or "unknown"
};

// `path` must exist. Never fails: what cannot be told is "unknown".
Machine DescribeMachine(const std::string& path);

// CPU seconds that all programs of the machine have used since it started, time
// stolen by a hypervisor included. 0 when it cannot be told.
double MachineCpuSeconds();

// The directory that holds this program's executable.
std::string ExecutableDirectory();

}  // namespace rocksdb_uring

#endif  // ROCKSDB_URING_TOOLS_COMPARE_MACHINE_H_
