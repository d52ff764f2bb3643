// SPDX-License-Identifier: Apache-2.0

#include "tests/faults/denied/supervisor.h"

#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "env/base/file_descriptor.h"
#include "tests/faults/denied/seccomp_filter.h"

namespace rocksdb_uring {

namespace {

// Those of Linux 5.17.
constexpr uint32_t kOldSetupFlags =
    IORING_SETUP_IOPOLL | IORING_SETUP_SQPOLL | IORING_SETUP_SQ_AFF |
    IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP | IORING_SETUP_ATTACH_WQ |
    IORING_SETUP_R_DISABLED;

// What io_uring_register(2) allows at most.
constexpr unsigned kOpcodes = 256;

int Setup(unsigned entries, io_uring_params* params) {
  return static_cast<int>(syscall(__NR_io_uring_setup, entries, params));
}

int Register(int ring, unsigned opcode, void* argument, unsigned count) {
  return static_cast<int>(
      syscall(__NR_io_uring_register, ring, opcode, argument, count));
}

class Supervisor {
 public:
  Supervisor(std::string kernel, int listener)
      : kernel_(std::move(kernel)), listener_(listener) {}

  static bool Knows(const std::string& kernel) {
    for (const char* known :
         {"old_flags", "old_features", "missing_opcodes", "no_operation",
          "no_register", "no_reads", "only_nop"}) {
      if (kernel == known) {
        return true;
      }
    }
    return false;
  }

  // Answers one call.
  void Serve() {
    seccomp_notif call = {};
    if (ioctl(listener_, SECCOMP_IOCTL_NOTIF_RECV, &call) != 0) {
      return;
    }
    if (call.data.nr == __NR_io_uring_setup) {
      AnswerSetup(call);
    } else if (kernel_ == "missing_opcodes" &&
               call.data.args[1] == IORING_REGISTER_PROBE) {
      AnswerProbe(call);
    } else {
      LetPass(call);
    }
  }

 private:
  void AnswerSetup(const seccomp_notif& call) {
    io_uring_params params = {};
    if (!Read(call, call.data.args[1], &params, sizeof(params))) {
      Fail(call, EFAULT);
    } else if (kernel_ == "missing_opcodes") {
      LetPass(call);
    } else if (kernel_ == "old_flags") {
      if ((params.flags & ~kOldSetupFlags) != 0) {
        Fail(call, EINVAL);
      } else {
        LetPass(call);
      }
    } else {
      GiveRing(call, params);
    }
  }

  // A ring that is made here and handed to the caller.
  void GiveRing(const seccomp_notif& call, io_uring_params params) {
    const bool restricted = kernel_ != "old_features";
    params.flags |= restricted ? IORING_SETUP_R_DISABLED : 0;
    const FileDescriptor ring(
        Setup(static_cast<unsigned>(call.data.args[0]), &params));
    if (!ring.valid() || (restricted && !Restrict(ring.get()))) {
      Fail(call, errno);
      return;
    }
    if (restricted) {
      params.flags &= ~IORING_SETUP_R_DISABLED;
    } else {
      params.features &= ~(IORING_FEAT_EXT_ARG | IORING_FEAT_NATIVE_WORKERS);
    }
    if (!Write(call, call.data.args[1], &params, sizeof(params))) {
      Fail(call, EFAULT);
      return;
    }
    seccomp_notif_addfd give = {};
    give.id = call.id;
    give.flags = SECCOMP_ADDFD_FLAG_SEND;
    give.srcfd = static_cast<uint32_t>(ring.get());
    give.newfd_flags = O_CLOEXEC;
    if (ioctl(listener_, SECCOMP_IOCTL_NOTIF_ADDFD, &give) < 0) {
      Fail(call, errno);
    }
  }

  bool Allows(unsigned opcode) const {
    if (kernel_ == "no_reads") {
      return opcode != IORING_OP_READ && opcode != IORING_OP_READV;
    }
    return kernel_ == "only_nop" ? opcode == IORING_OP_NOP
                                 : kernel_ != "no_operation";
  }

  bool Restrict(int ring) const {
    std::vector<io_uring_restriction> allowed;
    io_uring_restriction one = {};
    if (kernel_ != "no_register") {
      one.opcode = IORING_RESTRICTION_REGISTER_OP;
      one.register_op = IORING_REGISTER_PROBE;
      allowed.push_back(one);
    }
    one = {};
    one.opcode = IORING_RESTRICTION_SQE_OP;
    for (unsigned opcode = 0; opcode < IORING_OP_OPENAT2; ++opcode) {
      one.sqe_op = static_cast<uint8_t>(opcode);
      if (Allows(opcode)) {
        allowed.push_back(one);
      }
    }
    return Register(ring, IORING_REGISTER_RESTRICTIONS, allowed.data(),
                    static_cast<unsigned>(allowed.size())) == 0 &&
           Register(ring, IORING_REGISTER_ENABLE_RINGS, nullptr, 0) == 0;
  }

