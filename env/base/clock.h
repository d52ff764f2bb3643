// The clocks by which the engine takes times, in nanoseconds.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <time.h>

#include <cstdint>

namespace rocksdb_uring {

inline uint64_t ReadClock(clockid_t clock) {
  timespec now = {};
  clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000 +
         static_cast<uint64_t>(now.tv_nsec);
}

// Costs 20 to 30 ns.
inline uint64_t MonotonicNs() { return ReadClock(CLOCK_MONOTONIC); }

// The same time at the last tick of the kernel, up to 10 ms ago. Costs 6 ns.
inline uint64_t CoarseMonotonicNs() {
  return ReadClock(CLOCK_MONOTONIC_COARSE);
}

// A moment by which something is to end, by the monotonic clock; or none.
class Deadline {
 public:
  static constexpr uint64_t kNoLimit = UINT64_MAX;

  Deadline() = default;
  static Deadline In(uint64_t microseconds) {
    Deadline deadline;
    const uint64_t now = MonotonicNs();
    deadline.at_ns_ = microseconds < (kNoLimit - now) / 1000
                          ? now + microseconds * 1000
                          : kNoLimit;
    return deadline;
  }

  bool exists() const { return at_ns_ != kNoLimit; }
  // Microseconds that are left, rounded up; 0 once it has passed, kNoLimit if
  // there is none.
  uint64_t LeftUs() const {
    if (!exists()) {
      return kNoLimit;
    }
    const uint64_t now = MonotonicNs();
    return now >= at_ns_ ? 0 : (at_ns_ - now + 999) / 1000;
  }
  bool passed() const { return LeftUs() == 0; }
  bool operator<(const Deadline& other) const { return at_ns_ < other.at_ns_; }

 private:
  uint64_t at_ns_ = kNoLimit;
};

// The start of an operation, by one of the two clocks. A word of memory, so
// that another thread can read it from an atomic variable.
class StartTime {
 public:
  // Of nothing: it takes no time.
  StartTime() = default;
  static StartTime Exact() { return StartTime(MonotonicNs() & ~kCoarseBit); }
  static StartTime Coarse() {
    return StartTime(CoarseMonotonicNs() | kCoarseBit);
  }
  static StartTime FromWord(uint64_t word) { return StartTime(word); }

  bool exact() const { return word_ != 0 && (word_ & kCoarseBit) == 0; }
  // Never 0 or 1, unless it is the start of nothing.
  uint64_t word() const { return word_; }
  // By the clock that it was taken from.
  uint64_t ElapsedNs() const {
    if (word_ == 0) {
      return 0;
    }
    const uint64_t now = exact() ? MonotonicNs() : CoarseMonotonicNs();
    return now > word_ ? now - word_ : 0;
  }

 private:
  // One nanosecond tells which clock it was.
  static constexpr uint64_t kCoarseBit = 1;

  explicit StartTime(uint64_t word) : word_(word) {}

  uint64_t word_ = 0;
};

}  // namespace rocksdb_uring
