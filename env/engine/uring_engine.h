// The shared io_uring engine: one set of limits, rings, statistics and one
// breaker for all files and threads of the process.
//
// Batches that wait (Run) lease a ring of their own; operations that outlive
// the call (Submit) go to one of a few shards that any thread may reap. What a
// ring cannot do, POSIX finishes.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "env/base/cpu_count.h"
#include "env/base/memory_account.h"
#include "env/base/process_memory.h"
#include "env/engine/async_shard.h"
#include "env/engine/breaker.h"
#include "env/engine/completion.h"
#include "env/engine/fork_generation.h"
#include "env/engine/io_engine.h"
#include "env/engine/live_ring.h"
#include "env/engine/polling.h"
#include "env/engine/posix_engine.h"
#include "env/engine/ring_loop.h"
#include "env/engine/ring_pool.h"
#include "env/engine/system_calls.h"
#include "env/ring/ring.h"

namespace rocksdb_uring {

struct EngineOptions {
  // Entries of a ring's submission queue; operations of one batch in flight.
  static constexpr uint32_t kQueueDepthMin = 8;
  static constexpr uint32_t kQueueDepthMax = 4096;
  uint32_t queue_depth = 64;
  // Rings for batches that wait; one more batch at the same time goes through a
  // ring for asynchronous operations. With 64 entries a ring takes 8 KiB, from
  // the first time that so many batches run at once. By default 8 for each
  // processor, at least 64: so many threads of a database wait at once.
  static constexpr uint32_t kRingsMaxMin = 1;
  static constexpr uint32_t kRingsMaxMax = 1024;
  static uint32_t DefaultRingsMax() {
    return static_cast<uint32_t>(
        std::clamp<size_t>(8 * CpuCount(), 64, kRingsMaxMax));
  }
  uint32_t rings_max = DefaultRingsMax();
  // Bytes that buffers of the engine's own read-ahead may take together; 0
  // switches it off. By default a 64th of the memory that the process may use,
  // at least 32 and at most 256 MiB: a compaction reads 4 MiB ahead of each of
  // its inputs, where 60 are many (env/MEASUREMENTS.md).
  static uint64_t DefaultReadaheadBytes() {
    static const uint64_t bytes =
        std::clamp<uint64_t>(ProcessMemoryBytes() / 64, 32 << 20, 256 << 20);
    return bytes;
  }
  uint64_t readahead_bytes = DefaultReadaheadBytes();
  // The same of buffers for writes that are in flight while their file grows;
  // 0 switches write-behind off.
  uint64_t write_buffer_bytes = 32 << 20;
  // The same of reads with a deadline, those included that were abandoned at it
  // (deadline_reads.h); 0: deadlines are not kept.
  uint64_t deadline_buffer_bytes = 64 << 20;
  // The same of all three kinds together; by default their own limits do.
  uint64_t total_buffer_bytes = uint64_t{1} << 40;
  // With so many abandoned reads no other read with a deadline begins. Each may
  // hold a request of the device's queue (128 of a loop device, 256 and more of
  // others), which reads without deadline need as well.
  static constexpr uint32_t kAbandonedMaxMin = 1;
  static constexpr uint32_t kAbandonedMaxMax = 65536;
  uint32_t abandoned_max = 64;
  // polling.h.
  Polling polling = Polling::kOff;

  // Seams for tests; the defaults are the machine and its kernel.
  size_t cpus = CpuCount();
  RingFactory ring_factory = CreateRing;
  SystemCalls* system_calls = SystemCalls::Default();
};

class UringEngine final : public IoEngine {
  static constexpr size_t kShardsMin = 16;
  static constexpr size_t kShardsMax = 128;

 public:
  // Asynchronous operations that may wait for room in one shard, for each entry
  // of its submission queue.
  static constexpr uint32_t kWaitingPerEntry = 16;
  // Those that may be in flight, less a few that are kept for cancel requests.
  // Each takes 32 bytes of a shard's completion queue and table, used or not.
  static constexpr uint32_t InFlightMax(uint32_t queue_depth) {
    return std::max<uint32_t>(4 * queue_depth, 64);
  }
  // Four for each processor: threads that share a shard meet at its lock, which
  // is held in io_uring_enter, and wake each other up (env/MEASUREMENTS.md).
  // What a shard takes it takes when it is used.
  static constexpr size_t ShardCount(size_t cpus) {
    return ShardsFor(4 * cpus, kShardsMin, kShardsMax);
  }

  // Creates no ring. `statistics` and `account` are not owned and must outlive
  // the engine.
  UringEngine(const EngineOptions& options, Statistics* statistics,
              MemoryAccount* account);
  // REQUIRES: no operation is in flight.
  ~UringEngine() override;

