// Mutex, lock and condition variable that clang's thread-safety analysis
// understands (it rejects GUARDED_BY on libstdc++'s std::mutex).
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "env/base/lock_waits.h"
#include "env/base/sharing.h"
#include "env/base/thread_annotations.h"

namespace rocksdb_uring {

// The scope is the widest unless the owner names a narrower one: a lock that
// was forgotten fails the tests that count.
class URING_CAPABILITY("mutex") Mutex {
 public:
  explicit Mutex(SharedBy shared_by = SharedBy::kProcess) {
    set_scope(shared_by);
  }
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void Lock() URING_ACQUIRE() {
    NoteLock(scope());
    if (!mutex_.try_lock()) {
      const LockWait wait(WaitsFor::kLock);
      mutex_.lock();
    }
  }
  void Unlock() URING_RELEASE() { mutex_.unlock(); }
  bool TryLock() URING_TRY_ACQUIRE(true) {
    NoteLock(scope());
    return mutex_.try_lock();
  }

 private:
  friend class CondVar;

#ifndef NDEBUG
  void set_scope(SharedBy scope) { scope_ = scope; }
  SharedBy scope() const { return scope_; }
  SharedBy scope_ = SharedBy::kProcess;
#else
  void set_scope(SharedBy /*scope*/) {}
  static SharedBy scope() { return SharedBy::kProcess; }
#endif
  std::mutex mutex_;
};

// Holds a Mutex for the length of a scope.
class URING_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex* mutex) URING_ACQUIRE(mutex) : mutex_(mutex) {
    mutex_->Lock();
  }
  ~MutexLock() URING_RELEASE() { mutex_->Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex* const mutex_;
};

class CondVar {
 public:
  // REQUIRES: `mutex` is held; it is released while waiting and held again on
  // return. May wake spuriously.
  void Wait(Mutex* mutex) URING_REQUIRES(mutex) {
    const LockWait wait(WaitsFor::kOtherThread);
    std::unique_lock<std::mutex> lock(mutex->mutex_, std::adopt_lock);
    condition_.wait(lock);
    lock.release();
  }

  // As Wait, and returns false if `deadline` passed first.
  bool WaitUntil(Mutex* mutex, std::chrono::steady_clock::time_point deadline)
      URING_REQUIRES(mutex) {
    const LockWait wait(WaitsFor::kOtherThread);
    std::unique_lock<std::mutex> lock(mutex->mutex_, std::adopt_lock);
    const bool woken =
        condition_.wait_until(lock, deadline) == std::cv_status::no_timeout;
    lock.release();
    return woken;
  }

  void NotifyAll() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

}  // namespace rocksdb_uring
