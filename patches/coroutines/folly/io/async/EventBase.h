// A thread that runs functions and coroutines.
#pragma once

#include "folly/Executor.h"

namespace folly {
inline namespace without_folly {

// Runs all that it is given on one thread, in the order of add(), and never
// inside add(). All functions are safe for concurrent use.
class EventBase : public Executor {
 public:
  // Whether this thread is the one.
  virtual bool isInEventBaseThread() const noexcept = 0;
};

}  // namespace without_folly
}  // namespace folly
