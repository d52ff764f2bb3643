// How fast compactions may read ahead on a device, by what earlier reads have
// shown.
//
// A device that is limited in bytes or operations (a throttled control group, a
// cloud volume, a disk with platters) delivers no more when more is asked of
// it. A compaction that always has reads in flight takes all that there is, and
// every other read waits in the device's queue, or until the limit allows
// another request. RocksDB's own compaction leaves pauses: it reads, then
// works. So on such a device a compaction is held to a share of what it gets at
// full speed.
//
// The evidence is a piece that a thread has to wait for although it was asked
// for long ago. A device that is fast enough never shows it.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "env/base/mutex.h"

namespace rocksdb_uring {

// Of one device. Times are of MonotonicNs. Safe for concurrent use; never
// blocks.
class AheadPace {
 public:
  // A piece that is needed so long after it was asked for, and has not come,
  // shows a queue.
  static constexpr uint64_t kSlowNs = 50 * 1000 * 1000;
  // What the device then delivers is measured for so long. It is the device
  // that limits it if threads wait for a quarter of the time.
  static constexpr uint64_t kLookNs = 250 * 1000 * 1000;
  // Compactions get this share of it (env/MEASUREMENTS.md, Slow devices).
  static constexpr double kShare = 0.85;
  // After this time they run at full speed, until there is new evidence. If
  // that comes within kAgainNs, twice the time follows: a device that has
  // stopped for a moment is not a slow one.
  static constexpr uint64_t kValidNsMin = 2ull * 1000 * 1000 * 1000;
  static constexpr uint64_t kValidNsMax = 16 * kValidNsMin;
  static constexpr uint64_t kAgainNs = kValidNsMin;
  // So much may be asked for at once, lest each piece pause.
  static constexpr uint64_t kBurstNs = 10 * 1000 * 1000;
  // No pause is longer, whatever was measured.
  static constexpr uint64_t kPauseNsMax = 200 * 1000 * 1000;

  // A compaction has asked for `bytes` more. Returns what all have asked for,
  // to be passed to Came with this piece.
  uint64_t Asked(uint64_t bytes) {
    return asked_bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  }
  // For how long a compaction that has asked for `bytes` more is to do nothing,
  // so that others have their turn.
  uint64_t PauseNs(uint64_t bytes, uint64_t now_ns);
  // A thread has got the piece for which Asked has returned `asked`, `age_ns`
  // later, and has waited for it for `waited_ns`; 0: it was there.
  void Came(uint64_t asked, uint64_t age_ns, uint64_t waited_ns,
            uint64_t now_ns);

 private:
  // In bytes/ns. Valid until `valid_until_ns_`, for `valid_ns_`.
  std::atomic<double> rate_{0};
  std::atomic<uint64_t> valid_until_ns_{0};
  std::atomic<uint64_t> valid_ns_{0};
  // The measurement under way has begun then; 0: there is none.
  std::atomic<uint64_t> look_ns_{0};
  // What had come by then of what was asked for, and how long threads have
  // waited since.
  std::atomic<uint64_t> look_bytes_{0};
  std::atomic<uint64_t> waited_ns_{0};
  std::atomic<uint64_t> asked_bytes_{0};
  // At this time what was asked for has been delivered.
  std::atomic<uint64_t> busy_until_ns_{0};
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
