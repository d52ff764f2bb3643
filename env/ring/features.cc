// What the kernel allows, and in words why it does not.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/ring/features.h"

#include <cerrno>
#include <cstdio>
#include <fstream>

#include "env/ring/liburing_ring.h"

namespace rocksdb_uring {

namespace {

struct NeededOpcode {
  int opcode;
  const char* name;
};

// All are in Linux 5.6 and later.
constexpr NeededOpcode kNeededOpcodes[] = {
    {IORING_OP_READ, "READ"},
    {IORING_OP_WRITE, "WRITE"},
    {IORING_OP_READV, "READV"},
    {IORING_OP_WRITEV, "WRITEV"},
    {IORING_OP_FSYNC, "FSYNC"},
    {IORING_OP_SYNC_FILE_RANGE, "SYNC_FILE_RANGE"},
    {IORING_OP_FALLOCATE, "FALLOCATE"},
    {IORING_OP_ASYNC_CANCEL, "ASYNC_CANCEL"},
};

// NODROP (5.5): completions are never lost. SUBMIT_STABLE (5.5): iovec arrays
// may go after submission. EXT_ARG (5.11): waits with a timeout.
// NATIVE_WORKERS (5.12): background work runs as real threads of the process;
// before it, buffered writes could be lost (MDEV-26674).
constexpr uint32_t kNeededFeatures =
    IORING_FEAT_NODROP | IORING_FEAT_SUBMIT_STABLE | IORING_FEAT_EXT_ARG |
    IORING_FEAT_NATIVE_WORKERS;

// The value of kernel.io_uring_disabled, or -1 where it does not exist. Only
// for the wording: whether io_uring works is decided by trying it.
int DisabledSysctl() {
  std::ifstream file("/proc/sys/kernel/io_uring_disabled");
  int value = -1;
  return file >> value ? value : -1;
}

RingFeatures Refuse(RingVerdict verdict, Errno error, std::string reason,
                    std::string remedy) {
  RingFeatures features;
  features.verdict = verdict;
  features.error = error;
  features.reason = std::move(reason);
  features.remedy = std::move(remedy);
  return features;
}

RingFeatures ExplainPermission(const std::string& call, Errno error) {
  const int disabled = DisabledSysctl();
  const std::string failed = call + ": " + error.message();
  if (disabled == 1 || disabled == 2) {
    return Refuse(RingVerdict::kRefused, error,
                  failed + " (kernel.io_uring_disabled is " +
                      std::to_string(disabled) + ")",
                  disabled == 2
                      ? "set kernel.io_uring_disabled to 0 with sysctl"
                      : "set kernel.io_uring_disabled to 0 with sysctl, or put "
                        "the process's group into kernel.io_uring_group");
  }
  return Refuse(RingVerdict::kRefused, error,
                failed + " (a seccomp filter or security module forbids it)",
                "allow io_uring_setup, io_uring_enter and io_uring_register in "
                "the container's seccomp profile or security policy");
}

bool CheckOpcodes(LiburingRing* ring, RingFeatures* features) {
  io_uring_probe* probe = io_uring_get_probe_ring(ring->raw());
  if (probe == nullptr) {
    *features = Refuse(
        RingVerdict::kRefused, Errno::FromErrno(0),
        "the kernel does not report which io_uring operations it supports "
        "(io_uring_register refused)",
        "use Linux 5.12 or later, and allow io_uring_register");
    return false;
  }
  for (const NeededOpcode& needed : kNeededOpcodes) {
    if (!io_uring_opcode_supported(probe, needed.opcode)) {
      features->missing_opcodes.emplace_back(needed.name);
    }
  }
  io_uring_free_probe(probe);
  if (features->missing_opcodes.empty()) {
    return true;
  }
  std::string names;
  for (const std::string& name : features->missing_opcodes) {
    names += (names.empty() ? "" : ", ") + name;
  }
  features->verdict = RingVerdict::kRefused;
  features->reason = "the kernel's io_uring lacks the operations " + names;
  features->remedy = "use Linux 5.12 or later";
  return false;
}

}  // namespace

RingFeatures ExplainRefusal(const std::string& call, Errno error) {
  const std::string failed = call + ": " + error.message();
  switch (error.value()) {
    case ENOSYS:
      return Refuse(RingVerdict::kRefused, error,
                    failed +
                        " (kernel without io_uring, or a sandbox hides "
                        "it)",
                    "use Linux 5.12 or later with CONFIG_IO_URING, or allow "
                    "io_uring in the sandbox");
    case EPERM:
    case EACCES:
      return ExplainPermission(call, error);
    case ENOMEM:
      return Refuse(RingVerdict::kRefusedNow, error,
                    failed +
                        " (locked-memory limit of the user, or memory of "
                        "the control group)",
                    "raise RLIMIT_MEMLOCK (ulimit -l, LimitMEMLOCK=) or lower "
                    "the option rings_max");
    case EMFILE:
      return Refuse(RingVerdict::kRefusedNow, error,
                    failed + " (descriptor limit of the process)",
                    "raise RLIMIT_NOFILE (ulimit -n, LimitNOFILE=)");
    case ENFILE:
      return Refuse(RingVerdict::kRefusedNow, error,
                    failed + " (descriptor limit of the system)",
                    "raise fs.file-max with sysctl");
    default:
      return Refuse(RingVerdict::kRefused, error, failed,
                    "look the error up in io_uring_setup(2) and "
                    "io_uring_enter(2), or set ROCKSDB_URING=off");
  }
}

bool TestRing(Ring* ring, RingFeatures* refusal) {
  RingRequest nop;
  nop.user_data = 1;
  ring->Prepare(nop);
  const int submitted = ring->Submit();
  if (submitted < 0) {
    *refusal = ExplainRefusal("io_uring_enter", Errno::FromResult(submitted));
    return false;
  }
  constexpr uint64_t kPatienceUs = 5 * 1000 * 1000;
  int waited = 0;
  do {
    waited = ring->Wait(1, kPatienceUs);
  } while (waited == -EINTR);
  RingCompletion completion;
  if (waited < 0 || ring->Reap(&completion, 1) != 1 ||
      completion.user_data != 1 || completion.result != 0) {
    *refusal = Refuse(RingVerdict::kRefused, Errno::FromResult(waited),
                      "io_uring accepts an operation and does not complete it",
                      "use another kernel, or set ROCKSDB_URING=off");
    return false;
  }
  return true;
}

RingFeatures DetectRingFeatures() {
  Errno error = Errno::FromErrno(0);
  RingOptions options;
  options.entries = 8;
  std::unique_ptr<LiburingRing> ring = LiburingRing::Create(options, &error);
  if (ring == nullptr) {
    return ExplainRefusal("io_uring_setup", error);
  }
  RingFeatures features;
  features.kernel_features = ring->params().features;
  features.setup_flags = ring->params().flags;
  if ((features.kernel_features & kNeededFeatures) != kNeededFeatures) {
    char hex[16];
    snprintf(hex, sizeof(hex), "0x%x", features.kernel_features);
    features.reason =
        std::string("the kernel's io_uring is too old (features ") + hex + ")";
    features.remedy = "use Linux 5.12 or later";
    return features;
  }
  if (!CheckOpcodes(ring.get(), &features)) {
    return features;
  }
  RingFeatures failure;
  if (!TestRing(ring.get(), &failure)) {
    failure.kernel_features = features.kernel_features;
    failure.setup_flags = features.setup_flags;
    return failure;
  }
  features.verdict = RingVerdict::kUsable;
  return features;
}

}  // namespace rocksdb_uring
