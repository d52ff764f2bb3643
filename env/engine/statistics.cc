// Names of what is counted, and counters in shards by thread.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/engine/statistics.h"

#include <new>

#include "env/base/thread_number.h"

namespace rocksdb_uring {

namespace {

constexpr const char* kStatKindNames[kStatKindCount] = {
    "read",       "multi_read",      "read_async",   "sequential_read",
    "read_ahead", "write",           "write_behind", "fsync",
    "fdatasync",  "sync_file_range", "fallocate"};

constexpr const char* kIoPathNames[kIoPathCount] = {"ring", "posix",
                                                    "page_cache", "read_ahead"};

constexpr const char* kStatEventNames[kStatEventCount] = {
    "batches",
    "submit_calls",
    "rings_created",
    "rings_retired",
    "rings_refused",
    "rings_busy",
    "posix_rescues",
    "async_queued",
    "async_overflow",
    "unknown_completions",
    "breaker_opened",
    "read_ahead_discarded_bytes",
    "write_overlapped_bytes",
    "write_buffer_waits",
    "write_buffers_exhausted",
    "table_streams_forward",
    "table_streams_backward",
    "blob_streams_forward",
    "blob_streams_backward",
    "announced_bytes",
    "background_paused_us",
    "write_outs_stopped",
    "removals_deferred",
    "deadlines_missed",
    "deadlines_abandoned",
    "deadlines_refused",
    "background_requests",
    "polled_batches",
    "executor_reads"};

constexpr const char* kBatchClassNames[kBatchClassCount] = {
    "1", "2-3", "4-7", "8-15", "16-31", "32-63", "64+"};

}  // namespace

// A name for each: without, the last ones would be null.
static_assert(kStatKindNames[kStatKindCount - 1] != nullptr);
static_assert(kIoPathNames[kIoPathCount - 1] != nullptr);
static_assert(kStatEventNames[kStatEventCount - 1] != nullptr);

const char* StatKindName(StatKind kind) {
  return kStatKindNames[static_cast<size_t>(kind)];
}

const char* IoPathName(IoPath path) {
  return kIoPathNames[static_cast<size_t>(path)];
}

const char* StatEventName(StatEvent event) {
  return kStatEventNames[static_cast<size_t>(event)];
}

const char* BatchClassName(size_t index) { return kBatchClassNames[index]; }

size_t BatchClass(size_t batch_size) {
  size_t index = 0;
  while (batch_size > 1 && index + 1 < kBatchClassCount) {
    batch_size /= 2;
    ++index;
  }
  return index;
}

OperationCount StatisticsSnapshot::op(StatKind kind) const {
  OperationCount sum;
  for (const OperationCount& path : ops[static_cast<size_t>(kind)]) {
    sum.count += path.count;
    sum.bytes += path.bytes;
    sum.errors += path.errors;
  }
  return sum;
}

Statistics::Statistics(size_t cpus)
    : shard_count_(ShardsFor(cpus, kShardsMin, kShardsMax)),
      shards_(new Shard[shard_count_]),
      latency_shard_count_(
          ShardsFor(cpus, kLatencyShardsMin, kLatencyShardsMax)),
      in_flight_(cpus) {}

Statistics::~Statistics() {
  for (auto& paths : histograms_) {
    for (std::atomic<LatencyHistogram*>& histograms : paths) {
      delete[] histograms.load(std::memory_order_relaxed);
    }
  }
}

Statistics::Shard& Statistics::shard() {
  NoteSharedWrite(SharedBy::kShard);
  return shards_[ThreadNumber() & (shard_count_ - 1)];
}

void Statistics::Count(StatKind kind, IoPath path, uint64_t count,
                       uint64_t bytes, uint64_t errors) {
  Counter& counter =
      shard().ops[static_cast<size_t>(kind)][static_cast<size_t>(path)];
  counter.count.fetch_add(count, std::memory_order_relaxed);
  counter.bytes.fetch_add(bytes, std::memory_order_relaxed);
  if (errors != 0) {
    counter.errors.fetch_add(errors, std::memory_order_relaxed);
  }
}

void Statistics::Count(StatEvent event, uint64_t count) {
  shard().events[static_cast<size_t>(event)].fetch_add(
      count, std::memory_order_relaxed);
}

void Statistics::CountBatch(size_t batch_size) {
  Shard& mine = shard();
  mine.events[static_cast<size_t>(StatEvent::kBatch)].fetch_add(
      1, std::memory_order_relaxed);
  mine.batches[BatchClass(batch_size)].fetch_add(1, std::memory_order_relaxed);
}

LatencyHistogram* Statistics::Histograms(StatKind kind, IoPath path) {
  std::atomic<LatencyHistogram*>& histograms =
      histograms_[static_cast<size_t>(kind)][static_cast<size_t>(path)];
  LatencyHistogram* present = histograms.load(std::memory_order_acquire);
  if (present != nullptr) {
    return present;
  }
  auto* const made = new (std::nothrow) LatencyHistogram[latency_shard_count_];
  if (made == nullptr || histograms.compare_exchange_strong(
                             present, made, std::memory_order_acq_rel)) {
    return made;
  }
  // Another thread was first.
  delete[] made;
  return present;
}

void Statistics::CountLatency(StatKind kind, IoPath path, uint64_t elapsed_ns,
                              uint64_t count) {
  if (LatencyHistogram* const histograms = Histograms(kind, path)) {
    histograms[ThreadNumber() & (latency_shard_count_ - 1)].Record(elapsed_ns,
                                                                   count);
  }
}

LatencySnapshot Statistics::Latency(StatKind kind, IoPath path) const {
  LatencySnapshot snapshot;
  const LatencyHistogram* const histograms =
      histograms_[static_cast<size_t>(kind)][static_cast<size_t>(path)].load(
          std::memory_order_acquire);
  for (size_t i = 0; histograms != nullptr && i < latency_shard_count_; ++i) {
    histograms[i].AddTo(&snapshot);
  }
  return snapshot;
}

size_t Statistics::memory_bytes() const {
  size_t bytes = shard_count_ * sizeof(Shard) + in_flight_.memory_bytes();
  for (const auto& paths : histograms_) {
    for (const std::atomic<LatencyHistogram*>& histograms : paths) {
      if (histograms.load(std::memory_order_relaxed) != nullptr) {
        bytes += latency_shard_count_ * sizeof(LatencyHistogram);
      }
    }
  }
  return bytes;
}

StatisticsSnapshot Statistics::Snapshot() const {
  StatisticsSnapshot out = {};
  for (size_t i = 0; i < shard_count_; ++i) {
    const Shard& shard = shards_[i];
    for (size_t kind = 0; kind < kStatKindCount; ++kind) {
      for (size_t path = 0; path < kIoPathCount; ++path) {
        const Counter& from = shard.ops[kind][path];
        OperationCount& to = out.ops[kind][path];
        to.count += from.count.load(std::memory_order_relaxed);
        to.bytes += from.bytes.load(std::memory_order_relaxed);
        to.errors += from.errors.load(std::memory_order_relaxed);
      }
    }
    for (size_t event = 0; event < kStatEventCount; ++event) {
      out.events[event] += shard.events[event].load(std::memory_order_relaxed);
    }
    for (size_t batch = 0; batch < kBatchClassCount; ++batch) {
      out.batches[batch] +=
          shard.batches[batch].load(std::memory_order_relaxed);
    }
  }
  return out;
}

}  // namespace rocksdb_uring
