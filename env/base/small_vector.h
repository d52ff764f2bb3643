// A vector for a batch: elements live in place up to a size that fits nearly
// every caller, and on the heap beyond it.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace rocksdb_uring {

template <typename T, size_t kInPlace>
class SmallVector {
  static_assert(std::is_trivially_destructible<T>::value,
                "elements are never destroyed");

 public:
  // Room for `wanted` elements, fixed for life; for those in place only if
  // there is no memory for more.
  explicit SmallVector(size_t wanted) {
    if (wanted > kInPlace) {
      heap_.reset(new (std::nothrow) Slot[wanted]);
    }
    capacity_ = heap_ != nullptr ? wanted : kInPlace;
  }
  SmallVector(const SmallVector&) = delete;
  SmallVector& operator=(const SmallVector&) = delete;

  // REQUIRES: size() is below the capacity.
  template <typename... Args>
  T& emplace_back(Args&&... args) {
    return *new (&slots()[size_++]) T(std::forward<Args>(args)...);
  }
  void push_back(const T& value) { emplace_back(value); }

  void clear() { size_ = 0; }

  size_t capacity() const { return capacity_; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T* data() { return reinterpret_cast<T*>(slots()); }
  T& operator[](size_t i) { return data()[i]; }
  T* begin() { return data(); }
  T* end() { return data() + size_; }

 private:
  struct Slot {
    alignas(T) unsigned char bytes[sizeof(T)];
  };
  Slot* slots() { return heap_ != nullptr ? heap_.get() : in_place_; }

  size_t size_ = 0;
  size_t capacity_ = 0;
  std::unique_ptr<Slot[]> heap_;
  Slot in_place_[kInPlace];
};

}  // namespace rocksdb_uring
