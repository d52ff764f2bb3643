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
// in glibc). So each thread keeps those that it frees, a few of each size, for
// as long as it lives. A frame may be freed on another thread than it was made
// on: it is kept there.
class FrameCache {
 public:
  static constexpr std::size_t kStep = 256;
  static constexpr std::size_t kSizes = 16;
  static constexpr std::size_t kFramesMax = 64;

  FrameCache() = default;
  FrameCache(const FrameCache&) = delete;
  FrameCache& operator=(const FrameCache&) = delete;
  ~FrameCache() {
    gone_ = true;
    for (Shelf& shelf : shelves_) {
      while (shelf.top != nullptr) {
        ::operator delete(shelf.Take());
      }
    }
  }

  static void* Allocate(std::size_t size) {
    if (!Keeps(size)) {
      return ::operator new(size);
    }
    Shelf& shelf = OfThisThread().shelves_[(size - 1) / kStep];
    return shelf.top != nullptr
               ? shelf.Take()
               : ::operator new((size + kStep - 1) / kStep * kStep);
  }

  // `size` as it was asked for.
  static void Free(void* frame, std::size_t size) noexcept {
    if (Keeps(size)) {
      Shelf& shelf = OfThisThread().shelves_[(size - 1) / kStep];
      if (shelf.count < kFramesMax) {
        shelf.Put(frame);
        return;
      }
    }
    ::operator delete(frame);
  }

 private:
  struct Kept {
    Kept* next;
  };
  struct Shelf {
    Kept* top = nullptr;
    std::size_t count = 0;

    void Put(void* frame) noexcept {
      top = ::new (frame) Kept{top};
      ++count;
    }
    void* Take() noexcept {
      Kept* const frame = top;
      top = frame->next;
      --count;
      return frame;
    }
  };

  static bool Keeps(std::size_t size) noexcept {
    return FOLLY_CORO_CACHES_FRAMES && size <= kStep * kSizes && !gone_;
  }
  static FrameCache& OfThisThread() noexcept {
    static thread_local FrameCache cache;
    return cache;
  }

  // The thread is about to end, and other objects of its own end after this.
  static inline thread_local bool gone_ = false;

  Shelf shelves_[kSizes];
};

}  // namespace detail
}  // namespace coro
}  // namespace without_folly
}  // namespace folly
