// The limit falls to what the device delivers at once, and grows piece by
// piece.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/engine/ahead_pace.h"

#include <sys/stat.h>

#include <algorithm>

namespace rocksdb_uring {

// Bytes in flight are the rate of the device times the age of a piece (Little's
// law), so the new limit follows from one piece. Threads may do this at once:
// one of them wins, and the others have seen the same queue.
bool AheadPace::Waited(uint64_t age_ns, uint64_t bytes, uint64_t now_ns) {
  if (age_ns < kSlowNs ||
      now_ns < futile_until_ns_.load(std::memory_order_relaxed)) {
    return false;
  }
  const Look look = look_.load(std::memory_order_relaxed);
  if (look == Look::kFree) {
    return true;
  }
  const auto aim = static_cast<uint64_t>(static_cast<double>(bytes) * kAimNs /
                                         static_cast<double>(age_ns));
  Lower(aim);
  grows_at_ns_.store(now_ns + kPatienceNs, std::memory_order_relaxed);
  if (look == Look::kNone) {
    // What was asked for before the limit comes first.
    Begin(Look::kLimited, now_ns + age_ns);
  }
  return true;
}

// Every piece in time allows another one, so the limit doubles with each round
// of the streams.
void AheadPace::InTime(uint64_t bytes, uint64_t bytes_max, uint64_t now_ns) {
  const uint64_t before = limit();
  if (before == kNoLimit ||
      now_ns < grows_at_ns_.load(std::memory_order_relaxed)) {
    return;
  }
  const bool grown = before + bytes < bytes_max;
  limit_.store(grown ? before + bytes : kNoLimit, std::memory_order_relaxed);
  if (!grown) {
    look_.store(Look::kNone, std::memory_order_relaxed);
  }
}

void AheadPace::Begin(Look look, uint64_t from_ns) {
  waited_ns_.store(0, std::memory_order_relaxed);
  look_ns_.store(from_ns, std::memory_order_relaxed);
  look_.store(look, std::memory_order_relaxed);
  // Last: who adds to the new sum knows when it began.
  came_bytes_.store(0, std::memory_order_release);
}

void AheadPace::Came(uint64_t bytes, uint64_t waited_ns, uint64_t now_ns) {
  const Look look = look_.load(std::memory_order_relaxed);
  if (look == Look::kNone || look == Look::kCompared ||
      now_ns < look_ns_.load(std::memory_order_relaxed)) {
    return;
  }
  const uint64_t came =
      came_bytes_.fetch_add(bytes, std::memory_order_acquire) + bytes;
  const uint64_t waited =
      waited_ns_.fetch_add(waited_ns, std::memory_order_relaxed) + waited_ns;
  const uint64_t took = now_ns - look_ns_.load(std::memory_order_relaxed);
  if (took < kLookNs) {
    return;
  }
  // One thread ends it.
  Look ended = look;
  if (!look_.compare_exchange_strong(ended, Look::kNone)) {
    return;
  }
  // Where threads take pieces at their leisure, it is not the device's rate.
  if (waited > took / 4) {
    EndLook(look, static_cast<double>(came) / static_cast<double>(took),
            now_ns);
  } else {
    if (look == Look::kFree) {
      Lower(lifted_limit_.load(std::memory_order_relaxed));
    }
    Begin(Look::kLimited, now_ns);
  }
}

void AheadPace::EndLook(Look look, double rate, uint64_t now_ns) {
  if (look == Look::kLimited) {
    limited_rate_.store(rate, std::memory_order_relaxed);
    lifted_limit_.store(limit(), std::memory_order_relaxed);
    limit_.store(kNoLimit, std::memory_order_relaxed);
    Begin(Look::kFree, now_ns);
  } else if (limited_rate_.load(std::memory_order_relaxed) < kShareMin * rate) {
    futile_until_ns_.store(now_ns + kFutileNs, std::memory_order_relaxed);
  } else {
    Lower(lifted_limit_.load(std::memory_order_relaxed));
    look_.store(Look::kCompared, std::memory_order_relaxed);
  }
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
