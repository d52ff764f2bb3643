// The kernel's rings with some of their calls changed.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <utility>

#include "env/ring/forwarding_ring.h"

namespace rocksdb_uring {

// Creates real rings and wraps each in a Decorator, a ForwardingRing whose
// constructor takes the real ring and then `arguments`. What they point to must
// outlive the rings. Safe for concurrent use if the constructor is.
template <typename Decorator, typename... Arguments>
RingFactory DecoratedRings(Arguments... arguments) {
  return [=](const RingOptions& options) {
    RingOrError made = CreateRing(options);
    if (made.ring != nullptr) {
      made.ring =
          std::make_unique<Decorator>(std::move(made.ring), arguments...);
    }
    return made;
  };
}

}  // namespace rocksdb_uring
