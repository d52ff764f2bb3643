// The system calls of the POSIX path: the seam where tests make them fail.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>

namespace rocksdb_uring {

// Each function is the system call of its name, but returns a negated errno
// instead of -1. EINTR and short transfers reach the caller. Safe for
// concurrent use.
class SystemCalls {
 public:
  virtual ~SystemCalls() = default;

  // The kernel's; lives for ever.
  static SystemCalls* Default();

  virtual int64_t Pread(int fd, void* buffer, size_t size, uint64_t offset);
  // With RWF_NOWAIT: -EAGAIN if it would wait.
  virtual int64_t PreadNoWait(int fd, void* buffer, size_t size,
                              uint64_t offset);
  virtual int64_t Preadv(int fd, const iovec* iov, int count, uint64_t offset);
  virtual int64_t Pwrite(int fd, const void* buffer, size_t size,
                         uint64_t offset);
  virtual int64_t Pwritev(int fd, const iovec* iov, int count, uint64_t offset);
  virtual int64_t Fsync(int fd);
  virtual int64_t Fdatasync(int fd);
  virtual int64_t SyncFileRange(int fd, uint64_t offset, uint64_t length,
                                uint32_t flags);
  virtual int64_t Fallocate(int fd, uint32_t mode, uint64_t offset,
                            uint64_t length);
  virtual int64_t Ftruncate(int fd, uint64_t size);
  // fstat: the size in bytes, 0 of what has none.
  virtual int64_t FileSize(int fd);
  // ioprio_get of the calling thread.
  virtual int64_t IoPriority();
  // posix_fadvise(WILLNEED): starts reading without waiting.
  virtual int64_t WillNeed(int fd, uint64_t offset, uint64_t length);
  // posix_fadvise of the whole file; `advice` is POSIX_FADV_*.
  virtual int64_t Advise(int fd, int advice);
  // How far the kernel reads ahead of reads in sequence, in bytes: what
  // read_ahead_kb says of the file's device. 0 if that is not known, as where
  // the filesystem is on no device of its own.
  virtual uint64_t KernelReadAhead(int fd);
};

}  // namespace rocksdb_uring
