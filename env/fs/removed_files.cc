// Holds a descriptor of each removed file until a thread closes it.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/fs/removed_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <chrono>
#include <system_error>
#include <utility>

#include "env/base/debug_log.h"
#include "env/engine/fork_generation.h"

namespace rocksdb_uring {

using rocksdb::IOStatus;

namespace {

constexpr std::chrono::seconds kIdleTime{1};

// Blocks of a regular file that go with its last name, in bytes; else 0.
uint64_t BytesToFree(int fd) {
  struct stat attributes = {};
  const bool known = fstat(fd, &attributes) == 0;
  return known && S_ISREG(attributes.st_mode) && attributes.st_nlink == 1
             ? static_cast<uint64_t>(attributes.st_blocks) * 512
             : 0;
}

uint64_t SpaceLeft(int fd) {
  struct statvfs filesystem = {};
  return fstatvfs(fd, &filesystem) == 0
             ? uint64_t{filesystem.f_bavail} * filesystem.f_frsize
             : 0;
}

}  // namespace

RemovedFiles::RemovedFiles() : generation_(ForkGeneration::AtBirth()) {}

RemovedFiles::~RemovedFiles() {
  if (generation_ != ForkGeneration::Now()) {
    // The lock may have been taken when the process forked, and the thread is
    // the parent's.
    (void)thread_.release();
    return;
  }
  std::unique_ptr<std::thread> last;
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    last = std::move(thread_);
  }
  changed_.NotifyAll();
  if (last != nullptr) {
    last->join();
  }
}

// With O_PATH, which needs no permission, opens no device, and holds the file
// all the same.
RemovedFiles::File RemovedFiles::Hold(const std::string& path) {
  File file;
  file.fd = FileDescriptor(open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!file.fd.valid()) {
    return File();
  }
  file.bytes = BytesToFree(file.fd.get());
  if (file.bytes < kFileBytesMin) {
    return File();
  }
  uint64_t waiting = 0;
  {
    MutexLock lock(&mutex_);
    waiting = bytes_;
  }
  const bool spacious =
      SpaceLeft(file.fd.get()) >= kSpaceLeftMin + 4 * (waiting + file.bytes);
  return spacious ? std::move(file) : File();
}

IOStatus RemovedFiles::Remove(const std::string& path,
                              const std::function<IOStatus()>& remove,
                              bool* deferred) {
  *deferred = false;
  File file;
  if (generation_ == ForkGeneration::Now()) {
    file = Hold(path);
  }
  const IOStatus status = remove();
  *deferred = status.ok() && file.fd.valid() && Enqueue(&file);
  // Else the destructor closes it here.
  return status;
}

bool RemovedFiles::Enqueue(File* file) {
  {
    MutexLock lock(&mutex_);
    if (files_.size() >= kWaitingMax || !EnsureThread()) {
      return false;
    }
    bytes_ += file->bytes;
    files_.push_back(std::move(*file));
  }
  changed_.NotifyAll();
  return true;
}

bool RemovedFiles::EnsureThread() {
  if (running_) {
    return true;
  }
  if (thread_ != nullptr) {
    // It has ended for want of work, or is returning.
    thread_->join();
  }
  try {
    thread_ = std::make_unique<std::thread>([this] { CloseAll(); });
  } catch (const std::system_error& error) {
    thread_.reset();
    DebugLog("no thread to free the blocks of removed files: %s", error.what());
    return false;
  }
  running_ = true;
  return true;
}

void RemovedFiles::CloseAll() {
  MutexLock lock(&mutex_);
  for (;;) {
    if (!files_.empty()) {
      File file = std::move(files_.front());
      files_.pop_front();
      mutex_.Unlock();
      (void)file.fd.Close();
      mutex_.Lock();
      bytes_ -= file.bytes;
      continue;
    }
    const auto idle_until = std::chrono::steady_clock::now() + kIdleTime;
    while (!stopping_ && files_.empty() &&
           changed_.WaitUntil(&mutex_, idle_until)) {
    }
    if (files_.empty()) {
      running_ = false;
      return;
    }
  }
}

}  // namespace rocksdb_uring
