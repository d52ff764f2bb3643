// Holds a descriptor of each removed file until a thread closes it.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/fs/removed_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <chrono>
#include <deque>
#include <new>
#include <system_error>
#include <thread>
#include <utility>

#include "env/base/debug_log.h"
#include "env/base/file_descriptor.h"
#include "env/base/mutex.h"
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

struct RemovedFiles::File {
  FileDescriptor fd;
  uint64_t bytes = 0;
};

// The files that wait, and the thread that closes them while there are any.
class RemovedFiles::Closer {
 public:
  ~Closer() {
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

  // Bytes of the files that wait, and of the one that is being closed.
  uint64_t bytes() URING_EXCLUDES(mutex_) {
    MutexLock lock(&mutex_);
    return bytes_;
  }
  // False if the file has to be closed by the caller.
  bool Enqueue(File* file) URING_EXCLUDES(mutex_);

 private:
  bool EnsureThread() URING_REQUIRES(mutex_);
  void CloseAll() URING_EXCLUDES(mutex_);

  Mutex mutex_;
  CondVar changed_;
  std::deque<File> files_ URING_GUARDED_BY(mutex_);
  uint64_t bytes_ URING_GUARDED_BY(mutex_) = 0;
  bool stopping_ URING_GUARDED_BY(mutex_) = false;
  bool running_ URING_GUARDED_BY(mutex_) = false;
  std::unique_ptr<std::thread> thread_ URING_GUARDED_BY(mutex_);
};

RemovedFiles::RemovedFiles()
    : generation_(ForkGeneration::AtBirth()),
      closer_(std::make_unique<Closer>()) {}

RemovedFiles::~RemovedFiles() {
  if (generation_ != ForkGeneration::Now()) {
    // The thread is the parent's. Its lock may be held for ever here, and a
    // condition variable that it waits for cannot be destroyed.
    (void)closer_.release();
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
  const uint64_t waiting = closer_->bytes();
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
  *deferred = status.ok() && file.fd.valid() && closer_->Enqueue(&file);
  // Else the destructor closes it here.
  return status;
}

bool RemovedFiles::Closer::Enqueue(File* file) {
  const uint64_t bytes = file->bytes;
  try {
    MutexLock lock(&mutex_);
    if (files_.size() >= kWaitingMax || !EnsureThread()) {
      return false;
    }
    files_.push_back(std::move(*file));
    bytes_ += bytes;
  } catch (const std::bad_alloc&) {
    // Without memory the caller closes it.
    return false;
  }
  changed_.NotifyAll();
  return true;
}

bool RemovedFiles::Closer::EnsureThread() {
  if (running_) {
    return true;
  }
  if (thread_ != nullptr) {
    // It was idle for too long, and has ended or is about to.
    thread_->join();
    thread_.reset();
  }
  try {
    thread_ = std::make_unique<std::thread>([this] { CloseAll(); });
  } catch (const std::system_error& error) {
    DebugLog("no thread to free the blocks of removed files: %s", error.what());
    return false;
  }
  running_ = true;
  return true;
}

void RemovedFiles::Closer::CloseAll() {
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
