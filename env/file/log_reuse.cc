// The locks of logs that are closed or reused, and their fork handlers.
//
// The handlers take all locks before a fork and release them after it, in the
// parent and in the child. Otherwise a child could find a lock held by a thread
// that exists only in the parent, and its first close of a WAL would hang.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/file/log_reuse.h"

#include <pthread.h>
#include <sys/stat.h>

#include <array>
#include <cstdint>
#include <tuple>

namespace rocksdb_uring {

namespace {

// Several databases of a process close and reuse logs at the same time.
using Locks = std::array<Mutex, 16>;

void LockAll() URING_NO_THREAD_SAFETY_ANALYSIS;
void UnlockAll() URING_NO_THREAD_SAFETY_ANALYSIS;

// Never destroyed: files may outlive static objects.
Locks* TheLocks() {
  static auto* locks = [] {
    pthread_atfork(LockAll, UnlockAll, UnlockAll);
    return new Locks();
  }();
  return locks;
}

void LockAll() {
  for (Mutex& mutex : *TheLocks()) {
    mutex.Lock();
  }
}

void UnlockAll() {
  for (Mutex& mutex : *TheLocks()) {
    mutex.Unlock();
  }
}

Mutex* LockOf(int fd) {
  struct stat attributes = {};
  const uint64_t inode = fstat(fd, &attributes) == 0 ? attributes.st_ino : 0;
  return &(*TheLocks())[inode % std::tuple_size<Locks>::value];
}

}  // namespace

LogReuseLock::LogReuseLock(int fd) : mutex_(LockOf(fd)) { mutex_->Lock(); }

LogReuseLock::~LogReuseLock() { mutex_->Unlock(); }

}  // namespace rocksdb_uring
