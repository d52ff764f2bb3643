// How long operations took: counters for ranges of time that grow with the
// time itself.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "env/base/sharing.h"

namespace rocksdb_uring {

// Which counter a time belongs to. Each power of two is divided into ten equal
// ranges, and a range is represented by the number that lies between its ends
// by the same factor: it is wrong by less than 5 %. Sixteen ranges, which are
// found with a shift, would cost half as much memory again.
struct LatencyBuckets {
  static constexpr int kPowerMin = 6;   // 64 ns; shorter times count as such
  static constexpr int kPowerMax = 40;  // 18 minutes; and longer ones
  static constexpr uint64_t kPerPower = 10;
  static constexpr size_t kCount = (kPowerMax - kPowerMin) * kPerPower;

  static size_t Of(uint64_t ns);
  // The least time that belongs to the bucket.
  static uint64_t Begin(size_t bucket);
  static uint64_t Representative(size_t bucket);
};

// A copy of one or more histograms.
struct LatencySnapshot {
  std::array<uint64_t, LatencyBuckets::kCount> buckets{};
  uint64_t sum_ns = 0;
  uint64_t max_ns = 0;

  // Times in it.
  uint64_t count() const;
  uint64_t mean_ns() const;
  // The time that a part of all, above 0 and at most 1, did not exceed; 0 of
  // none.
  uint64_t Quantile(double part) const;
  // Times of at most `ns`, within 5 % of `ns`.
  uint64_t CountUpTo(uint64_t ns) const;
  // What has been added since `earlier`, a copy of the same histograms. The
  // maximum stays that of all.
  LatencySnapshot Since(const LatencySnapshot& earlier) const;
};

// Safe for concurrent use, without a lock.
class alignas(kCacheLineBytes) LatencyHistogram {
 public:
  // `count` operations took `ns` nanoseconds each.
  void Record(uint64_t ns, uint64_t count);
  // Adds the counts of this histogram.
  void AddTo(LatencySnapshot* snapshot) const;

 private:
  std::array<std::atomic<uint64_t>, LatencyBuckets::kCount> buckets_{};
  std::atomic<uint64_t> sum_ns_{0};
  std::atomic<uint64_t> max_ns_{0};
};

}  // namespace rocksdb_uring