  void AnswerProbe(const seccomp_notif& call) {
    io_uring_params params = {};
    const FileDescriptor ring(Setup(1, &params));
    const uint64_t opcodes = call.data.args[3];
    std::vector<uint64_t> memory(
        (sizeof(io_uring_probe) + kOpcodes * sizeof(io_uring_probe_op)) /
        sizeof(uint64_t));
    auto* const probe = reinterpret_cast<io_uring_probe*>(memory.data());
    if (!ring.valid() || opcodes > kOpcodes ||
        Register(ring.get(), IORING_REGISTER_PROBE, probe,
                 static_cast<unsigned>(opcodes)) != 0) {
      Fail(call, EINVAL);
      return;
    }
    for (const int opcode : {IORING_OP_READV, IORING_OP_FALLOCATE}) {
      probe->ops[opcode].flags &= static_cast<uint16_t>(~IO_URING_OP_SUPPORTED);
    }
    const size_t size =
        sizeof(io_uring_probe) + opcodes * sizeof(io_uring_probe_op);
    if (!Write(call, call.data.args[2], probe, size)) {
      Fail(call, EFAULT);
      return;
    }
    seccomp_notif_resp answer = {};
    answer.id = call.id;
    Send(&answer);
  }

  void LetPass(const seccomp_notif& call) {
    seccomp_notif_resp answer = {};
    answer.id = call.id;
    answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    Send(&answer);
  }

  void Fail(const seccomp_notif& call, int error) {
    seccomp_notif_resp answer = {};
    answer.id = call.id;
    answer.error = -error;
    Send(&answer);
  }

  // Fails only if the caller is gone.
  void Send(seccomp_notif_resp* answer) {
    (void)ioctl(listener_, SECCOMP_IOCTL_NOTIF_SEND, answer);
  }

  static bool Read(const seccomp_notif& call, uint64_t address, void* to,
                   size_t size) {
    const iovec ours = {to, size};
    const iovec theirs = {reinterpret_cast<void*>(address), size};
    return process_vm_readv(static_cast<pid_t>(call.pid), &ours, 1, &theirs, 1,
                            0) == static_cast<ssize_t>(size);
  }
  static bool Write(const seccomp_notif& call, uint64_t address,
                    const void* from, size_t size) {
    const iovec ours = {const_cast<void*>(from), size};
    const iovec theirs = {reinterpret_cast<void*>(address), size};
    return process_vm_writev(static_cast<pid_t>(call.pid), &ours, 1, &theirs, 1,
                             0) == static_cast<ssize_t>(size);
  }

  const std::string kernel_;
  const int listener_;
};

// In the parent: never returns.
[[noreturn]] void ServeUntilGone(const std::string& kernel, pid_t child,
                                 int child_pidfd, int listener) {
  Supervisor supervisor(kernel, listener);
  pollfd events[] = {{listener, POLLIN, 0}, {child_pidfd, POLLIN, 0}};
  while ((events[1].revents & POLLIN) == 0) {
    if (poll(events, 2, -1) > 0 && (events[0].revents & POLLIN) != 0) {
      supervisor.Serve();
    }
  }
  int status = 0;
  waitpid(child, &status, 0);
  _exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

}  // namespace

std::string SuperviseFromHere(const std::string& kernel) {
  if (!Supervisor::Knows(kernel)) {
    return "no such kernel: " + kernel;
  }
  int to_parent[2];
  int to_child[2];
  if (pipe(to_parent) != 0 || pipe(to_child) != 0) {
    return std::string("pipe: ") + strerror(errno);
  }
  const pid_t child = fork();
  if (child < 0) {
    return std::string("fork: ") + strerror(errno);
  }
  int listener = -1;
  if (child == 0) {
    // It must not outlive a supervisor that was killed.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const std::string why = HandOver(&listener);
    char go = 0;
    const bool told =
        write(to_parent[1], &listener, sizeof(listener)) == sizeof(listener) &&
        read(to_child[0], &go, 1) == 1;
    for (const int fd :
         {to_parent[0], to_parent[1], to_child[0], to_child[1]}) {
      close(fd);
    }
    return told || !why.empty() ? why : "the supervisor has gone";
  }
  const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, child, 0));
  if (read(to_parent[0], &listener, sizeof(listener)) == sizeof(listener) &&
      listener >= 0) {
    listener = static_cast<int>(syscall(SYS_pidfd_getfd, pidfd, listener, 0));
  }
  close(to_parent[0]);
  close(to_parent[1]);
  close(to_child[0]);
  if (write(to_child[1], "", 1) != 1) {
    _exit(1);
  }
  close(to_child[1]);
  ServeUntilGone(kernel, child, pidfd, listener);
}

}  // namespace rocksdb_uring
