// Memory of tasks' frames, kept for the next ones.
#pragma once

#include <cstddef>
#include <new>

// A sanitizer is to see every frame come and go.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FOLLY_CORO_CACHES_FRAMES 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define FOLLY_CORO_CACHES_FRAMES 0
#endif
#endif
#ifndef FOLLY_CORO_CACHES_FRAMES
#define FOLLY_CORO_CACHES_FRAMES 1
#endif

namespace folly {
inline namespace without_folly {
namespace coro {
namespace detail {

// A MultiGet makes and destroys a few frames for every file that it visits,
// most of them larger than what malloc keeps at hand for a thread (1032 bytes
// in glibc): RocksDB's coroutines hold buffers of 8 KiB and lists of 32
// requests. So each thread keeps those that it frees, up to kBytesMax, for as
// long as it lives. A frame may be freed on another thread than it was made on:
// it is kept there.
class FrameCache {
 public:
  static constexpr std::size_t kStep = 256;
  static constexpr std::size_t kSizes = 64;
  // What 32 lookups, one in each of 32 files, have at once.
  static constexpr std::size_t kBytesMax = 512 << 10;

  FrameCache() = default;
  FrameCache(const FrameCache&) = delete;
  FrameCache& operator=(const FrameCache&) = delete;
  ~FrameCache() {
    gone_ = true;
    for (Kept*& top : shelves_) {
      while (top != nullptr) {
        ::operator delete(Take(&top));
      }
    }
  }

  static void* Allocate(std::size_t size) {
    if (!Fits(size)) {
      return ::operator new(size);
    }
    if (!gone_) {
      FrameCache& cache = OfThisThread();
      Kept*& top = cache.shelves_[Index(size)];
      if (top != nullptr) {
        cache.bytes_ -= Rounded(size);
        return Take(&top);
      }
    }
    // Also where none is kept: another thread may free it, and keep it.
    return ::operator new(Rounded(size));
  }

  // `size` as it was asked for.
  static void Free(void* frame, std::size_t size) noexcept {
    if (Fits(size) && !gone_) {
      FrameCache& cache = OfThisThread();
      if (cache.bytes_ + Rounded(size) <= kBytesMax) {
        cache.bytes_ += Rounded(size);
        Kept*& top = cache.shelves_[Index(size)];
        top = ::new (frame) Kept{top};
        return;
      }
    }
    ::operator delete(frame);
  }

 private:
  struct Kept {
    Kept* next;
  };

  static bool Fits(std::size_t size) noexcept {
    return FOLLY_CORO_CACHES_FRAMES && size <= kStep * kSizes;
  }
  static std::size_t Index(std::size_t size) noexcept {
    return (size - 1) / kStep;
  }
  static std::size_t Rounded(std::size_t size) noexcept {
    return (Index(size) + 1) * kStep;
  }
  static void* Take(Kept** top) noexcept {
    Kept* const frame = *top;
    *top = frame->next;
    return frame;
  }
  static FrameCache& OfThisThread() noexcept {
    static thread_local FrameCache cache;
    return cache;
  }

  // The thread is about to end, and other objects of its own end after this.
  static inline thread_local bool gone_ = false;

  // Those of up to kStep bytes, of up to twice that, and so on.
  Kept* shelves_[kSizes] = {};
  std::size_t bytes_ = 0;
};

}  // namespace detail
}  // namespace coro
}  // namespace without_folly
}  // namespace folly
