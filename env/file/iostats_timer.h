// Keeps those of RocksDB's per-thread I/O times that only the file system can
// keep.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

#include "rocksdb/iostats_context.h"
#include "rocksdb/perf_level.h"

namespace rocksdb_uring {

// Adds the nanoseconds of its scope to a counter of the calling thread's
// IOStatsContext, at the perf levels at which RocksDB's own timers run.
class IoStatsTimer {
 public:
  using Counter = uint64_t ROCKSDB_NAMESPACE::IOStatsContext::*;

  explicit IoStatsTimer(Counter counter)
      : counter_(counter),
        enabled_(ROCKSDB_NAMESPACE::GetPerfLevel() >=
                 ROCKSDB_NAMESPACE::PerfLevel::kEnableTimeExceptForMutex),
        start_(enabled_ ? Clock::now() : Clock::time_point()) {}
  ~IoStatsTimer() {
    if (enabled_) {
      ROCKSDB_NAMESPACE::get_iostats_context()->*counter_ +=
          static_cast<uint64_t>(
              std::chrono::duration_cast<std::chrono::nanoseconds>(
                  Clock::now() - start_)
                  .count());
    }
  }
  IoStatsTimer(const IoStatsTimer&) = delete;
  IoStatsTimer& operator=(const IoStatsTimer&) = delete;

 private:
  using Clock = std::chrono::steady_clock;
  const Counter counter_;
  const bool enabled_;
  const Clock::time_point start_;
};

}  // namespace rocksdb_uring
