// A function object that is called once and moved around in between.
#pragma once

#include <cassert>
#include <cstddef>
#include <functional>
#include <new>
#include <type_traits>
#include <utility>

namespace folly {
inline namespace without_folly {

// Holds something callable without arguments and results, which need not be
// copyable. What fits into five pointers is kept inside: resuming a coroutine
// on an executor allocates nothing. Moved-from and default-constructed objects
// are empty.
// REQUIRES: external synchronization.
class Func {
 public:
  Func() noexcept = default;

  template <typename Callable,
            typename = std::enable_if_t<
                !std::is_same_v<std::decay_t<Callable>, Func> &&
                std::is_invocable_v<std::decay_t<Callable>&>>>
  Func(Callable&&
           callable) {  // NOLINT: a callable is a Func, as with std::function
    using Kind = std::decay_t<Callable>;
    if constexpr (kFits<Kind>) {
      ::new (storage_.bytes) Kind(std::forward<Callable>(callable));
      operations_ = &kInside<Kind>;
    } else {
      storage_.pointer = new Kind(std::forward<Callable>(callable));
      operations_ = &kOutside<Kind>;
    }
  }

  Func(Func&& other) noexcept { Take(other); }
  Func& operator=(Func&& other) noexcept {
    if (this != &other) {
      Clear();
      Take(other);
    }
    return *this;
  }
  ~Func() { Clear(); }

  explicit operator bool() const noexcept { return operations_ != nullptr; }

  // REQUIRES: not empty. The object may be destroyed by what it calls.
  void operator()() {
    assert(operations_ != nullptr);
    operations_->call(storage_);
  }

 private:
  union Storage {
    void* pointer;
    alignas(void*) unsigned char bytes[5 * sizeof(void*)];
  };

  // What differs by the type that is held.
  struct Operations {
    void (*call)(Storage&);
    void (*move)(Storage& from, Storage& to) noexcept;  // destroys `from`
    void (*destroy)(Storage&) noexcept;
  };

  template <typename Kind>
  static constexpr bool kFits = sizeof(Kind) <= sizeof(Storage) &&
                                alignof(Kind) <= alignof(void*) &&
                                std::is_nothrow_move_constructible_v<Kind>;

  template <typename Kind>
  static Kind& Inside(Storage& storage) noexcept {
    return *std::launder(reinterpret_cast<Kind*>(storage.bytes));
  }
  template <typename Kind>
  static Kind& Outside(Storage& storage) noexcept {
    return *static_cast<Kind*>(storage.pointer);
  }

  template <typename Kind>
  static constexpr Operations kInside = {
      [](Storage& storage) { Inside<Kind>(storage)(); },
      [](Storage& from, Storage& to) noexcept {
        ::new (to.bytes) Kind(std::move(Inside<Kind>(from)));
        Inside<Kind>(from).~Kind();
      },
      [](Storage& storage) noexcept { Inside<Kind>(storage).~Kind(); }};

  template <typename Kind>
  static constexpr Operations kOutside = {
      [](Storage& storage) { Outside<Kind>(storage)(); },
      [](Storage& from, Storage& to) noexcept { to.pointer = from.pointer; },
      [](Storage& storage) noexcept { delete &Outside<Kind>(storage); }};

  void Take(Func& other) noexcept {
    operations_ = std::exchange(other.operations_, nullptr);
    if (operations_ != nullptr) {
      operations_->move(other.storage_, storage_);
    }
  }
  void Clear() noexcept {
    if (const Operations* operations = std::exchange(operations_, nullptr)) {
      operations->destroy(storage_);
    }
  }

  const Operations* operations_ = nullptr;
  Storage storage_;
};

}  // namespace without_folly
}  // namespace folly
