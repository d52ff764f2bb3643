// The system calls of the POSIX engine, each with its negated errno.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/engine/system_calls.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <string>

namespace rocksdb_uring {

namespace {

// Read at once, by the thread that made the call: whatever runs before may
// change errno.
int64_t OrNegatedErrno(int64_t result) { return result < 0 ? -errno : result; }

}  // namespace

SystemCalls* SystemCalls::Default() {
  // Never destroyed: files may outlive static objects.
  static auto* calls = new SystemCalls();
  return calls;
}

int64_t SystemCalls::Pread(int fd, void* buffer, size_t size, uint64_t offset) {
  return OrNegatedErrno(::pread(fd, buffer, size, static_cast<off_t>(offset)));
}

int64_t SystemCalls::PreadNoWait(int fd, void* buffer, size_t size,
                                 uint64_t offset) {
  if (offset == UINT64_MAX) {
    // preadv2 would read at the position of the descriptor.
    return -EINVAL;
  }
  const iovec iov = {buffer, size};
  return OrNegatedErrno(
      ::preadv2(fd, &iov, 1, static_cast<off_t>(offset), RWF_NOWAIT));
}

int64_t SystemCalls::Preadv(int fd, const iovec* iov, int count,
                            uint64_t offset) {
  return OrNegatedErrno(::preadv(fd, iov, count, static_cast<off_t>(offset)));
}

int64_t SystemCalls::Pwrite(int fd, const void* buffer, size_t size,
                            uint64_t offset) {
  return OrNegatedErrno(::pwrite(fd, buffer, size, static_cast<off_t>(offset)));
}

int64_t SystemCalls::Pwritev(int fd, const iovec* iov, int count,
                             uint64_t offset) {
  return OrNegatedErrno(::pwritev(fd, iov, count, static_cast<off_t>(offset)));
}

int64_t SystemCalls::Fsync(int fd) { return OrNegatedErrno(::fsync(fd)); }

int64_t SystemCalls::Fdatasync(int fd) {
  return OrNegatedErrno(::fdatasync(fd));
}

int64_t SystemCalls::SyncFileRange(int fd, uint64_t offset, uint64_t length,
                                   uint32_t flags) {
  return OrNegatedErrno(::sync_file_range(fd, static_cast<off_t>(offset),
                                          static_cast<off_t>(length), flags));
}

int64_t SystemCalls::Fallocate(int fd, uint32_t mode, uint64_t offset,
                               uint64_t length) {
  return OrNegatedErrno(::fallocate(fd, static_cast<int>(mode),
                                    static_cast<off_t>(offset),
                                    static_cast<off_t>(length)));
}

int64_t SystemCalls::Ftruncate(int fd, uint64_t size) {
  return OrNegatedErrno(::ftruncate(fd, static_cast<off_t>(size)));
}

int64_t SystemCalls::FileSize(int fd) {
  struct stat attributes = {};
  const int64_t result = OrNegatedErrno(::fstat(fd, &attributes));
  return result < 0 ? result : static_cast<int64_t>(attributes.st_size);
}

int64_t SystemCalls::IoPriority() {
  // glibc has no function for it, and old headers have no names.
  constexpr int kOfThread = 1;
  return OrNegatedErrno(::syscall(SYS_ioprio_get, kOfThread, 0));
}

int64_t SystemCalls::WillNeed(int fd, uint64_t offset, uint64_t length) {
  return -::posix_fadvise(fd, static_cast<off_t>(offset),
                          static_cast<off_t>(length), POSIX_FADV_WILLNEED);
}

uint64_t SystemCalls::KernelReadAhead(int fd) {
  struct stat attributes = {};
  if (::fstat(fd, &attributes) != 0) {
    return 0;
  }
  const std::string device = "/sys/dev/block/" +
                             std::to_string(major(attributes.st_dev)) + ":" +
                             std::to_string(minor(attributes.st_dev));
  // A partition has no queue of its own; that of the disk above it counts.
  for (const char* queue : {"/queue/", "/../queue/"}) {
    uint64_t kib = 0;
    if (std::ifstream(device + queue + "read_ahead_kb") >> kib) {
      return kib << 10;
    }
  }
  return 0;
}

int64_t SystemCalls::Advise(int fd, int advice) {
  return -::posix_fadvise(fd, 0, 0, advice);
}

}  // namespace rocksdb_uring
