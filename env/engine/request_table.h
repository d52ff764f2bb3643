// The requests of one ring that have not been completed, by their tags.
//
// A tag is what a request carries through the kernel: the number of a slot and
// how often the slot has been used. A completion that names no request of ours,
// or one that is long complete, is recognised by it.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "env/engine/io_op.h"

namespace rocksdb_uring {

// REQUIRES: external synchronization.
class RequestTable {
 public:
  // Of a request without operation: never one of a slot.
  static constexpr uint64_t kControlTag = UINT64_MAX;

  // Makes room for `capacity` requests; false if there is no memory for them.
  // REQUIRES: the table is empty.
  bool Reserve(size_t capacity);

  // The tag of a new request. REQUIRES: fewer than capacity() are in it.
  uint64_t Add(IoOp* op);
  // Its operation; null if no request of the table has this tag.
  IoOp* Find(uint64_t tag) const;
  // REQUIRES: Find(tag) != nullptr.
  void Remove(uint64_t tag);

  // Remembers that the request is to be cancelled when there is room for it.
  // REQUIRES: Find(tag) != nullptr.
  void WantCancel(uint64_t tag);
  // Forgets one such wish and returns its tag; null if there is none.
  std::optional<uint64_t> TakeWantedCancel();
  void ForgetWantedCancels();

  // Calls `function` with each operation, in no order.
  template <typename Function>
  void ForEach(const Function& function) const {
    for (uint32_t i = 0; i < capacity_; ++i) {
      if (slots_[i].op != nullptr) {
        function(*slots_[i].op);
      }
    }
  }

  size_t capacity() const { return capacity_; }
  // Bytes that it has allocated.
  size_t memory_bytes() const { return capacity_ * sizeof(Slot); }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;

  struct Slot {
    // Null while the slot is free.
    IoOp* op;
    uint32_t generation;
    // While free: the next free slot. Else whether a cancel is wanted.
    uint32_t next_free_or_cancel;
  };

  uint64_t TagOf(uint32_t slot) const {
    return (static_cast<uint64_t>(slots_[slot].generation) << 32) | slot;
  }

  std::unique_ptr<Slot[]> slots_;
  uint32_t capacity_ = 0;
  uint32_t first_free_ = kNone;
  size_t cancels_wanted_ = 0;
};

}  // namespace rocksdb_uring