  void Run(IoOp* ops, size_t count, const RunOptions& options) override;
  bool RunIfCached(IoOp* op) override { return posix_.RunIfCached(op); }
  size_t Submit(IoOp* const* ops, size_t count) override;
  bool Wait(IoOp* op, uint64_t timeout_us = kNoTimeout) override;
  bool WaitAll(IoOp* const* ops, size_t count,
               Deadline deadline = Deadline()) override;
  bool WaitAny(IoOp* const* ops, size_t count,
               Deadline deadline = Deadline()) override;
  size_t Poll() override;
  void Cancel(IoOp* op) override;
  // Takes no trial of the breaker: the caller may have nothing to submit, and
  // would never report back. Here because RocksDB asks several times for each
  // block that it reads.
  bool asynchronous() override { return !forked() && breaker_.MayAllow(); }
  bool HasRing() override {
    return !forked() && (MyShard()->has_ring() || StandIn() != nullptr);
  }
  void AddInFlight(InFlightReport* report) override;
  Statistics* statistics() override { return statistics_; }

  // Leases a ring, runs an operation that needs no file through it and gives it
  // back; whether that went well.
  bool TryRing();
  // A thread with a ring of its own; null if there can be none. It must be gone
  // before the engine, and is not the child's after fork().
  std::unique_ptr<RingLoop> StartLoop(RingLoop::Work* work);
  RingFailure last_failure() { return breaker_.last_failure(); }

  // Whether batches of reads of this file, which is direct, may poll its
  // device: for RunOptions::polls. One system call.
  bool PollsDevice(int fd) {
    return polled_ != nullptr && polled_->devices.Polls(fd);
  }
  // Of the option `polling`.
  PollingState polling();

  // Rings of the pools that exist.
  size_t rings() const {
    return pool_.size() + (polled_ == nullptr ? 0 : polled_->pool.size());
  }

 private:
  enum class Syncs : uint8_t {
    // Not asked yet, or the answer was of that moment only.
    kUnknown,
    kOnRings,
    kRefused,
  };
  // With operations in several shards a thread looks at another one after so
  // many microseconds.
  static constexpr uint64_t kShardTurnUs = 1000;
  bool forked() const { return generation_ != ForkGeneration::Now(); }
  void SetRequestPriority(IoOp* op);
  // Where this thread submits.
  AsyncShard* MyShard();
  // A shard that has a ring, for a thread whose own shard has none because the
  // kernel refuses it one for the moment; null if there is none, or no need.
  // Looked for each time: rings are seldom refused, and the thread's own shard
  // asks for one again as soon as the breaker lets it.
  AsyncShard* StandIn();
  // Whether rings do syncs here. Found out once, by a sync that has nothing to
  // lose: the failure of a real one is never "not begun" (ReportsWriteErrors).
  bool RingsDoSyncs();
  Syncs TrySync();
  // A batch that has found no ring for itself.
  void RunWithoutRing(IoOp* ops, size_t count, const RunOptions& options);
  // Submits operations and waits for them; what finds no room, POSIX does.
  void RunInShard(IoOp* ops, size_t count, const RunOptions& options);
  static bool WantsRing(const IoOp* ops, size_t count,
                        const RunOptions& options);

  // Rings that poll devices, and their own evidence: what a filesystem refuses
  // them says nothing about the others.
  struct Polled {
    Polled(const EngineOptions& options, const RingEnvironment& others);

    Breaker breaker;
    const RingEnvironment rings;
    RingPool pool;
    DevicePolling devices;
  };
  // The pool that serves the batch, and a ring of it; null if there is none.
  std::unique_ptr<LiveRing> LeaseFor(const RunOptions& options,
                                     RingPool** pool);

  Statistics* const statistics_;
  const uint32_t generation_;
  SystemCalls* const system_calls_;
  PosixEngine posix_;
  const Completer completer_;
  Breaker breaker_;
  const Polling polling_;
  // Null but for polling=submission.
  const std::shared_ptr<SubmissionPoller> poller_;
  const RingEnvironment rings_;
  RingPool pool_;
  // Null but for polling=device.
  const std::unique_ptr<Polled> polled_;
  // A power of two.
  const size_t shard_count_;
  std::array<std::unique_ptr<AsyncShard>, kShardsMax> shards_;
  std::atomic<Syncs> syncs_{Syncs::kUnknown};
  const RingOptions loop_ring_;
  std::atomic<uint32_t> loops_started_{0};
  RingLoopList loops_;
};

}  // namespace rocksdb_uring
