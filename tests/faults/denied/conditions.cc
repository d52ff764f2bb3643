// SPDX-License-Identifier: Apache-2.0

#include "tests/faults/denied/conditions.h"

#include <unistd.h>

#include <cerrno>
#include <utility>

namespace rocksdb_uring {

namespace {

constexpr char kAllow[] = "allow io_uring_setup, io_uring_enter and";
constexpr char kForbidden[] =
    "Operation not permitted (a seccomp filter or security module";
constexpr char kMemlock[] = "RLIMIT_MEMLOCK";
constexpr char kNoMemory[] = "io_uring_setup: Cannot allocate memory";
constexpr char kNewerLinux[] = "use Linux 5.12 or later";
constexpr char kSwitchOff[] = "ROCKSDB_URING=off";

std::string Deny(const std::string& call, int error) {
  return "deny=" + call + ":" + std::to_string(error);
}

// A user of its own: locked memory counts by user, and other tests may run.
std::string OtherUser(int program = 0) {
  return std::to_string(20000 + getpid() % 13000 * 3 + program);
}

std::string BecomeOtherUser(int program = 0) {
  return "user=" + OtherUser(program);
}

std::vector<std::string> LimitLockedMemory(unsigned bytes) {
  return {"memlock=" + std::to_string(bytes), "charged=" + OtherUser(2),
          BecomeOtherUser()};
}

Condition Refused(const std::string& name, const std::string& step,
                  const std::string& reason, const std::string& remedy) {
  Condition condition;
  condition.name = name;
  condition.steps = {step};
  condition.reason = reason;
  condition.remedy = remedy;
  return condition;
}

Condition Usable(const std::string& name, const std::string& step) {
  Condition condition;
  condition.name = name;
  condition.steps = {step};
  condition.served = Served::kRing;
  condition.require_fails = false;
  condition.probed = Probed::kUsable;
  condition.active = false;
  return condition;
}

// A scenario that refuses by itself, when the plugin is at work.
Condition Later(const std::string& scenario, const std::string& reason,
                const std::string& remedy) {
  Condition condition;
  condition.name = scenario;
  condition.scenario = scenario;
  condition.served = Served::kBoth;
  condition.reason = reason;
  condition.remedy = remedy;
  condition.probed = Probed::kNot;
  return condition;
}

void AddErrors(std::vector<Condition>* out) {
  const auto setup = [out](const char* name, int error, const char* reason,
                           const char* remedy) {
    out->push_back(Refused(std::string("setup_") + name,
                           Deny("io_uring_setup", error),
                           std::string("io_uring_setup: ") + reason, remedy));
  };
  setup("ENOSYS", ENOSYS, "Function not implemented", kNewerLinux);
  setup("EPERM", EPERM, kForbidden, kAllow);
  setup("EACCES", EACCES, "Permission denied (a seccomp filter", kAllow);
  setup("EINVAL", EINVAL, "Invalid argument", kSwitchOff);
  setup("ENOMEM", ENOMEM, "Cannot allocate memory", kMemlock);
  setup("EMFILE", EMFILE, "Too many open files", "RLIMIT_NOFILE");
  setup("ENFILE", ENFILE, "Too many open files in system", "fs.file-max");
  out->push_back(Refused("enter_EPERM", Deny("io_uring_enter", EPERM),
                         std::string("io_uring_enter: ") + kForbidden, kAllow));
  out->push_back(Refused("enter_ENOSYS", Deny("io_uring_enter", ENOSYS),
                         "io_uring_enter: Function not implemented",
                         kNewerLinux));
  out->push_back(Refused("register_EPERM", Deny("io_uring_register", EPERM),
                         "io_uring_register refused",
                         "allow io_uring_register"));
}

void AddKernels(std::vector<Condition>* out) {
  out->push_back(Usable("old_flags", "supervise=old_flags"));
  out->push_back(Refused("old_features", "supervise=old_features",
                         "io_uring is too old (features 0x", kNewerLinux));
  out->push_back(Refused("missing_opcodes", "supervise=missing_opcodes",
                         "lacks the operations READV, FALLOCATE", kNewerLinux));
  out->push_back(Refused("no_operation", "supervise=no_operation",
                         "accepts an operation and does not complete it",
                         kSwitchOff));
  out->push_back(Refused("no_register", "supervise=no_register",
                         "io_uring_register refused",
                         "allow io_uring_register"));
  for (const char* kernel : {"no_reads", "only_nop"}) {
    Condition condition =
        Refused(kernel, std::string("supervise=") + kernel,
                "an operation on a ring: Permission denied", kAllow);
    condition.served = Served::kBoth;
    // Rings can be made and do what needs no file.
    condition.require_fails = false;
    condition.probed = Probed::kUsable;
    condition.probe_says = {{"ring_read", "no"}};
    out->push_back(condition);
  }
}

void AddLimits(std::vector<Condition>* out) {
  Condition none = Refused("memlock_0", /*step=*/"", kNoMemory, kMemlock);
  none.steps = LimitLockedMemory(0);
  out->push_back(none);
  // Room for the ring of detection, and then something else takes it.
  Condition one = Refused("memlock_8K", /*step=*/"", kNoMemory, kMemlock);
  one.steps = LimitLockedMemory(8192);
  one.scenario = "no_memory";
  one.probed = Probed::kLimits;
  out->push_back(one);
  Condition few = Usable("memlock_64K", /*step=*/"");
  few.steps = LimitLockedMemory(65536);
  few.reason = kNoMemory;
  few.remedy = kMemlock;
  few.reason_optional = true;
  few.probed = Probed::kLimits;
  out->push_back(few);
  Condition start =
      Later("few_descriptors", "io_uring_setup: Too many open files",
            "RLIMIT_NOFILE");
  start.active = false;
  start.no_descriptors = true;
  out->push_back(start);
  start.name = start.scenario = "no_descriptors";
  out->push_back(start);
}

void AddLater(std::vector<Condition>* out) {
  const std::string enter = std::string("io_uring_enter: ") + kForbidden;
  out->push_back(Later("enter_between", enter, kAllow));
  out->push_back(Later("enter_reads", enter, kAllow));
  out->push_back(Later("enter_writes", enter, kAllow));
  Condition thread =
      Later("one_thread", std::string("io_uring_setup: ") + kForbidden, kAllow);
  thread.active = false;
  out->push_back(thread);
}

void AddFilesystems(std::vector<Condition>* out) {
  // ramfs knows neither O_DIRECT nor RWF_NOWAIT.
  Condition ramfs = Usable("no_direct_io", "mount=ramfs");
  ramfs.steps.push_back("file=mounted/000001.sst");
  ramfs.scenario = "direct_refused";
  ramfs.probe_path = "mounted/000001.sst";
  ramfs.probe_says = {
      {"direct_read", "no"}, {"nowait_read", "no"}, {"ring_read", "yes"}};
  ramfs.no_nowait = true;
  out->push_back(ramfs);
  // RWF_NOWAIT is 8, in the last of six arguments.
  Condition nowait = Usable("no_nowait", Deny("preadv2", EOPNOTSUPP) + ":5:8");
  nowait.probe_says = {{"nowait_read", "no"}, {"ring_read", "yes"}};
  nowait.no_nowait = true;
  out->push_back(nowait);
}

}  // namespace

void PrintTo(const Condition& condition, std::ostream* out) {
  *out << condition.name;
}

Condition OfSysctl(int value, std::vector<std::string> steps) {
  const std::string text = std::to_string(value);
  Condition condition =
      Refused("sysctl_" + text, /*step=*/"",
              "Operation not permitted (kernel.io_uring_disabled is " + text,
              value == 1 ? "kernel.io_uring_group"
                         : "set kernel.io_uring_disabled to 0 with sysctl");
  condition.steps = std::move(steps);
  if (value == 1) {
    // Root may.
    condition.steps.push_back(BecomeOtherUser());
  }
  return condition;
}

std::vector<std::string> StepsAgain(const std::vector<std::string>& steps) {
  std::vector<std::string> again = steps;
  for (std::string& step : again) {
    if (step.rfind("user=", 0) == 0) {
      step = BecomeOtherUser(1);
    }
  }
  return again;
}

std::vector<Condition> AllConditions() {
  std::vector<Condition> all;
  AddErrors(&all);
  AddKernels(&all);
  AddLimits(&all);
  AddLater(&all);
  AddFilesystems(&all);
  // The value as shown to this program alone, and the answer that goes with
  // it: what kernel.io_uring_disabled does, and disturbs nobody.
  for (const int value : {1, 2}) {
    Condition condition = OfSysctl(value, {"sysctl=" + std::to_string(value)});
    condition.name += "_shown";
    condition.steps.push_back(Deny("io_uring_setup", EPERM));
    all.push_back(condition);
  }
  return all;
}

}  // namespace rocksdb_uring
