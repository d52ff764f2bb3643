// denied_test_launch DIRECTORY STEP... -- PROGRAM ARGUMENTS...
//
// Runs a program in DIRECTORY under a condition that it makes for real, step by
// step:
//   mount=TYPE               a filesystem of this type at ./mounted, seen by
//   the
//                            program alone
//   file=PATH                a file of 8 KiB
//   sysctl=VALUE             kernel.io_uring_disabled reads as VALUE
//   memlock=BYTES            RLIMIT_MEMLOCK
//   charged=NUMBER           nothing, where the kernel charges this user's
//                            rings to that limit
//   user=NUMBER              this user, without a group and a capability
//   deny=CALL:ERRNO          the system call fails
//   deny=CALL:ERRNO:N:MASK   it fails where argument N has all bits of MASK
//   supervise=KERNEL         see supervisor.h; the last step
// Says what cannot be made real, and exits with 77 then.
//
// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "env/ring/ring.h"
#include "tests/faults/denied/launch.h"
#include "tests/faults/denied/seccomp_filter.h"
#include "tests/faults/denied/supervisor.h"

extern char** environ;

namespace rocksdb_uring {
namespace {

constexpr char kSysctl[] = "/proc/sys/kernel/io_uring_disabled";

std::string Failure(const std::string& what) {
  return what + ": " + strerror(errno);
}

// Mounts are this process's own from here on. In a chroot / is no mount
// (EINVAL), and nothing to keep to oneself.
std::string OwnMounts() {
  if (unshare(CLONE_NEWNS) != 0 ||
      (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 &&
       errno != EINVAL)) {
    return Failure("mounts of its own, which take root");
  }
  return "";
}

std::string Mount(const std::string& type) {
  std::string why = OwnMounts();
  if (why.empty() &&
      ((mkdir("mounted", 0755) != 0 && errno != EEXIST) ||
       mount("none", "mounted", type.c_str(), 0, nullptr) != 0)) {
    why = Failure("a mount of " + type);
  }
  return why;
}

std::string MakeFile(const std::string& path) {
  std::ofstream file(path);
  file << std::string(8192, 'x');
  file.close();
  return file ? "" : Failure(path);
}

std::string ShowSysctl(const std::string& value) {
  std::ofstream("io_uring_disabled") << value << "\n";
  std::string why = OwnMounts();
  if (why.empty() &&
      mount("io_uring_disabled", kSysctl, nullptr, MS_BIND, nullptr) != 0) {
    why = Failure(std::string("a mount over ") + kSysctl);
  }
  return why;
}

std::string LimitLockedMemory(uint64_t bytes) {
  const rlimit limit = {bytes, bytes};
  return setrlimit(RLIMIT_MEMLOCK, &limit) == 0 ? ""
                                                : Failure("RLIMIT_MEMLOCK");
}

std::string BecomeUser(unsigned user) {
  if (chown(".", user, user) != 0 || setgroups(0, nullptr) != 0 ||
      setresgid(user, user, user) != 0 || setresuid(user, user, user) != 0) {
    return Failure("another user, which takes root");
  }
  return "";
}

// Whether rings of all memory that is allowed, and more, can be made.
bool AreRingsFree() {
  rlimit limit = {};
  getrlimit(RLIMIT_MEMLOCK, &limit);
  std::vector<std::unique_ptr<Ring>> rings;
  for (uint64_t bytes = 0; bytes <= 2 * limit.rlim_cur;) {
    RingOrError made = CreateRing(RingOptions());
    if (made.ring == nullptr) {
      return false;
    }
    bytes += made.ring->memory_bytes();
    rings.push_back(std::move(made.ring));
  }
  return true;
}

// In a process and with a user of its own: the kernel takes rings off a user's
// account late.
std::string CheckCharged(unsigned user) {
  const pid_t child = fork();
  if (child == 0) {
    // What else is wrong the steps that follow will meet, too.
    _exit(BecomeUser(user).empty() && AreRingsFree() ? kExitNotReal : 0);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) {
    return Failure("a process that makes rings");
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == kExitNotReal ? kNotCharged
                                                                  : "";
}

std::string Deny(const std::string& text) {
  std::istringstream words(text);
  RefusedCall call;
  std::string word;
  std::getline(words, call.name, ':');
  if (std::getline(words, word, ':')) {
    call.error = atoi(word.c_str());
  }
  if (std::getline(words, word, ':')) {
    call.argument = static_cast<unsigned>(atoi(word.c_str()));
  }
  if (std::getline(words, word, ':')) {
    call.mask = strtoull(word.c_str(), nullptr, 10);
  }
  return Refuse(call, FilterScope::kProcess);
}

std::string Make(const std::string& step) {
  const size_t equals = step.find('=');
  const std::string name = step.substr(0, equals);
  const std::string value =
      equals == std::string::npos ? "" : step.substr(equals + 1);
  if (name == "mount") {
    return Mount(value);
  }
  if (name == "file") {
    return MakeFile(value);
  }
  if (name == "sysctl") {
    return ShowSysctl(value);
  }
  if (name == "memlock") {
    return LimitLockedMemory(strtoull(value.c_str(), nullptr, 10));
  }
  if (name == "charged") {
    return CheckCharged(static_cast<unsigned>(atoi(value.c_str())));
  }
  if (name == "user") {
    return BecomeUser(static_cast<unsigned>(atoi(value.c_str())));
  }
  if (name == "deny") {
    return Deny(value);
  }
  return name == "supervise" ? SuperviseFromHere(value)
                             : "no such step: " + step;
}

int Main(int argc, char** argv) {
  int program = 2;
  while (program < argc && strcmp(argv[program], "--") != 0) {
    ++program;
  }
  if (program + 1 >= argc) {
    return 2;
  }
  // By descriptor: another user need not reach its path.
  const int file = open(argv[program + 1], O_RDONLY | O_CLOEXEC);
  if (file < 0 || chdir(argv[1]) != 0) {
    perror(file < 0 ? argv[program + 1] : argv[1]);
    return 1;
  }
  for (int i = 2; i < program; ++i) {
    const std::string why = Make(argv[i]);
    if (!why.empty()) {
      fprintf(stderr, "%s: %s\n", argv[i], why.c_str());
      return kExitNotReal;
    }
  }
  fexecve(file, argv + program + 1, environ);
  perror("fexecve");
  return 1;
}

}  // namespace
}  // namespace rocksdb_uring

int main(int argc, char** argv) { return rocksdb_uring::Main(argc, argv); }
