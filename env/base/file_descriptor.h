// Owner of a file descriptor.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <unistd.h>

#include <cerrno>
#include <utility>

namespace rocksdb_uring {

class FileDescriptor {
 public:
  FileDescriptor() = default;
  // Takes ownership of `fd`; -1 means none.
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    if (this != &other) {
      (void)Close();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~FileDescriptor() { (void)Close(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

  // Returns 0 or a negated errno. Not to be repeated after an error: Linux has
  // released the descriptor in every case, and it may be a stranger's by now.
  int Close() {
    const int fd = std::exchange(fd_, -1);
    return fd < 0 || ::close(fd) == 0 ? 0 : -errno;
  }

 private:
  int fd_ = -1;
};

}  // namespace rocksdb_uring
