// A ring whose requests fail on the injector's command.
#pragma once

#include <memory>
#include <unordered_map>

#include "env/base/mutex.h"
#include "env/ring/ring.h"

namespace rocksdb_uring {

// A request that must fail goes to the kernel as a NOP, and its completion gets
// the fault as its result. Syncs become NOPs without a fault, too: see
// interpose.cc.
class InjectingRing final : public Ring {
 public:
  // Wraps the kernel's rings.
  static RingFactory Factory();

  explicit InjectingRing(std::unique_ptr<Ring> ring) : ring_(std::move(ring)) {}

  bool Prepare(const RingRequest& request) override URING_EXCLUDES(mutex_);
  int Submit() override { return ring_->Submit(); }
  int SubmitAndWait(unsigned count) override {
    return ring_->SubmitAndWait(count);
  }
  int Wait(unsigned count, uint64_t timeout_us) override {
    return ring_->Wait(count, timeout_us);
  }
  unsigned Reap(RingCompletion* completions, unsigned max) override
      URING_EXCLUDES(mutex_);
  unsigned submission_entries() const override {
    return ring_->submission_entries();
  }
  unsigned completion_entries() const override {
    return ring_->completion_entries();
  }
  size_t memory_bytes() const override { return ring_->memory_bytes(); }

 private:
  const std::unique_ptr<Ring> ring_;
  Mutex mutex_;
  // The errno of each failing request in flight, by user_data.
  std::unordered_map<uint64_t, int> faults_ URING_GUARDED_BY(mutex_);
};

}  // namespace rocksdb_uring
