// Runs RocksDB's coroutines on threads that each own a ring.
//
// For builds of RocksDB with the coroutines of patches/coroutines. It needs
// nothing of RocksDB, so that its tests run without one that has coroutines.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

// With folly itself, event bases are folly's and know no ring of ours.
#if defined(USE_COROUTINES) && !defined(USE_FOLLY)
#define ROCKSDB_URING_COROUTINES 1
#else
#define ROCKSDB_URING_COROUTINES 0
#endif

#if ROCKSDB_URING_COROUTINES
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "env/base/mutex.h"
#include "env/engine/shared_engine.h"
#include "folly/executors/IOExecutor.h"

namespace rocksdb_uring {

// Safe for concurrent use.
class ReadExecutor final : private folly::EventBaseSource {
 public:
  static constexpr size_t kThreadsMax = 128;

  // Starts `threads` threads. Null if there can be none: without rings, in a
  // forked child with the engine of its parent.
  static std::unique_ptr<ReadExecutor> Start(
      std::shared_ptr<SharedEngine> engine, size_t threads);
  // Runs what was added, waits for the reads in flight, but not for those that
  // have missed their deadline, and ends the threads.
  // REQUIRES: nothing is added any more but by what runs there. One of its own
  // threads may destroy it.
  ~ReadExecutor();
  ReadExecutor(const ReadExecutor&) = delete;
  ReadExecutor& operator=(const ReadExecutor&) = delete;

  folly::IOExecutor* executor() { return &executor_; }
  // In a forked child: its threads are those of the parent.
  bool forked() const { return engine_->forked(); }
  // Starts threads until there are `threads`, at most kThreadsMax.
  void Grow(size_t threads) URING_EXCLUDES(mutex_);
  size_t threads() const { return count_.load(std::memory_order_acquire); }

 private:
  class LoopEventBase;

  explicit ReadExecutor(std::shared_ptr<SharedEngine> engine);
  folly::EventBase* PickEventBase() override;

  const std::shared_ptr<SharedEngine> engine_;
  folly::IOExecutor executor_;
  std::atomic<uint32_t> next_{0};
  std::atomic<size_t> count_{0};
  Mutex mutex_{SharedBy::kFileSystem};
  // The first count_ of them. Written with the lock held, never changed.
  std::array<std::unique_ptr<LoopEventBase>, kThreadsMax> event_bases_;
};

}  // namespace rocksdb_uring
#endif  // ROCKSDB_URING_COROUTINES
