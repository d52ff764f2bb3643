// For test programs that define functions of libc: the dynamic linker prefers
// an executable's definitions for every library of the process.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>

// Of a definition that replaces libc's.
#define INTERPOSED __attribute__((visibility("default")))

namespace rocksdb_uring {

// libc's function, or the sanitizer's wrapper of it.
template <typename Function>
Function* Next(const char* name) {
  void* const found = dlsym(RTLD_NEXT, name);
  if (found == nullptr) {
    fprintf(stderr, "libc has no %s\n", name);
    abort();
  }
  return reinterpret_cast<Function*>(found);
}

}  // namespace rocksdb_uring
