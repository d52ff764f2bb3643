// A block of memory aligned for direct I/O.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <utility>

namespace rocksdb_uring {

class AlignedBuffer {
 public:
  AlignedBuffer() = default;

  // `alignment` is a power of two and at least sizeof(void*). The buffer is
  // empty (data() == nullptr) when the memory cannot be had.
  AlignedBuffer(size_t size, size_t alignment) {
    void* memory = nullptr;
    if (posix_memalign(&memory, alignment, size) == 0) {
      data_.reset(static_cast<char*>(memory));
      size_ = size;
    }
  }

  AlignedBuffer(AlignedBuffer&& other) noexcept
      : data_(std::move(other.data_)), size_(std::exchange(other.size_, 0)) {}
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    data_ = std::move(other.data_);
    size_ = std::exchange(other.size_, 0);
    return *this;
  }

  char* data() const { return data_.get(); }
  size_t size() const { return size_; }

 private:
  struct Free {
    void operator()(char* memory) const { std::free(memory); }
  };
  std::unique_ptr<char, Free> data_;
  size_t size_ = 0;
};

// `value` rounded up to a multiple of `alignment`, a power of two.
constexpr uint64_t RoundUp(uint64_t value, uint64_t alignment) {
  return (value + alignment - 1) & ~(alignment - 1);
}

constexpr bool IsAligned(uint64_t value, uint64_t alignment) {
  return (value & (alignment - 1)) == 0;
}

}  // namespace rocksdb_uring
