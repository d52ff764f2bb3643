// SPDX-License-Identifier: Apache-2.0

#include "tests/faults/crash/delayed_ring.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "tests/support/engine/decorated_rings.h"

namespace rocksdb_uring {

namespace {

using Clock = std::chrono::steady_clock;

// Never, as far as anybody waits.
constexpr Clock::time_point kNever = Clock::time_point::max();

Clock::time_point After(uint64_t timeout_us) {
  return timeout_us == Ring::kNoTimeout
             ? kNever
             : Clock::now() + std::chrono::microseconds(timeout_us);
}

// At least 1, so that a wait for it gets beyond the moment.
uint64_t MicrosecondsUntil(Clock::time_point moment) {
  if (moment == kNever) {
    return Ring::kNoTimeout;
  }
  const auto left = std::chrono::duration_cast<std::chrono::microseconds>(
      moment - Clock::now());
  return left.count() < 1 ? 1 : static_cast<uint64_t>(left.count()) + 1;
}

}  // namespace

// Whoever may reap or wait owns `held_` and `random_`; who prepares and submits
// meanwhile touches the ring below only.
class DelayedRing final : public ForwardingRing {
 public:
  DelayedRing(std::unique_ptr<Ring> ring, CompletionDelay* delay)
      : ForwardingRing(std::move(ring)),
        delay_(delay),
        random_(delay->next_seed_++) {}

  int Submit() override {
    const int result = ForwardingRing::Submit();
    if (result > 0) {
      in_flight_ += static_cast<unsigned>(result);
    }
    return result;
  }

  int SubmitAndWait(unsigned count) override {
    const int result = Submit();
    // May end early: the caller asks again.
    for (size_t due = Due();
         result >= 0 && due < std::min<size_t>(count, in_flight_) &&
         WaitForMore(due, kNever) == 0;
         due = Due()) {
    }
    return result;
  }

  int Wait(unsigned /*count*/, uint64_t timeout_us) override {
    const Clock::time_point deadline = After(timeout_us);
    int result = 0;
    while (Due() == 0 && result == 0) {
      result = WaitForMore(0, deadline);
    }
    return result;
  }

  unsigned Reap(RingCompletion* completions, unsigned max) override {
    const unsigned count = static_cast<unsigned>(std::min<size_t>(Due(), max));
    for (unsigned i = 0; i < count; ++i) {
      completions[i] = held_[i].completion;
    }
    held_.erase(held_.begin(), held_.begin() + count);
    in_flight_ -= count;
    return count;
  }

 private:
  struct Held {
    Clock::time_point due;
    RingCompletion completion;
  };

  static bool Earlier(const Held& a, const Held& b) { return a.due < b.due; }

  std::chrono::microseconds RandomDelay() {
    return std::chrono::microseconds(
        std::min<uint64_t>((100 + random_() % 100) << random_() % 6, 5000));
  }

  // Takes what the kernel has completed, and says how many may be reaped now.
  // They are at the front of `held_`.
  size_t Due() {
    const Clock::time_point now = Clock::now();
    std::array<RingCompletion, 32> fresh;
    unsigned count = 0;
    while ((count = ForwardingRing::Reap(fresh.data(), fresh.size())) > 0) {
      delay_->count_.fetch_add(count, std::memory_order_relaxed);
      for (unsigned i = 0; i < count; ++i) {
        held_.push_back({now + RandomDelay(), fresh[i]});
      }
    }
    std::sort(held_.begin(), held_.end(), Earlier);
    return static_cast<size_t>(
        std::upper_bound(held_.begin(), held_.end(), Held{now, {}}, Earlier) -
        held_.begin());
  }

  // Waits until the kernel completes one more, or one more than the `due` ones
  // is due, or the deadline has come, which is -ETIME.
  int WaitForMore(size_t due, Clock::time_point deadline) {
    if (deadline != kNever && Clock::now() >= deadline) {
      return -ETIME;
    }
    const Clock::time_point next = due < held_.size() ? held_[due].due : kNever;
    const int result =
        ForwardingRing::Wait(1, MicrosecondsUntil(std::min(next, deadline)));
    return result == -ETIME ? 0 : result;
  }

  CompletionDelay* const delay_;
  std::mt19937_64 random_;
  std::vector<Held> held_;
  // Consumed by the kernel and not yet reaped.
  std::atomic<size_t> in_flight_{0};
};

RingFactory CompletionDelay::factory() {
  return DecoratedRings<DelayedRing>(this);
}

}  // namespace rocksdb_uring
