// Follows a call of Run from its start to its results.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "env/base/clock.h"
#include "env/engine/in_flight.h"
#include "env/engine/io_op.h"
#include "env/engine/sampling.h"
#include "env/engine/statistics.h"

namespace rocksdb_uring {

// Whether a look at the exact clock would cost more than a hundredth of it: a
// small buffered transfer may end in the page cache.
inline bool MayBeBrief(const IoOp* ops, size_t count) {
  constexpr uint64_t kSmall = 64 << 10;
  return count == 1 && ops->alignment == 0 && ops->length <= kSmall &&
         (ops->kind == IoKind::kRead || ops->kind == IoKind::kWrite);
}

// Of brief operations a sample is timed exactly, all others always are. The
// coarse clock tells how long those have hung that do not return; to read it at
// the end as well, to see which were slow, costs 30 ns behind a system call.
inline StartTime StartOf(const IoOp* ops, size_t count) {
  return MayBeBrief(ops, count) && !TakeSample() ? StartTime::Coarse()
                                                 : StartTime::Exact();
}

// Shows the operations as in flight from its construction to End, or to its
// destruction: a thread may be cancelled in a system call.
class RunWatch {
 public:
  // `statistics` is not owned. REQUIRES: count > 0.
  RunWatch(const IoOp* ops, size_t count, StartTime start,
           Statistics* statistics)
      : statistics_(statistics),
        start_(start),
        count_(count),
        slot_(statistics->in_flight()->Enter(InFlight(*ops, start), count)) {}
  ~RunWatch() {
    if (!ended_) {
      statistics_->in_flight()->Leave(slot_, count_);
    }
  }
  RunWatch(const RunWatch&) = delete;
  RunWatch& operator=(const RunWatch&) = delete;

  // Counts the operations, which have their results. To be called before they
  // are given back to their owners.
  void End(const IoOp* ops) {
    statistics_->in_flight()->Leave(slot_, count_);
    ended_ = true;
    CountCompleted(ops, count_, start_, statistics_);
  }

 private:
  Statistics* const statistics_;
  const StartTime start_;
  const size_t count_;
  InFlightTable::Slot* const slot_;
  bool ended_ = false;
};

}  // namespace rocksdb_uring
