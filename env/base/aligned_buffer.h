// A block of memory aligned for direct I/O.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <utility>

namespace rocksdb_uring {

// `value` rounded up to a multiple of `alignment`, a power of two.
constexpr uint64_t RoundUp(uint64_t value, uint64_t alignment) {
  return (value + alignment - 1) & ~(alignment - 1);
}

constexpr bool IsAligned(uint64_t value, uint64_t alignment) {
  return (value & (alignment - 1)) == 0;
}

class AlignedBuffer {
 public:
  // Has memory that buffers are made of. Must outlive them.
  class Owner {
   public:
    // Called by the destructor of a buffer, on any thread. Must not throw.
    virtual void TakeBack(char* memory, size_t size) = 0;

   protected:
    ~Owner() = default;
  };

  AlignedBuffer() = default;

  // Of memory that goes back to `owner`.
  AlignedBuffer(char* memory, size_t size, Owner* owner)
      : data_(memory, Free(size, owner)), size_(size) {}

  // `alignment` is a power of two and at least sizeof(void*). The buffer is
  // empty (data() == nullptr) when the memory cannot be had.
  AlignedBuffer(size_t size, size_t alignment) {
    void* memory = nullptr;
    if (posix_memalign(&memory, alignment, size) == 0) {
      data_ = Memory(static_cast<char*>(memory), Free());
      size_ = size;
    }
  }

  // `size` rounded up to whole pages.
  static size_t WholePages(size_t size) {
    return RoundUp(size, static_cast<uint64_t>(sysconf(_SC_PAGESIZE)));
  }

  // At least `size` bytes in whole pages of their own, which a forked child
  // does not inherit: for what a device writes to while this process may fork.
  // Before Linux 6.5 direct I/O does not pin such pages: a fork shares them,
  // and what this process writes beside the data goes to a copy without them.
  // Empty when the memory cannot be had. A child must not destroy a buffer of
  // its parent's: the addresses may be in use for something else there.
  static AlignedBuffer NotInherited(size_t size) {
    AlignedBuffer buffer;
    size = WholePages(size);
    void* const memory = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
      return buffer;
    }
    buffer.data_ = Memory(static_cast<char*>(memory), Free(size));
    buffer.size_ = size;
    if (madvise(memory, size, MADV_DONTFORK) != 0) {
      return AlignedBuffer();
    }
    return buffer;
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
  class Free {
   public:
    Free() {}
    // Of what mmap has given, or another owner.
    explicit Free(size_t size, Owner* owner = nullptr)
        : size_(size), owner_(owner) {}
    void operator()(char* memory) const {
      if (owner_ != nullptr) {
        owner_->TakeBack(memory, size_);
      } else if (size_ > 0) {
        munmap(memory, size_);
      } else {
        std::free(memory);
      }
    }

   private:
    size_t size_ = 0;
    Owner* owner_ = nullptr;
  };
  using Memory = std::unique_ptr<char, Free>;

  Memory data_;
  size_t size_ = 0;
};

}  // namespace rocksdb_uring
