// System calls of this process that are refused from now on, for real.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace rocksdb_uring {

enum class FilterScope {
  kThread,   // the calling thread, and those that it starts
  kProcess,  // all threads that there are, and those to come
};

struct RefusedCall {
  std::string name;  // as "io_uring_setup"
  int error = 0;     // its errno
  // Refused only where all bits of `mask` are set in this argument; all calls
  // if `mask` is 0.
  unsigned argument = 0;
  uint64_t mask = 0;
};

// Cannot be taken back, and goes on in programs that the process executes.
// Returns why it cannot be; empty if it holds.
std::string Refuse(const RefusedCall& call, FilterScope scope);

// Has a supervisor answer io_uring_setup and io_uring_register of the calling
// thread, and of those that it starts. Sets the descriptor that the supervisor
// listens on. Returns as Refuse.
std::string HandOver(int* listener);

}  // namespace rocksdb_uring
