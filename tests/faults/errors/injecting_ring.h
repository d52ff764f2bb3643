// A ring whose requests fail on the injector's command.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <unordered_map>

#include "env/base/mutex.h"
#include "env/ring/forwarding_ring.h"

namespace rocksdb_uring {

// A request that must fail goes to the kernel as a NOP, and its completion gets
// the fault as its result. Syncs become NOPs without a fault, too: see
// interpose.cc.
class InjectingRing final : public ForwardingRing {
 public:
  // Wraps the kernel's rings.
  static RingFactory Factory();

  using ForwardingRing::ForwardingRing;

  bool Prepare(const RingRequest& request) override URING_EXCLUDES(mutex_);
  unsigned Reap(RingCompletion* completions, unsigned max) override
      URING_EXCLUDES(mutex_);

 private:
  Mutex mutex_;
  // The errno of each failing request in flight, by user_data.
  std::unordered_map<uint64_t, int> faults_ URING_GUARDED_BY(mutex_);
};

}  // namespace rocksdb_uring
