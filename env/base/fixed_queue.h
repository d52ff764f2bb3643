// A first-in, first-out queue of a capacity that is set beforehand, so that
// nothing is allocated while it is in use.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace rocksdb_uring {

template <typename T>
class FixedQueue {
  static_assert(std::is_trivially_copyable<T>::value, "elements are numbers");

 public:
  // Makes room for `capacity` elements; false if there is no memory for them:
  // the queue is as before then. REQUIRES: empty().
  bool Reserve(size_t capacity) {
    if (capacity <= capacity_) {
      return true;
    }
    std::unique_ptr<T[]> items(new (std::nothrow) T[capacity]);
    if (items == nullptr) {
      return false;
    }
    items_ = std::move(items);
    capacity_ = capacity;
    first_ = 0;
    return true;
  }

  // REQUIRES: size() < capacity().
  void push_back(T item) { items_[(first_ + size_++) % capacity_] = item; }
  // REQUIRES: count <= size().
  void pop_front(size_t count) {
    size_ -= count;
    first_ = size_ == 0 ? 0 : (first_ + count) % capacity_;
  }
  // REQUIRES: i < size().
  T operator[](size_t i) const { return items_[(first_ + i) % capacity_]; }

  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }
  size_t capacity() const { return capacity_; }
  // Bytes that it has allocated.
  size_t memory_bytes() const { return capacity_ * sizeof(T); }

 private:
  std::unique_ptr<T[]> items_;
  size_t capacity_ = 0;
  size_t first_ = 0;
  size_t size_ = 0;
};

}  // namespace rocksdb_uring
