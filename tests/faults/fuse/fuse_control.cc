// The control block in a file that two processes map.
//
// SPDX-License-Identifier: Apache-2.0
#include "tests/faults/fuse/fuse_control.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <new>

#include "env/base/file_descriptor.h"

namespace rocksdb_uring {

namespace {

void* Map(int fd) {
  void* const memory = mmap(nullptr, sizeof(FuseControl),
                            PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  return memory == MAP_FAILED ? nullptr : memory;
}

}  // namespace

void FuseControl::Fail(int error, uint32_t count) {
  error_ = error;
  failures_left_ = count;
}

int FuseControl::Before(FuseRequest request) {
  ++seen_[static_cast<size_t>(request)];
  uint32_t left = failures_left_;
  while (left > 0 && !failures_left_.compare_exchange_weak(left, left - 1)) {
  }
  if (left == 0) {
    return 0;
  }
  ++failed_;
  return error_;
}

void FuseControl::BeforeRead(const std::function<bool()>& interrupted) {
  constexpr timespec kPause = {0, 1000 * 1000};
  if (!stall_reads_) {
    return;
  }
  ++stalled_;
  while (stall_reads_ && !interrupted()) {
    nanosleep(&kPause, nullptr);
  }
  --stalled_;
}

FuseControl* CreateFuseControl(const std::string& path) {
  const FileDescriptor fd(
      open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (ftruncate(fd.get(), sizeof(FuseControl)) != 0) {
    return nullptr;
  }
  void* const memory = Map(fd.get());
  return memory == nullptr ? nullptr : new (memory) FuseControl;
}

FuseControl* OpenFuseControl(const std::string& path) {
  const FileDescriptor fd(open(path.c_str(), O_RDWR | O_CLOEXEC));
  return static_cast<FuseControl*>(Map(fd.get()));
}

void UnmapFuseControl(FuseControl* control) {
  if (control != nullptr) {
    munmap(control, sizeof(FuseControl));
  }
}

}  // namespace rocksdb_uring
