// SPDX-License-Identifier: Apache-2.0

#include "tests/faults/denied/seccomp_filter.h"

#include <seccomp.h>

#include <cerrno>
#include <cstring>
#include <memory>

namespace rocksdb_uring {

namespace {

struct Release {
  void operator()(void* filter) const { seccomp_release(filter); }
};
using Filter = std::unique_ptr<void, Release>;

std::string Failure(const std::string& what, int result) {
  return result >= 0 ? std::string() : what + ": " + strerror(-result);
}

Filter AllowAll() { return Filter(seccomp_init(SCMP_ACT_ALLOW)); }

}  // namespace

std::string Refuse(const RefusedCall& call, FilterScope scope) {
  const Filter filter = AllowAll();
  const int number = seccomp_syscall_resolve_name(call.name.c_str());
  if (filter == nullptr || number == __NR_SCMP_ERROR) {
    return "no filter for the system call " + call.name;
  }
  const uint32_t action = SCMP_ACT_ERRNO(static_cast<uint32_t>(call.error));
  const scmp_arg_cmp condition = {call.argument, SCMP_CMP_MASKED_EQ, call.mask,
                                  call.mask};
  int result =
      call.mask == 0
          ? seccomp_rule_add_array(filter.get(), action, number, 0, nullptr)
          : seccomp_rule_add_array(filter.get(), action, number, 1, &condition);
  if (result == 0 && scope == FilterScope::kProcess) {
    result = seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1);
  }
  if (result == 0) {
    result = seccomp_load(filter.get());
  }
  return Failure("a filter for " + call.name, result);
}

std::string HandOver(int* listener) {
  const Filter filter = AllowAll();
  int result = filter == nullptr ? -ENOMEM : 0;
  for (const char* name : {"io_uring_setup", "io_uring_register"}) {
    if (result == 0) {
      result = seccomp_rule_add_array(filter.get(), SCMP_ACT_NOTIFY,
                                      seccomp_syscall_resolve_name(name), 0,
                                      nullptr);
    }
  }
  if (result == 0) {
    result = seccomp_load(filter.get());
  }
  if (result == 0) {
    *listener = seccomp_notify_fd(filter.get());
    result = *listener;
  }
  return Failure("a filter that asks a supervisor", result);
}

}  // namespace rocksdb_uring
