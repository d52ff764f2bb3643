// Threads that run coroutines and their reads.
#pragma once

#include "folly/io/async/EventBase.h"

namespace folly {
inline namespace without_folly {

// Where an IOExecutor takes its threads from.
class EventBaseSource {
 public:
  // The one of this thread if it is one of them, else any. Never null. Safe for
  // concurrent use.
  virtual EventBase* PickEventBase() = 0;

 protected:
  ~EventBaseSource() = default;
};

}  // namespace without_folly

// RocksDB's public headers declare it, so it cannot be in the inline namespace.
// It has no virtual functions and nothing but inline ones: no symbol that a
// linked folly might have, too.
class IOExecutor {
 public:
  // `source` is not owned.
  [[gnu::always_inline]] explicit IOExecutor(EventBaseSource* source) noexcept
      : source_(source) {}

  // The event base of the calling thread if it is one of this executor's, else
  // one of all in turn: what a coroutine starts stays on its thread.
  [[gnu::always_inline]] EventBase* getEventBase() const {
    return source_->PickEventBase();
  }

 private:
  EventBaseSource* source_;
};

}  // namespace folly
