// A device of which compactions get a share.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "env/base/clock.h"
#include "env/engine/background_pace.h"

namespace rocksdb_uring {

// As after reads from a device that delivers 4 MB/s. Nothing is in flight.
inline void LimitCompactions(BackgroundPace* pace) {
  constexpr uint64_t kBytes = BackgroundPace::kInFlightMax;
  constexpr uint64_t kTakesNs = 2 * BackgroundPace::kLookNs;
  // The rest of an old look, and two that show the limit.
  constexpr int kLooks = 3;
  uint64_t now = MonotonicNs() - kLooks * kTakesNs;
  pace->Want(now);
  for (int i = 0; i < kLooks; ++i) {
    pace->Started(kBytes, now);
    now += kTakesNs;
    pace->Came(kBytes, now);
  }
  pace->Have(now);
}

}  // namespace rocksdb_uring
