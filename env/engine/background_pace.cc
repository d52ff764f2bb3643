// Looks at what a device delivers, one look after the other.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/engine/background_pace.h"

#include <sys/stat.h>

#include <algorithm>

namespace rocksdb_uring {

bool BackgroundPace::MayStart(uint64_t bytes, bool awaited, uint64_t now_ns) {
  MutexLock lock(&mutex_);
  return (awaited || in_flight_ == 0 || in_flight_ + bytes <= kInFlightMax) &&
         (rate_ == 0 || due_ns_ <= now_ns + kBurstNs);
}

void BackgroundPace::Started(uint64_t bytes, uint64_t now_ns) {
  MutexLock lock(&mutex_);
  in_flight_ += bytes;
  look_.in_flight_max = std::max(look_.in_flight_max, in_flight_);
  if (rate_ > 0) {
    // Time in which nothing started is not made up for.
    const double takes_ns = static_cast<double>(bytes) / rate_;
    due_ns_ =
        std::min(std::max(due_ns_, now_ns) + static_cast<uint64_t>(takes_ns),
                 now_ns + kTurnNsMax);
  }
}

void BackgroundPace::Came(uint64_t bytes, uint64_t now_ns) {
  MutexLock lock(&mutex_);
  in_flight_ -= bytes;
  look_.came += bytes;
  if (now_ns >= look_.began_ns + kLookNs) {
    EndLook(now_ns);
  }
}

void BackgroundPace::Want(uint64_t now_ns) {
  MutexLock lock(&mutex_);
  if (wanted_++ == 0) {
    wanted_since_ns_ = now_ns;
  }
}

void BackgroundPace::Have(uint64_t now_ns) {
  MutexLock lock(&mutex_);
  if (--wanted_ == 0) {
    look_.wanted_ns += now_ns - std::min(now_ns, wanted_since_ns_);
  }
}

bool BackgroundPace::limited() {
  MutexLock lock(&mutex_);
  return rate_ > 0;
}

double BackgroundPace::LimitSeen(uint64_t now_ns) const {
  const uint64_t took = now_ns - look_.began_ns;
  // After a time without a compaction.
  if (took >= 4 * kLookNs || look_.wanted_ns < took / 4 * 3) {
    return 0;
  }
  const double limit =
      static_cast<double>(look_.came) / static_cast<double>(took);
  // With a rate it is that rate which limits, unless less has come.
  return static_cast<double>(look_.in_flight_max) >= limit * kSlowNs &&
                 (rate_ == 0 || limit < 0.9 * rate_)
             ? limit
             : 0;
}

void BackgroundPace::EndLook(uint64_t now_ns) {
  const uint64_t took = now_ns - look_.began_ns;
  if (wanted_ > 0) {
    look_.wanted_ns += now_ns - std::min(now_ns, wanted_since_ns_);
    wanted_since_ns_ = now_ns;
  }
  const double limit = LimitSeen(now_ns);
  if (now_ns >= fixed_until_ns_) {
    if (limit > 0 && last_limit_ > 0) {
      SetLimit((limit + last_limit_) / 2, now_ns);
    } else if (limit == 0 && rate_ > 0 && took < 4 * kLookNs) {
      rate_ *= kGrowth;
      rate_ = rate_ < kGrowthMax * limit_ ? rate_ : 0;
    }
  }
  // While there is a rate the one that it follows from counts as the last.
  last_limit_ = rate_ > 0 ? limit_ : limit;
  look_ = Look();
  look_.began_ns = now_ns;
  look_.in_flight_max = in_flight_;
}

void BackgroundPace::SetLimit(double limit, uint64_t now_ns) {
  fixed_ns_ = rate_ > 0 ? std::min(2 * fixed_ns_, kFixedNsMax) : kFixedNsMin;
  fixed_until_ns_ = now_ns + fixed_ns_;
  limit_ = limit;
  rate_ = kShare * limit;
  due_ns_ = now_ns;
}

BackgroundPace* BackgroundPaces::Of(int fd) {
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
