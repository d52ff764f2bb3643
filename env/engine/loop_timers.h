// What a loop is to do at a time.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

#include "env/base/clock.h"

namespace rocksdb_uring {

// Linked into its loop, because to read must not need memory. Owned by who
// adds it.
struct LoopTimer {
  using Function = void (*)(LoopTimer* timer);

  Deadline at;
  // Called once, when the timer is in no list any more: it may free it.
  Function late = nullptr;
  LoopTimer* previous = nullptr;
  LoopTimer* next = nullptr;
};

// In the order of their times. Of one thread.
class LoopTimers {
 public:
  // From the back: deadlines of reads that begin later are mostly later.
  void Add(LoopTimer* timer) {
    LoopTimer* before = last_;
    while (before != nullptr && timer->at < before->at) {
      before = before->previous;
    }
    LoopTimer* const after = before == nullptr ? first_ : before->next;
    timer->previous = before;
    timer->next = after;
    (before == nullptr ? first_ : before->next) = timer;
    (after == nullptr ? last_ : after->previous) = timer;
  }
  // REQUIRES: it was added, and is not late yet.
  void Remove(LoopTimer* timer) {
    (timer->previous == nullptr ? first_ : timer->previous->next) = timer->next;
    (timer->next == nullptr ? last_ : timer->next->previous) = timer->previous;
  }

  // Calls what is late; returns whether there was anything.
  bool Expire() {
    bool any = false;
    while (first_ != nullptr && first_->at.passed()) {
      LoopTimer* const timer = first_;
      Remove(timer);
      timer->late(timer);
      any = true;
    }
    return any;
  }
  // Microseconds until the first one, at most `max_us`.
  uint64_t LeftUs(uint64_t max_us) const {
    return first_ == nullptr ? max_us : std::min(max_us, first_->at.LeftUs());
  }

 private:
  LoopTimer* first_ = nullptr;
  LoopTimer* last_ = nullptr;
};

}  // namespace rocksdb_uring
