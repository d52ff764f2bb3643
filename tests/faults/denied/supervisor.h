// Another kernel, as far as a process sees of io_uring: a parent process
// answers its io_uring_setup and io_uring_register.
//
// A seccomp filter by itself sees the arguments of a call and not the memory
// that they point to, where io_uring has its flags, features and opcodes. A
// supervisor (SECCOMP_RET_USER_NOTIF) reads and writes that memory while the
// caller is stopped in its call, for all threads and across execve.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace rocksdb_uring {

// Forks. Returns in the child, supervised from now on; the parent answers until
// the child has ended and exits as it did. `kernel` is one of
//   old_flags         set-up flags of Linux 5.18 and later: EINVAL
//   old_features      no IORING_FEAT_EXT_ARG and _NATIVE_WORKERS, as
//   before 5.12 missing_opcodes   the probe lacks READV and FALLOCATE
//   no_operation      rings restricted to no operation at all
//   no_register       rings restricted to no io_uring_register
//   no_reads          rings restricted to all operations but reads
//   only_nop          rings restricted to IORING_OP_NOP
// Returns why it cannot be, in the only process; empty otherwise.
std::string SuperviseFromHere(const std::string& kernel);

}  // namespace rocksdb_uring
