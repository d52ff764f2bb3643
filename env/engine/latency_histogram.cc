// Buckets of ten ranges for each power of two, and what is read from them.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/engine/latency_histogram.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace rocksdb_uring {

size_t LatencyBuckets::Of(uint64_t ns) {
  constexpr uint64_t kLast = (uint64_t{1} << kPowerMax) - 1;
  ns = std::clamp(ns, uint64_t{1} << kPowerMin, kLast);
  const int power = 63 - __builtin_clzll(ns);
  const uint64_t above = ns - (uint64_t{1} << power);
  return static_cast<size_t>(power - kPowerMin) * kPerPower +
         static_cast<size_t>((above * kPerPower) >> power);
}

uint64_t LatencyBuckets::Begin(size_t bucket) {
  const uint64_t power = uint64_t{1} << (kPowerMin + bucket / kPerPower);
  const uint64_t range = bucket % kPerPower;
  return power + (power * range + kPerPower - 1) / kPerPower;
}

uint64_t LatencyBuckets::Representative(size_t bucket) {
  const auto first = static_cast<double>(Begin(bucket));
  const auto last = static_cast<double>(Begin(bucket + 1) - 1);
  return static_cast<uint64_t>(2 * first * last / (first + last) + 0.5);
}

uint64_t LatencySnapshot::count() const {
  return std::accumulate(buckets.begin(), buckets.end(), uint64_t{0});
}

uint64_t LatencySnapshot::mean_ns() const {
  const uint64_t all = count();
  return all == 0 ? 0 : sum_ns / all;
}

uint64_t LatencySnapshot::Quantile(double part) const {
  const uint64_t all = count();
  if (all == 0) {
    return 0;
  }
  const auto rank = std::clamp<uint64_t>(
      static_cast<uint64_t>(std::ceil(part * static_cast<double>(all))), 1,
      all);
  uint64_t below = 0;
  size_t bucket = 0;
  while (below + buckets[bucket] < rank) {
    below += buckets[bucket++];
  }
  // No quantile exceeds the maximum, which is exact.
  const uint64_t time = LatencyBuckets::Representative(bucket);
  return max_ns == 0 ? time : std::min(time, max_ns);
}

uint64_t LatencySnapshot::CountUpTo(uint64_t ns) const {
  uint64_t sum = 0;
  for (size_t bucket = 0;
       bucket < buckets.size() && LatencyBuckets::Representative(bucket) <= ns;
       ++bucket) {
    sum += buckets[bucket];
  }
  return sum;
}

LatencySnapshot LatencySnapshot::Since(const LatencySnapshot& earlier) const {
  LatencySnapshot out = *this;
  for (size_t bucket = 0; bucket < buckets.size(); ++bucket) {
    out.buckets[bucket] -= earlier.buckets[bucket];
  }
  out.sum_ns -= earlier.sum_ns;
  return out;
}

void LatencyHistogram::Record(uint64_t ns, uint64_t count) {
  NoteSharedWrite(SharedBy::kShard);
  buckets_[LatencyBuckets::Of(ns)].fetch_add(count, std::memory_order_relaxed);
  sum_ns_.fetch_add(ns * count, std::memory_order_relaxed);
  uint64_t seen = max_ns_.load(std::memory_order_relaxed);
  while (seen < ns &&
         !max_ns_.compare_exchange_weak(seen, ns, std::memory_order_relaxed)) {
  }
}

void LatencyHistogram::AddTo(LatencySnapshot* snapshot) const {
  for (size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
    snapshot->buckets[bucket] +=
        buckets_[bucket].load(std::memory_order_relaxed);
  }
  snapshot->sum_ns += sum_ns_.load(std::memory_order_relaxed);
  snapshot->max_ns =
      std::max(snapshot->max_ns, max_ns_.load(std::memory_order_relaxed));
}

}  // namespace rocksdb_uring
