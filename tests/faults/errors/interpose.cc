// Replacements for libc's functions that write, resize, sync and close files.
// The dynamic linker prefers the executable's definitions for every library of
// the process, so the injector can make any of these calls fail.
//
// Syncs without a fault succeed without reaching the device. No test here
// simulates a power failure, and the full matrix makes thousands of databases.
//
// SPDX-License-Identifier: Apache-2.0

// The headers must declare the functions and define none of them.
#undef _FORTIFY_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>

#include "tests/faults/errors/injector.h"
#include "tests/support/engine/interposed.h"

namespace rocksdb_uring {
namespace {

// Whether the call has failed, with errno set.
bool Fails(Operation operation, int fd) {
  const int error =
      Injector::Instance()->Take(operation, fd, Seam::kSystemCall);
  if (error != 0) {
    errno = error;
  }
  return error != 0;
}

}  // namespace
}  // namespace rocksdb_uring

using rocksdb_uring::Fails;
using rocksdb_uring::Next;
using rocksdb_uring::Operation;

// Defines the function `name`. `parameters` and `arguments` include the
// parentheses; `exceptions` is noexcept where libc declares it so.
#define INTERPOSE(operation, type, name, parameters, exceptions, arguments) \
  INTERPOSED type name parameters exceptions {                              \
    static auto* const next = Next<type parameters>(#name);                 \
    return Fails(Operation::operation, fd) ? -1 : next arguments;           \
  }

extern "C" {

INTERPOSE(kAppend, ssize_t, write, (int fd, const void* data, size_t size), ,
          (fd, data, size))
INTERPOSE(kAppend, ssize_t, writev, (int fd, const iovec* iov, int count), ,
          (fd, iov, count))
INTERPOSE(kAppend, ssize_t, pwrite,
          (int fd, const void* data, size_t size, off_t offset), ,
          (fd, data, size, offset))
INTERPOSE(kAppend, ssize_t, pwrite64,
          (int fd, const void* data, size_t size, off64_t offset), ,
          (fd, data, size, offset))
INTERPOSE(kAppend, ssize_t, pwritev,
          (int fd, const iovec* iov, int count, off_t offset), ,
          (fd, iov, count, offset))
INTERPOSE(kAppend, ssize_t, pwritev64,
          (int fd, const iovec* iov, int count, off64_t offset), ,
          (fd, iov, count, offset))
INTERPOSE(kAppend, ssize_t, pwritev2,
          (int fd, const iovec* iov, int count, off_t offset, int flags), ,
          (fd, iov, count, offset, flags))
INTERPOSE(kAppend, ssize_t, pwritev64v2,
          (int fd, const iovec* iov, int count, off64_t offset, int flags), ,
          (fd, iov, count, offset, flags))

INTERPOSE(kTruncate, int, ftruncate, (int fd, off_t size), noexcept, (fd, size))
INTERPOSE(kTruncate, int, ftruncate64, (int fd, off64_t size), noexcept,
          (fd, size))
INTERPOSE(kAllocate, int, fallocate,
          (int fd, int mode, off_t offset, off_t length), ,
          (fd, mode, offset, length))
INTERPOSE(kAllocate, int, fallocate64,
          (int fd, int mode, off64_t offset, off64_t length), ,
          (fd, mode, offset, length))

INTERPOSED int fsync(int fd) { return Fails(Operation::kSync, fd) ? -1 : 0; }

INTERPOSED int fdatasync(int fd) {
  return Fails(Operation::kDataSync, fd) ? -1 : 0;
}

INTERPOSED int sync_file_range(int fd, off64_t offset, off64_t length,
                               unsigned flags) {
  // Both file systems test with a call of zeros whether the kernel supports
  // the function.
  const bool probe = offset == 0 && length == 0 && flags == 0;
  return !probe && Fails(Operation::kRangeSync, fd) ? -1 : 0;
}

INTERPOSED int close(int fd) {
  static auto* const next = Next<int(int)>("close");
  // Linux releases the descriptor even if close fails.
  const int error = rocksdb_uring::Injector::Instance()->Take(
      Operation::kClose, fd, rocksdb_uring::Seam::kSystemCall);
  const int result = next(fd);
  if (error != 0) {
    errno = error;
    return -1;
  }
  return result;
}

// Shortens the second for which RocksDB sleeps after a failed background job.
INTERPOSED int usleep(useconds_t time_us) {
  static auto* const next = Next<int(useconds_t)>("usleep");
  constexpr useconds_t kTimeMax = 100;
  return next(time_us < kTimeMax ? time_us : kTimeMax);
}

}  // extern "C"
