// What the engine has done, by kind of operation and by the path it took.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "env/base/clock.h"
#include "env/base/cpu_count.h"
#include "env/base/sharing.h"
#include "env/engine/in_flight.h"
#include "env/engine/io_path.h"
#include "env/engine/latency_histogram.h"

namespace rocksdb_uring {

// What an operation was for: the call of the file system that caused it.
enum class StatKind : uint8_t {
  kRead,            // a single synchronous read
  kMultiRead,       // one request of a batch
  kReadAsync,       // ReadAsync
  kSequentialRead,  // a read of a sequential file
  kReadAhead,       // the engine's own reads ahead of a stream
  kWrite,           // a write that its caller waits for
  kWriteBehind,     // a write that is in flight while its file grows
  kFsync,
  kFdatasync,
  kSyncFileRange,
  kFallocate,
  kLast = kFallocate,
};
constexpr size_t kStatKindCount = static_cast<size_t>(StatKind::kLast) + 1;

// Names as they stand in the statistics file: part of the interface.
const char* StatKindName(StatKind kind);
const char* IoPathName(IoPath path);

struct OperationCount {
  uint64_t count = 0;
  uint64_t bytes = 0;
  uint64_t errors = 0;
};

// Events that are no operations.
enum class StatEvent : uint8_t {
  kBatch,               // synchronous batches of two and more
  kSubmitCall,          // system calls that handed requests to a ring
  kRingCreated,         //
  kRingRetired,         // rings given up after a failure
  kRingRefused,         // a ring was wanted and could not be created
  kRingsBusy,           // a batch found no ring for itself
  kPosixRescue,         // operations a ring failed and POSIX finished
  kAsyncQueued,         // asynchronous operations that waited for room
  kAsyncOverflow,       // asynchronous operations that found no room at all
  kUnknownCompletion,   // completions that named no operation of ours
  kBreakerOpened,       //
  kReadAheadDiscarded,  // bytes read ahead that no read has used
  kWriteOverlapped,     // bytes written beside another write of the file
  kWriteBufferWait,     // appends that waited for an earlier write's buffer
  kWriteBufferNone,     // appends that found no buffer and wrote by themselves
  // Streams that were read ahead of, by the file that they were in. Forwards:
  // scans and compactions; backwards: reverse scans.
  kTableStreamForward,
  kTableStreamBackward,
  kBlobStreamForward,
  kBlobStreamBackward,
  kAnnounced,  // bytes announced to the page cache
  // us that compactions have waited while they were held to a share of a slow
  // device (background_pace.h).
  kBackgroundPaused,
  kWriteOutStopped,  // files whose early write-out the device did not follow
  kRemovalDeferred,  // removed files whose blocks were freed by a thread beside
  // Reads with a deadline: not in time; those of them that the kernel went on
  // with; not begun, because of abandoned_max or deadline_buffer_bytes.
  kDeadlineMissed,
  kDeadlineAbandoned,
  kDeadlineRefused,
  kBackgroundRequest,  // handed over as kBackground or kIdle
  kPolledBatch,        // on a ring that polls the device
  kLoopRead,  // reads that coroutines of RocksDB have submitted on a loop
  kLast = kLoopRead,
};
constexpr size_t kStatEventCount = static_cast<size_t>(StatEvent::kLast) + 1;
const char* StatEventName(StatEvent event);

// Batches are counted in classes: 1, 2-3, 4-7, 8-15, 16-31, 32-63, 64 and more.
constexpr size_t kBatchClassCount = 7;
const char* BatchClassName(size_t index);
size_t BatchClass(size_t batch_size);

// A consistent enough copy: each number is exact, two of them may be from
// slightly different moments.
struct StatisticsSnapshot {
  std::array<std::array<OperationCount, kIoPathCount>, kStatKindCount> ops;
  std::array<uint64_t, kStatEventCount> events;
  std::array<uint64_t, kBatchClassCount> batches;

  const OperationCount& op(StatKind kind, IoPath path) const {
    return ops[static_cast<size_t>(kind)][static_cast<size_t>(path)];
  }
  // Sum over the paths.
  OperationCount op(StatKind kind) const;
  uint64_t event(StatEvent event) const {
    return events[static_cast<size_t>(event)];
  }
};

// Safe for concurrent use. Counters are kept in shards by thread, one for each
// processor, so that threads do not fight for cache lines.
class Statistics {
 public:
  explicit Statistics(size_t cpus = CpuCount());
  ~Statistics();

  void Count(StatKind kind, IoPath path, uint64_t count, uint64_t bytes,
             uint64_t errors);
  void Count(StatEvent event, uint64_t count = 1);
  void CountBatch(size_t batch_size);
  StatisticsSnapshot Snapshot() const;

  // `count` operations took `elapsed_ns` each. The first of a kind and path
  // allocates; without memory the time is lost.
  void CountLatency(StatKind kind, IoPath path, uint64_t elapsed_ns,
                    uint64_t count);
  LatencySnapshot Latency(StatKind kind, IoPath path) const;

  // Calls of Run that have not returned.
  InFlightTable* in_flight() { return &in_flight_; }
  const InFlightTable& in_flight() const { return in_flight_; }

  // Since this object was made.
  uint64_t uptime_ns() const { return born_.ElapsedNs(); }
  // Grows with the kinds and paths that have been timed.
  size_t memory_bytes() const;

 private:
  // With 128 they take 164 KiB.
  static constexpr size_t kShardsMin = 8;
  static constexpr size_t kShardsMax = 128;

  struct Counter {
    std::atomic<uint64_t> count{0};
    std::atomic<uint64_t> bytes{0};
    std::atomic<uint64_t> errors{0};
  };
  struct alignas(kCacheLineBytes) Shard {
    Counter ops[kStatKindCount][kIoPathCount];
    std::atomic<uint64_t> events[kStatEventCount] = {};
    std::atomic<uint64_t> batches[kBatchClassCount] = {};
  };

  // Times come less often than counts: batches, samples, and operations that
  // wait for a device. With 32 a kind and path takes 87 KiB.
  static constexpr size_t kLatencyShardsMin = 2;
  static constexpr size_t kLatencyShardsMax = 32;

  Shard& shard();
  // Those of a kind and path, one for each shard; null if there is no memory.
  LatencyHistogram* Histograms(StatKind kind, IoPath path);

  const StartTime born_ = StartTime::Exact();
  const size_t shard_count_;
  const std::unique_ptr<Shard[]> shards_;
  const size_t latency_shard_count_;
  // Allocated when first needed, because few of them are; owned. Read by every
  // thread and then never written.
  std::atomic<LatencyHistogram*> histograms_[kStatKindCount][kIoPathCount] = {};
  InFlightTable in_flight_;
};

}  // namespace rocksdb_uring
