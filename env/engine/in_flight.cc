// Reads what threads have left in the table.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/engine/in_flight.h"

#include <algorithm>

#include "env/base/cpu_count.h"

namespace rocksdb_uring {

void InFlightReport::Consider(const InFlightOperation& operation) {
  const uint64_t age_ns = operation.start.ElapsedNs();
  if (!oldest.has_value() || age_ns > oldest->age_ns) {
    oldest = Oldest{age_ns, operation};
  }
}

InFlightTable::InFlightTable(size_t cpus)
    : slot_count_(ShardsFor(kPerCpu * cpus, kSlotsMin, kSlotsMax)),
      slots_(new Slot[slot_count_]) {}

InFlightTable::~InFlightTable() = default;

// What it reads may be of two operations, if the thread began the second one in
// the meantime: both are young, and the one that hangs stays as it is.
void InFlightTable::Slot::AddTo(InFlightReport* report) const {
  const uint64_t start = start_.load(std::memory_order_acquire);
  if (start == kFree || start == kBeingFilled) {
    return;
  }
  report->operations += count_.load(std::memory_order_relaxed);
  InFlightOperation operation;
  operation.start = StartTime::FromWord(start);
  operation.kind = kind_.load(std::memory_order_relaxed);
  operation.fd = fd_.load(std::memory_order_relaxed);
  operation.offset = offset_.load(std::memory_order_relaxed);
  report->Consider(operation);
}

void InFlightTable::AddTo(InFlightReport* report) const {
  for (size_t i = 0; i < slot_count_; ++i) {
    slots_[i].AddTo(report);
  }
  report->operations += static_cast<uint64_t>(
      std::max<int64_t>(0, unlisted_.load(std::memory_order_relaxed)));
}

size_t InFlightTable::memory_bytes() const {
  return slot_count_ * sizeof(Slot);
}

}  // namespace rocksdb_uring
