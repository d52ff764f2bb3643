// When a compaction's reads ahead may start.
//
// A compaction asks for the next bytes of all its inputs at about the same
// time, and needs them much later. If all of that goes to the device at once,
// every other read waits behind it: 44 MB of 22 inputs are 30 ms of a fast
// device, and a second of one that delivers 50 MB/s. So little of it is in
// flight at a time, and the rest is held back in the shards (shard_queue.h).
//
// A device that is limited in bytes or operations (a throttled control group, a
// cloud volume, a disk with platters) delivers no more when more is asked of
// it. A compaction that always has a read in flight uses the whole limit, even
// with one small read at a time. RocksDB's own compaction leaves pauses: it
// reads, then works. So on such a device compactions are held to a share of
// what they get at full speed.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "env/base/mutex.h"

namespace rocksdb_uring {

// Of one device. Times are of MonotonicNs. Safe for concurrent use; takes a
// lock, and never waits for the device.
class BackgroundPace {
 public:
  // So many bytes may be in flight at a time: enough for a fast device
  // (env/MEASUREMENTS.md, Slow devices).
  static constexpr uint64_t kInFlightMax = 2 << 20;
  // A device is looked at for so long at a time.
  static constexpr uint64_t kLookNs = 250 * 1000 * 1000;
  // Two looks in a row must show that the device limits what comes: reads were
  // held back or waited for in 3/4 of the time, and what was in flight at a
  // time took so long.
  static constexpr uint64_t kSlowNs = 10 * 1000 * 1000;
  // Then compactions get this share of what came, on average
  // (env/MEASUREMENTS.md, Slow devices).
  static constexpr double kShare = 0.75;
  // For this time. Then the rate grows by kGrowth with each look that shows no
  // limit, and is forgotten once it is kGrowthMax times the limit. If a look
  // shows the limit before, the rate follows from its average with the last
  // one, for twice the time.
  static constexpr uint64_t kFixedNsMin = 2ull * 1000 * 1000 * 1000;
  static constexpr uint64_t kFixedNsMax = 32 * kFixedNsMin;
  static constexpr double kGrowth = 1.25;
  static constexpr double kGrowthMax = 16;
  // So much of the rate may be asked for at once.
  static constexpr uint64_t kBurstNs = 10 * 1000 * 1000;
  // No read makes others wait longer, whatever was measured.
  static constexpr uint64_t kTurnNsMax = 200 * 1000 * 1000;

  // Whether a read of `bytes` may start now. `awaited`: a thread waits for it,
  // and what is in flight need not have come, since its own thread may be the
  // one that would notice.
  bool MayStart(uint64_t bytes, bool awaited, uint64_t now_ns)
      URING_EXCLUDES(mutex_);
  // One has started; one has come, or will not come.
  void Started(uint64_t bytes, uint64_t now_ns) URING_EXCLUDES(mutex_);
  void Came(uint64_t bytes, uint64_t now_ns) URING_EXCLUDES(mutex_);

  // From Want to Have a read is held back, or a thread waits for one. Several
  // may.
  void Want(uint64_t now_ns) URING_EXCLUDES(mutex_);
  void Have(uint64_t now_ns) URING_EXCLUDES(mutex_);

  // Whether compactions are held to a share.
  bool limited() URING_EXCLUDES(mutex_);

 private:
  struct Look {
    uint64_t began_ns = 0;
    uint64_t came = 0;
    // For how long reads were wanted, and how many bytes were in flight.
    uint64_t wanted_ns = 0;
    uint64_t in_flight_max = 0;
  };

  void EndLook(uint64_t now_ns) URING_REQUIRES(mutex_);
  // What the device has delivered, in bytes/ns; 0 if it was no limit.
  double LimitSeen(uint64_t now_ns) const URING_REQUIRES(mutex_);
  void SetLimit(double limit, uint64_t now_ns) URING_REQUIRES(mutex_);

  Mutex mutex_;
  uint64_t in_flight_ URING_GUARDED_BY(mutex_) = 0;
  uint64_t wanted_ URING_GUARDED_BY(mutex_) = 0;
  // Until when Look::wanted_ns is up to date, if there are any.
  uint64_t wanted_since_ns_ URING_GUARDED_BY(mutex_) = 0;
  Look look_ URING_GUARDED_BY(mutex_);
  double last_limit_ URING_GUARDED_BY(mutex_) = 0;
  // That of the device, from which the rate follows.
  double limit_ URING_GUARDED_BY(mutex_) = 0;
  // In bytes/ns; 0: none. Fixed until `fixed_until_ns_`, for `fixed_ns_`.
  double rate_ URING_GUARDED_BY(mutex_) = 0;
  uint64_t fixed_until_ns_ URING_GUARDED_BY(mutex_) = 0;
  uint64_t fixed_ns_ URING_GUARDED_BY(mutex_) = 0;
  // At this time, by the rate, what has started has come.
  uint64_t due_ns_ URING_GUARDED_BY(mutex_) = 0;
};

// The paces of all devices that compactions have used.
class BackgroundPaces {
 public:
  // Of the device that the file is on. Lives as long as this object. Takes a
  // lock.
  BackgroundPace* Of(int fd) URING_EXCLUDES(mutex_);

 private:
  // Further devices share the last one.
  static constexpr size_t kDevicesMax = 8;

  Mutex mutex_;
  std::array<uint64_t, kDevicesMax> devices_ URING_GUARDED_BY(mutex_) = {};
  size_t count_ URING_GUARDED_BY(mutex_) = 0;
  std::array<BackgroundPace, kDevicesMax> paces_;
};

}  // namespace rocksdb_uring
