// Reads that have missed their deadline and that the kernel goes on with.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "env/base/mutex.h"
#include "env/engine/buffer_budget.h"
#include "env/engine/deadline_reads.h"
#include "env/engine/io_engine.h"

namespace rocksdb_uring {

// Holds those of the shards, and counts all. A thread takes them off their
// rings: it is there while there are any, so that the last bytes of a device
// that has recovered do not wait for another read. Detached, because to join it
// would be to wait for the device. Safe for concurrent use.
class AbandonedReads : public std::enable_shared_from_this<AbandonedReads> {
 public:
  // Neither is owned. Both are there for as long as a read is in the list.
  AbandonedReads(IoEngine* engine, BufferBudget* budget)
      : engine_(engine), budget_(budget) {}

  void Add(std::unique_ptr<DeadlineRead> read) URING_EXCLUDES(mutex_);
  // Where the thread could not be started: frees what is complete.
  void Look() URING_EXCLUDES(mutex_);

  // Of a read that is not in the list, because a loop completes it.
  void CountOne(uint64_t bytes);
  // When its keeper is gone: who sees no read may close the file or the engine,
  // and knows that no thread of ours is left in it.
  void ForgetOne(uint64_t bytes);

  uint64_t count() const { return count_.load(std::memory_order_acquire); }
  uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  using List = std::unique_ptr<DeadlineRead>;

  void EnsureThread() URING_REQUIRES(mutex_);
  void TakeCompleted(List* done) URING_REQUIRES(mutex_);
  // With no lock held: the last keeper may take the engine with it.
  void Drop(List done) URING_EXCLUDES(mutex_);
  void Wait() URING_EXCLUDES(mutex_);

  IoEngine* const engine_;
  BufferBudget* const budget_;
  std::atomic<uint64_t> count_{0};
  std::atomic<uint64_t> bytes_{0};
  Mutex mutex_;
  // The latest first.
  List first_ URING_GUARDED_BY(mutex_);
  bool running_ URING_GUARDED_BY(mutex_) = false;
};

}  // namespace rocksdb_uring
