// Finds out whether this process can use io_uring, and if not, why not and
// what to change.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "env/base/errno_code.h"
#include "env/ring/ring.h"

namespace rocksdb_uring {

enum class RingVerdict : uint8_t {
  kUsable,
  // Will not change while the process lives: old kernel, sysctl, seccomp.
  kRefused,
  // A limit was hit at this moment: memory, descriptors. Worth another try.
  kRefusedNow,
};

// What io_uring gives here. Plain data.
struct RingFeatures {
  RingVerdict verdict = RingVerdict::kRefused;
  // Empty when usable; else one sentence each, without a full stop.
  std::string reason;
  std::string remedy;
  // The error behind the reason; ok() if it was not a system call that failed.
  Errno error = Errno::FromErrno(0);
  // IORING_FEAT_* of the kernel.
  uint32_t kernel_features = 0;
  // IORING_SETUP_* in use.
  uint32_t setup_flags = 0;
  // Names of opcodes that the engine uses and the kernel has not.
  std::vector<std::string> missing_opcodes;
};

// Creates a small ring on the calling thread, asks the kernel for its opcodes
// and runs one operation through it (seccomp may allow the set-up and forbid
// the rest). Creates no file. Takes about 100 microseconds. Safe for
// concurrent use. The result holds for this moment and this process: resource
// limits are counted per user and may refuse later what was allowed now.
RingFeatures DetectRingFeatures();

// Runs one operation, which needs no file, through a ring with none in flight;
// if that fails, returns false and sets `*refusal`, and the ring can only be
// destroyed. Blocks for seconds if the kernel takes it and does not complete
// it.
bool TestRing(Ring* ring, RingFeatures* refusal);

// The reason and the remedy for a refused io_uring_setup or io_uring_enter.
// `call` is the name of the system call.
RingFeatures ExplainRefusal(const std::string& call, Errno error);

}  // namespace rocksdb_uring
