// Owner of a file descriptor.
#pragma once

#include <unistd.h>

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
      Close();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~FileDescriptor() { Close(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

 private:
  // The result of close() is ignored on purpose: Linux releases the
  // descriptor in every case, and a repeated close could hit a stranger's.
  void Close() {
    if (fd_ >= 0) {
      ::close(fd_);
      fd_ = -1;
    }
  }

  int fd_ = -1;
};

}  // namespace rocksdb_uring
