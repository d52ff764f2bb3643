// Counts the bytes that the engine holds, so that its memory limit is a
// figure in the statistics and not an estimate.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "env/base/sharing.h"

namespace rocksdb_uring {

// Safe for concurrent use.
class MemoryAccount {
 public:
  void Add(size_t bytes) {
    NoteSharedWrite(SharedBy::kProcess);
    bytes_.fetch_add(static_cast<int64_t>(bytes), std::memory_order_relaxed);
  }
  void Subtract(size_t bytes) {
    NoteSharedWrite(SharedBy::kProcess);
    bytes_.fetch_sub(static_cast<int64_t>(bytes), std::memory_order_relaxed);
  }
  uint64_t bytes() const {
    const int64_t bytes = bytes_.load(std::memory_order_relaxed);
    return bytes > 0 ? static_cast<uint64_t>(bytes) : 0;
  }

 private:
  std::atomic<int64_t> bytes_{0};
};

// Standard allocator that books what a container holds. The account must
// outlive the container.
template <typename T>
class CountingAllocator {
 public:
  using value_type = T;

  explicit CountingAllocator(MemoryAccount* account) : account_(account) {}
  template <typename U>
  CountingAllocator(const CountingAllocator<U>& other)  // NOLINT: rebinding
      : account_(other.account()) {}

  T* allocate(size_t count) {
    T* memory = std::allocator<T>().allocate(count);
    account_->Add(count * sizeof(T));
    return memory;
  }
  void deallocate(T* memory, size_t count) {
    account_->Subtract(count * sizeof(T));
    std::allocator<T>().deallocate(memory, count);
  }

  MemoryAccount* account() const { return account_; }
  template <typename U>
  bool operator==(const CountingAllocator<U>& other) const {
    return account_ == other.account();
  }
  template <typename U>
  bool operator!=(const CountingAllocator<U>& other) const {
    return !(*this == other);
  }

 private:
  MemoryAccount* account_;
};

}  // namespace rocksdb_uring
