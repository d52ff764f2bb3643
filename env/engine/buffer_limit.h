// A limit on the buffers of several budgets together.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace rocksdb_uring {

class BufferBudget;

// Has no counter of its own, which every thread would write to: it adds up what
// its budgets count. So threads that ask two of them at the same moment may
// pass it by a buffer. Safe for concurrent use; takes no lock.
class BufferLimit {
 public:
  static constexpr size_t kBudgetsMax = 3;

  explicit BufferLimit(uint64_t bytes_max) : bytes_max_(bytes_max) {}
  BufferLimit(const BufferLimit&) = delete;
  BufferLimit& operator=(const BufferLimit&) = delete;

  // Before any of its budgets is used; they live as long as it does.
  // REQUIRES: they are no more than kBudgetsMax.
  void Join(BufferBudget* budget) { budgets_[count_++] = budget; }

  uint64_t bytes_max() const { return bytes_max_; }
  // Bytes that its budgets have given out, or keep.
  uint64_t held() const;
  // Frees what its budgets keep, at least `size` bytes together if there are so
  // many.
  void FreeKept(uint64_t size);

 private:
  const uint64_t bytes_max_;
  std::array<BufferBudget*, kBudgetsMax> budgets_ = {};
  size_t count_ = 0;
};

}  // namespace rocksdb_uring
