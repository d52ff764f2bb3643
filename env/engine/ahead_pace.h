// How much may be read ahead on a device, by what earlier reads have shown.
//
// A device that is limited in bytes (a throttled control group, a cloud volume,
// a disk with platters) delivers no more when more is asked of it. All that is
// read ahead then waits in its queue, and every other read of the process waits
// behind that. The evidence is a piece that a thread has to wait for although
// it was asked for long ago.
//
// A device that is limited in operations looks the same, but smaller pieces
// deliver less there. So the rates with the limit and without it are compared
// once, and a limit that costs much is dropped.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "env/base/mutex.h"

namespace rocksdb_uring {

// Of one device. Safe for concurrent use; never blocks.
class AheadPace {
 public:
  static constexpr uint64_t kNoLimit = std::numeric_limits<uint64_t>::max();
  // A piece that is needed so long after it was asked for, and has not come,
  // shows a queue (measured: env/MEASUREMENTS.md, Slow devices).
  static constexpr uint64_t kSlowNs = 50 * 1000 * 1000;
  // The limit is what the device delivers in this time.
  static constexpr uint64_t kAimNs = 25 * 1000 * 1000;
  // So long after it has shown a queue no more is asked of it.
  static constexpr uint64_t kPatienceNs = 10ull * 1000 * 1000 * 1000;
  // Each of the two rates is measured for so long. It is that of the device if
  // threads wait for a quarter of the time.
  static constexpr uint64_t kLookNs = 500 * 1000 * 1000;
  // A limit that leaves less than this share of the rate is futile, and there
  // is none for so long.
  static constexpr double kShareMin = 0.7;
  static constexpr uint64_t kFutileNs = 60ull * 1000 * 1000 * 1000;

  // Bytes that all streams together may have ahead; kNoLimit unless the device
  // has shown a queue.
  uint64_t limit() const { return limit_.load(std::memory_order_relaxed); }

  // A thread has waited for a piece, and got it `age_ns` after it was asked
  // for, while `bytes` were ahead. `now_ns` is of MonotonicNs. Returns whether
  // that shows a queue.
  bool Waited(uint64_t age_ns, uint64_t bytes, uint64_t now_ns);
  // A piece of `bytes` was there when it was needed. `bytes_max`: from here on
  // there is no limit.
  void InTime(uint64_t bytes, uint64_t bytes_max, uint64_t now_ns);
  // After either: a thread has got `bytes`, for which it has waited so long.
  void Came(uint64_t bytes, uint64_t waited_ns, uint64_t now_ns);

 private:
  enum class Look : uint8_t {
    kNone,
    // At the rate with the limit.
    kLimited,
    // At the rate without it: the limit is lifted meanwhile.
    kFree,
    // Done: the limit stays.
    kCompared,
  };

  void Begin(Look look, uint64_t from_ns);
  void EndLook(Look look, double rate, uint64_t now_ns);
  void Lower(uint64_t limit) {
    limit_.store(std::min(limit_.load(std::memory_order_relaxed), limit),
                 std::memory_order_relaxed);
  }

  std::atomic<uint64_t> limit_{kNoLimit};
  std::atomic<uint64_t> grows_at_ns_{0};
  std::atomic<uint64_t> futile_until_ns_{0};
  std::atomic<Look> look_{Look::kNone};
  // What has come since, and how long threads have waited for it.
  std::atomic<uint64_t> look_ns_{0};
  std::atomic<uint64_t> came_bytes_{0};
  std::atomic<uint64_t> waited_ns_{0};
  // What is compared with, and what comes back, after kFree.
  std::atomic<double> limited_rate_{0};
  std::atomic<uint64_t> lifted_limit_{0};
};

// Those of the devices that are read ahead of.
class AheadPaces {
 public:
  // Of the device that the file is on. Lives as long as this object. Takes a
  // lock.
  AheadPace* Of(int fd) URING_EXCLUDES(mutex_);

 private:
  // Further devices share the last one.
  static constexpr size_t kDevicesMax = 8;

  Mutex mutex_;
  std::array<uint64_t, kDevicesMax> devices_ URING_GUARDED_BY(mutex_) = {};
  size_t count_ URING_GUARDED_BY(mutex_) = 0;
  std::array<AheadPace, kDevicesMax> paces_;
};

}  // namespace rocksdb_uring
