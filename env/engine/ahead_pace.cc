// Measures what a device delivers, and spreads what is asked of it.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/engine/ahead_pace.h"

#include <sys/stat.h>

#include <algorithm>

namespace rocksdb_uring {

// A device serves requests about in the order in which it gets them, so a piece
// that comes shows that all has come that was asked for before it. What threads
// have taken would show less: their windows fill meanwhile.
void AheadPace::Came(uint64_t asked, uint64_t age_ns, uint64_t waited_ns,
                     uint64_t now_ns) {
  uint64_t began = look_ns_.load(std::memory_order_acquire);
  if (began == 0) {
    if (waited_ns > 0 && age_ns >= kSlowNs &&
        now_ns >= valid_until_ns_.load(std::memory_order_relaxed)) {
      look_bytes_.store(asked, std::memory_order_relaxed);
      waited_ns_.store(0, std::memory_order_relaxed);
      look_ns_.store(now_ns, std::memory_order_release);
    }
    return;
  }
  const uint64_t waited =
      waited_ns_.fetch_add(waited_ns, std::memory_order_relaxed) + waited_ns;
  const uint64_t took = now_ns - std::min(now_ns, began);
  const uint64_t before = look_bytes_.load(std::memory_order_relaxed);
  // A piece that was there may have come long before.
  if (waited_ns == 0 || took < kLookNs || asked <= before ||
      !look_ns_.compare_exchange_strong(began, 0)) {
    return;
  }
  // Where threads take pieces at their leisure, it is not the device's rate.
  if (waited > took / 4) {
    const double rate = kShare * static_cast<double>(asked - before) /
                        static_cast<double>(took);
    rate_.store(rate, std::memory_order_relaxed);
    // The queue is as long as all windows by now, and others wait behind it.
    const uint64_t queued =
        asked_bytes_.load(std::memory_order_relaxed) - asked;
    busy_until_ns_.store(
        now_ns + static_cast<uint64_t>(static_cast<double>(queued) / rate),
        std::memory_order_relaxed);
    const uint64_t last = valid_until_ns_.load(std::memory_order_relaxed);
    const uint64_t valid = began < last + kAgainNs
                               ? std::min(2 * valid_ns_.load(), kValidNsMax)
                               : kValidNsMin;
    valid_ns_.store(valid);
    valid_until_ns_.store(now_ns + valid, std::memory_order_release);
  }
}

uint64_t AheadPace::PauseNs(uint64_t bytes, uint64_t now_ns) {
  if (now_ns >= valid_until_ns_.load(std::memory_order_acquire)) {
    return 0;
  }
  const auto cost = static_cast<uint64_t>(
      static_cast<double>(bytes) / rate_.load(std::memory_order_relaxed));
  // Time in which nothing was asked for is not made up for.
  uint64_t before = busy_until_ns_.load(std::memory_order_relaxed);
  uint64_t after = 0;
  do {
    after = std::max(before, now_ns) + cost;
  } while (!busy_until_ns_.compare_exchange_weak(before, after,
                                                 std::memory_order_relaxed));
  const uint64_t free = now_ns + kBurstNs;
  return std::min(after - std::min(after, free), kPauseNsMax);
}

AheadPace* AheadPaces::Of(int fd) {
  struct stat attributes = {};
  (void)fstat(fd, &attributes);
  const auto device = static_cast<uint64_t>(attributes.st_dev);
  MutexLock lock(&mutex_);
  size_t place = 0;
  while (place < count_ && devices_[place] != device) {
    ++place;
  }
  if (place == count_ && count_ < kDevicesMax) {
    devices_[count_++] = device;
  }
  return &paces_[std::min(place, kDevicesMax - 1)];
}

}  // namespace rocksdb_uring
