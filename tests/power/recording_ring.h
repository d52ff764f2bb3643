// A ring that tells the recorder what is submitted on it and what of that has
// been reaped.
#pragma once

#include <deque>
#include <map>
#include <memory>

#include "env/base/mutex.h"
#include "env/ring/ring.h"
#include "tests/power/recorder.h"

namespace rocksdb_uring {

class RecordingRing final : public Ring {
 public:
  // Makes rings around the kernel's.
  static RingFactory Factory();

  explicit RecordingRing(std::unique_ptr<Ring> ring) : ring_(std::move(ring)) {}

  bool Prepare(const RingRequest& request) override;
  // A request is submitted when the kernel may see it first, and completed
  // when it was reaped, which is when the engine knows: the log is never more
  // certain than the engine may be.
  int Submit() override;
  int SubmitAndWait(unsigned count) override;
  int Wait(unsigned count, uint64_t timeout_us) override {
    return ring_->Wait(count, timeout_us);
  }
  unsigned Reap(RingCompletion* completions, unsigned max) override;
  unsigned submission_entries() const override {
    return ring_->submission_entries();
  }
  unsigned completion_entries() const override {
    return ring_->completion_entries();
  }
  size_t memory_bytes() const override { return ring_->memory_bytes(); }

 private:
  struct Prepared {
    RingRequest request;
    // Set when the kernel was first offered the request.
    bool submitted = false;
    Recorder::EntryId entry = Recorder::kNotRecorded;
  };

  void BeforeSubmit() URING_EXCLUDES(mutex_);
  void AfterSubmit(int consumed) URING_EXCLUDES(mutex_);

  const std::unique_ptr<Ring> ring_;
  Mutex mutex_;
  std::deque<Prepared> prepared_ URING_GUARDED_BY(mutex_);
  // By user_data; what bears the same is reaped in order.
  std::multimap<uint64_t, Recorder::EntryId> in_flight_
      URING_GUARDED_BY(mutex_);
};

}  // namespace rocksdb_uring
