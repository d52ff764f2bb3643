// A ring that tells the recorder what is submitted on it and what of that has
// been reaped.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <map>
#include <memory>

#include "env/base/mutex.h"
#include "env/ring/forwarding_ring.h"
#include "tests/faults/power/recorder.h"

namespace rocksdb_uring {

class RecordingRing final : public ForwardingRing {
 public:
  // Makes rings around the kernel's.
  static RingFactory Factory();

  using ForwardingRing::ForwardingRing;

  bool Prepare(const RingRequest& request) override;
  // A request is submitted when the kernel may see it first, and completed
  // when it was reaped, which is when the engine knows: the log is never more
  // certain than the engine may be.
  int Submit() override;
  int SubmitAndWait(unsigned count) override;
  unsigned Reap(RingCompletion* completions, unsigned max) override;

 private:
  struct Prepared {
    RingRequest request;
    // Set when the kernel was first offered the request.
    bool submitted = false;
    Recorder::EntryId entry = Recorder::kNotRecorded;
  };

  void BeforeSubmit() URING_EXCLUDES(mutex_);
  void AfterSubmit(int consumed) URING_EXCLUDES(mutex_);

  Mutex mutex_;
  std::deque<Prepared> prepared_ URING_GUARDED_BY(mutex_);
  // By user_data; what bears the same is reaped in order.
  std::multimap<uint64_t, Recorder::EntryId> in_flight_
      URING_GUARDED_BY(mutex_);
};

}  // namespace rocksdb_uring
