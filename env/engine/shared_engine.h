// The one engine of the process and all that belongs to it.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "env/base/memory_account.h"
#include "env/engine/background_pace.h"
#include "env/engine/buffer_budget.h"
#include "env/engine/deadline_reads.h"
#include "env/engine/fork_generation.h"
#include "env/engine/io_engine.h"
#include "env/engine/statistics.h"
#include "env/engine/uring_engine.h"
#include "env/ring/features.h"

namespace rocksdb_uring {

// What a user asks of the engine; what is empty was not asked for.
struct EngineRequest {
  std::optional<uint32_t> queue_depth;
  std::optional<uint32_t> rings_max;
  std::optional<uint64_t> readahead_bytes;
  std::optional<uint64_t> write_buffer_bytes;
  std::optional<uint64_t> deadline_buffer_bytes;
  std::optional<uint64_t> total_buffer_bytes;
  std::optional<uint32_t> abandoned_max;
  std::optional<Polling> polling;
};

// Why POSIX serves, or has served at times, where a ring was wanted.
struct FallbackState {
  // Empty if there is nothing to tell; else one sentence each, without a full
  // stop.
  std::string reason;
  std::string remedy;
  // It does so now: no ring can be had, or none has worked since the last
  // failure.
  bool active = false;
};

// Safe for concurrent use.
class SharedEngine {
 public:
  // The engine of this process. The first call makes it, with what `request`
  // asks for and defaults for the rest; it lives until the last pointer goes.
  // While it lives, a request for a different value fails: the result is null
  // and `*conflict` names both values; so it is, with the text that says so,
  // when there is no memory for an engine. In a forked child the parent's
  // engine does not count. Asks the kernel what it can (features.h), and
  // creates no ring that stays.
  static std::shared_ptr<SharedEngine> Acquire(const EngineRequest& request,
                                               std::string* conflict);

  // Makes `engine` the one that Acquire gives while it lives, for tests that
  // put a seam below a whole file system.
  static void InstallForTests(const std::shared_ptr<SharedEngine>& engine);

  // Outside the process-wide one, for tests and tools.
  SharedEngine(const EngineOptions& options, RingFeatures features);
  ~SharedEngine();

  // The shared io_uring engine, or the POSIX engine where the kernel allows
  // no ring.
  IoEngine* engine() { return engine_.get(); }
  // For files outside the share: the system calls that RocksDB's own file
  // system makes, counted apart. Made by the first call; if there is no memory
  // for it, engine() serves. Takes no lock.
  IoEngine* plain_engine();
  // Reads with a deadline; null where none can be kept: without rings, with
  // deadline_buffer_bytes=0, in a forked child, without memory. Made by the
  // first call. Takes no lock.
  DeadlineReads* deadline_reads();
  // Null before the first call of plain_engine().
  const Statistics* plain_statistics() const;
  // As UringEngine::StartLoop; null without rings, too.
  std::unique_ptr<RingLoop> StartLoop(RingLoop::Work* work) {
    return uring_ == nullptr ? nullptr : uring_->StartLoop(work);
  }
  bool has_rings() const { return uring_ != nullptr; }
  // As those of UringEngine; without rings, false and nothing.
  bool PollsDevice(int fd) {
    return has_rings() && !forked() && uring_->PollsDevice(fd);
  }
  PollingState polling() const {
    return has_rings() && !forked() ? uring_->polling() : PollingState();
  }
  // As IoEngine::asynchronous of engine(). False in a forked child.
  bool asynchronous() { return has_rings() && uring_->asynchronous(); }
  const RingFeatures& features() const { return features_; }
  // What detection found, and after it the last failure of a ring.
  FallbackState fallback() const;
  // Makes a ring, or takes an idle one, and tries whether it works; for those
  // who would rather fail than be served through POSIX. May block for some
  // milliseconds.
  FallbackState TryRing();
  const EngineOptions& options() const { return options_; }
  Statistics* statistics() { return &statistics_; }
  const Statistics* statistics() const { return &statistics_; }
  // As IoEngine::AddInFlight, for this engine and the plain one.
  InFlightReport InFlight() const;
  BufferBudget* read_ahead_budget() { return &read_ahead_budget_; }
  BackgroundPaces* background_paces() { return &background_paces_; }
  // Bytes in buffers of the read-ahead now.
  uint64_t read_ahead_bytes() const { return read_ahead_budget_.bytes(); }
  BufferBudget* write_budget() { return &write_budget_; }
  // Bytes in buffers of the write-behind now.
  uint64_t write_bytes() const { return write_budget_.bytes(); }

  // Files that have been opened to go through this engine.
  void CountOpen() { opens_.fetch_add(1, std::memory_order_relaxed); }
  uint64_t opens() const { return opens_.load(std::memory_order_relaxed); }
  // Rings for batches that exist now.
  size_t rings() const;
  // Bytes that the engine holds: rings, queues and tables; buffers of
  // read-ahead and write-behind apart.
  uint64_t memory_bytes() const;
  // To be called by those who lock something in a fork handler of their own and
  // call Acquire with it locked: before they register that handler.
  static void RegisterForkHandler();
  // True in a forked child: the engine is the parent's. Files that were opened
  // before the fork go on through POSIX, and a new engine is to be acquired.
  bool forked() const { return generation_ != ForkGeneration::Now(); }

 private:
  struct Plain;
  // What `*place` points to, made by the first call; null if there is no memory
  // for it.
  template <typename T, typename Make>
  T* MadeOnce(std::atomic<T*>* place, const Make& make);

  // What Acquire does; throws when there is no memory.
  static std::shared_ptr<SharedEngine> FindOrMake(const EngineRequest& request,
                                                  std::string* conflict);

  const EngineOptions options_;
  const RingFeatures features_;
  const uint32_t generation_;
  // What is written while the engine works, apart from what every operation
  // reads, below.
  alignas(kCacheLineBytes) MemoryAccount account_;
  std::atomic<uint64_t> opens_{0};
  BufferLimit buffer_limit_;
  BufferBudget read_ahead_budget_;
  BackgroundPaces background_paces_;
  BufferBudget write_budget_;
  BufferBudget deadline_budget_;
  alignas(kCacheLineBytes) Statistics statistics_;
  UringEngine* uring_ = nullptr;
  std::unique_ptr<IoEngine> engine_;
  // Set once.
  std::atomic<Plain*> plain_{nullptr};
  std::atomic<DeadlineReads*> deadline_reads_{nullptr};
};

}  // namespace rocksdb_uring
