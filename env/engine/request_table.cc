// The requests of one ring: slots in an array, the free ones in a list through
// themselves.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/engine/request_table.h"

#include <algorithm>
#include <new>
#include <utility>

namespace rocksdb_uring {

bool RequestTable::Reserve(size_t capacity) {
  if (capacity <= capacity_) {
    return true;
  }
  std::unique_ptr<Slot[]> slots(new (std::nothrow) Slot[capacity]);
  if (slots == nullptr) {
    return false;
  }
  // Generations go on: completions of the last ring may still be about.
  std::copy(slots_.get(), slots_.get() + capacity_, slots.get());
  for (uint32_t i = capacity_; i < capacity; ++i) {
    slots[i] = {nullptr, 0, first_free_};
    first_free_ = i;
  }
  slots_ = std::move(slots);
  capacity_ = static_cast<uint32_t>(capacity);
  return true;
}

// The slot that was freed last is used first: its line is in the cache. Its
// generation tells the new request from the old one.
uint64_t RequestTable::Add(IoOp* op) {
  const uint32_t slot = first_free_;
  first_free_ = slots_[slot].next_free_or_cancel;
  slots_[slot].op = op;
  slots_[slot].next_free_or_cancel = 0;
  return TagOf(slot);
}

IoOp* RequestTable::Find(uint64_t tag) const {
  const auto slot = static_cast<uint32_t>(tag);
  return slot < capacity_ && TagOf(slot) == tag ? slots_[slot].op : nullptr;
}

void RequestTable::Remove(uint64_t tag) {
  // The wish for a cancel goes with the request: from here on the same word
  // links the free slots.
  const auto slot = static_cast<uint32_t>(tag);
  cancels_wanted_ -= slots_[slot].next_free_or_cancel;
  slots_[slot].op = nullptr;
  ++slots_[slot].generation;
  slots_[slot].next_free_or_cancel = first_free_;
  first_free_ = slot;
}

void RequestTable::WantCancel(uint64_t tag) {
  Slot* const slot = &slots_[static_cast<uint32_t>(tag)];
  cancels_wanted_ += 1 - slot->next_free_or_cancel;
  slot->next_free_or_cancel = 1;
}

std::optional<uint64_t> RequestTable::TakeWantedCancel() {
  // Rarely more than none: Cancel finds room at once unless the ring is full.
  for (uint32_t i = 0; cancels_wanted_ > 0 && i < capacity_; ++i) {
    if (slots_[i].op != nullptr && slots_[i].next_free_or_cancel == 1) {
      slots_[i].next_free_or_cancel = 0;
      --cancels_wanted_;
      return TagOf(i);
    }
  }
  return std::nullopt;
}

void RequestTable::ForgetWantedCancels() {
  while (TakeWantedCancel()) {
  }
}

}  // namespace rocksdb_uring
