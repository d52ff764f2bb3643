// What the kernel and the limits of this process allow.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace rocksdb_uring {

// No limit.
constexpr uint64_t kUnlimited = UINT64_MAX;

struct KernelInfo {
  std::string release;         // "6.1.0-18-amd64"
  std::string architecture;    // "x86_64"
  std::string liburing;        // version that is compiled in, or "unknown"
  int io_uring_disabled = -1;  // the sysctl; -1 where it does not exist
  uint64_t memlock_bytes = 0;  // RLIMIT_MEMLOCK, soft; or kUnlimited
  uint64_t descriptors = 0;    // RLIMIT_NOFILE, soft; or kUnlimited
  // CAP_IPC_LOCK: RLIMIT_MEMLOCK does not bind this process.
  bool memlock_exempt = false;
  // 0 none, 1 strict, 2 filter; -1 if /proc does not tell.
  int seccomp = -1;
};

KernelInfo DescribeKernel();

// How many rings of 64 entries can be had at this moment.
struct RingTrial {
  static constexpr size_t kRingsWanted = 64;
  static constexpr unsigned kEntries = 64;

  size_t rings = 0;
  // Of them, rings that the kernel gave with fewer entries.
  size_t smaller = 0;
  // Memory of one ring, as it counts against RLIMIT_MEMLOCK; 0 if none.
  size_t ring_bytes = 0;
  // Why there was no further one; empty if there was.
  std::string reason;
  std::string remedy;
};

// Creates the rings and destroys them again.
RingTrial TryRings();

// Names of IORING_FEAT_* and IORING_SETUP_* bits, in lower case; bits without
// a name come out as "bit N".
std::vector<std::string> FeatureNames(uint32_t features);
std::vector<std::string> SetupFlagNames(uint32_t flags);

}  // namespace rocksdb_uring
