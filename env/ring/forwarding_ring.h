// A ring that passes every call on to another one: the base of those that
// change some of them.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <utility>

#include "env/ring/ring.h"

namespace rocksdb_uring {

class ForwardingRing : public Ring {
 public:
  explicit ForwardingRing(std::unique_ptr<Ring> ring)
      : ring_(std::move(ring)) {}

  bool Prepare(const RingRequest& request) override {
    return ring_->Prepare(request);
  }
  int Submit() override { return ring_->Submit(); }
  int SubmitAndWait(unsigned count) override {
    return ring_->SubmitAndWait(count);
  }
  int Wait(unsigned count, uint64_t timeout_us) override {
    return ring_->Wait(count, timeout_us);
  }
  unsigned Reap(RingCompletion* completions, unsigned max) override {
    return ring_->Reap(completions, max);
  }
  unsigned submission_entries() const override {
    return ring_->submission_entries();
  }
  unsigned completion_entries() const override {
    return ring_->completion_entries();
  }
  size_t memory_bytes() const override { return ring_->memory_bytes(); }
  int descriptor() const override { return ring_->descriptor(); }

 private:
  const std::unique_ptr<Ring> ring_;
};

}  // namespace rocksdb_uring
