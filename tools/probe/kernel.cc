// SPDX-License-Identifier: Apache-2.0

#include "tools/probe/kernel.h"

#include <sys/resource.h>
#include <sys/utsname.h>

#include <fstream>
#include <memory>
#include <utility>

#include "env/ring/features.h"
#include "env/ring/ring.h"

namespace rocksdb_uring {

namespace {

#ifdef ROCKSDB_URING_LIBURING_VERSION
constexpr const char* kLiburingVersion = ROCKSDB_URING_LIBURING_VERSION;
#else
constexpr const char* kLiburingVersion = "unknown";
#endif

// By bit, from 0 up: the kernel's ABI.
constexpr const char* kFeatureNames[] = {
    "single_mmap",     "nodrop",         "submit_stable",   "rw_cur_pos",
    "cur_personality", "fast_poll",      "poll_32bits",     "sqpoll_nonfixed",
    "ext_arg",         "native_workers", "rsrc_tags",       "cqe_skip",
    "linked_file",     "reg_reg_ring",   "recvsend_bundle", "min_timeout",
    "rw_attr",         "no_iowait"};
constexpr const char* kSetupFlagNames[] = {
    "iopoll",        "sqpoll",        "sq_aff",     "cqsize",
    "clamp",         "attach_wq",     "r_disabled", "submit_all",
    "coop_taskrun",  "taskrun_flag",  "sqe128",     "cqe32",
    "single_issuer", "defer_taskrun", "no_mmap",    "registered_fd_only",
    "no_sqarray",    "hybrid_iopoll", "cqe_mixed"};

template <size_t kCount>
std::vector<std::string> BitNames(uint32_t bits,
                                  const char* const (&names)[kCount]) {
  std::vector<std::string> out;
  for (size_t bit = 0; bit < 32; ++bit) {
    if ((bits >> bit & 1) != 0) {
      out.push_back(bit < kCount ? names[bit] : "bit " + std::to_string(bit));
    }
  }
  return out;
}

uint64_t SoftLimit(int resource) {
  rlimit limit = {};
  // The type of the first parameter differs between C libraries.
  if (getrlimit(static_cast<decltype(RLIMIT_NOFILE)>(resource), &limit) != 0) {
    return 0;
  }
  return limit.rlim_cur == RLIM_INFINITY ? kUnlimited : limit.rlim_cur;
}

// The value behind "name:" in /proc/self/status; empty if there is none.
std::string StatusValue(const std::string& name) {
  std::ifstream file("/proc/self/status");
  for (std::string key; file >> key;) {
    std::string value;
    if (key == name + ":") {
      file >> value;
      return value;
    }
    std::getline(file, value);
  }
  return "";
}

bool HasMemlockCapability() {
  constexpr int kCapIpcLock = 14;
  const std::string effective = StatusValue("CapEff");
  return !effective.empty() &&
         (std::stoull(effective, nullptr, 16) >> kCapIpcLock & 1) != 0;
}

}  // namespace

KernelInfo DescribeKernel() {
  KernelInfo info;
  info.liburing = kLiburingVersion;
  utsname names = {};
  if (uname(&names) == 0) {
    info.release = names.release;
    info.architecture = names.machine;
  }
  std::ifstream sysctl("/proc/sys/kernel/io_uring_disabled");
  if (!(sysctl >> info.io_uring_disabled)) {
    info.io_uring_disabled = -1;
  }
  info.memlock_bytes = SoftLimit(RLIMIT_MEMLOCK);
  info.descriptors = SoftLimit(RLIMIT_NOFILE);
  info.memlock_exempt = HasMemlockCapability();
  const std::string seccomp = StatusValue("Seccomp");
  info.seccomp = seccomp.empty() ? -1 : std::stoi(seccomp);
  return info;
}

RingTrial TryRings() {
  RingTrial trial;
  std::vector<std::unique_ptr<Ring>> rings;
  RingOptions options;
  options.entries = RingTrial::kEntries;
  while (trial.rings < RingTrial::kRingsWanted) {
    RingOrError made = CreateRing(options);
    if (made.ring == nullptr) {
      const RingFeatures refusal = ExplainRefusal("io_uring_setup", made.error);
      trial.reason = refusal.reason;
      trial.remedy = refusal.remedy;
      break;
    }
    if (made.ring->submission_entries() < options.entries) {
      ++trial.smaller;
    } else {
      trial.ring_bytes = made.ring->memory_bytes();
    }
    rings.push_back(std::move(made.ring));
    ++trial.rings;
  }
  return trial;
}

std::vector<std::string> FeatureNames(uint32_t features) {
  return BitNames(features, kFeatureNames);
}

std::vector<std::string> SetupFlagNames(uint32_t flags) {
  return BitNames(flags, kSetupFlagNames);
}

}  // namespace rocksdb_uring
