// operator new and delete on malloc, with one failure when a test says so.
//
// SPDX-License-Identifier: Apache-2.0
#include "tests/support/engine/failing_allocations.h"

#include <cstdlib>
#include <new>

namespace rocksdb_uring {

namespace {

// Allocations until the one that fails; 0 for none, or when it has failed.
thread_local uint64_t allocations_left = 0;
thread_local bool has_failed = false;

bool MustFail() {
  if (allocations_left == 0 || --allocations_left > 0) {
    return false;
  }
  has_failed = true;
  return true;
}

}  // namespace

FailingAllocation::FailingAllocation(uint64_t nth) {
  has_failed = false;
  allocations_left = nth;
}

FailingAllocation::~FailingAllocation() { allocations_left = 0; }

bool FailingAllocation::failed() const { return has_failed; }

}  // namespace rocksdb_uring

void* operator new(size_t size, const std::nothrow_t&) noexcept {
  return rocksdb_uring::MustFail() ? nullptr
                                   : std::malloc(size == 0 ? 1 : size);
}
void* operator new(size_t size) {
  void* const memory = operator new(size, std::nothrow);
  if (memory == nullptr) {
    throw std::bad_alloc();
  }
  return memory;
}
void* operator new[](size_t size) { return operator new(size); }
void* operator new[](size_t size, const std::nothrow_t&) noexcept {
  return operator new(size, std::nothrow);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, const std::nothrow_t&) noexcept {
  std::free(memory);
}

// Of types with a cache line of their own.
void* operator new(size_t size, std::align_val_t alignment,
                   const std::nothrow_t&) noexcept {
  const size_t boundary = static_cast<size_t>(alignment);
  const size_t whole = (size + boundary - 1) / boundary * boundary;
  return rocksdb_uring::MustFail() ? nullptr
                                   : std::aligned_alloc(boundary, whole);
}
void* operator new(size_t size, std::align_val_t alignment) {
  void* const memory = operator new(size, alignment, std::nothrow);
  if (memory == nullptr) {
    throw std::bad_alloc();
  }
  return memory;
}
void* operator new[](size_t size, std::align_val_t alignment) {
  return operator new(size, alignment);
}
void* operator new[](size_t size, std::align_val_t alignment,
                     const std::nothrow_t&) noexcept {
  return operator new(size, alignment, std::nothrow);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, size_t, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t,
                     const std::nothrow_t&) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, size_t, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::align_val_t,
                       const std::nothrow_t&) noexcept {
  std::free(memory);
}
