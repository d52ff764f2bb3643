// A RingBatch on the fake kernel, and how tests run operations through it.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "env/engine/ring_batch.h"
#include "tests/support/engine/fake_ring.h"
#include "tests/support/engine/fake_system_calls.h"
#include "tests/support/engine/test_support.h"

namespace rocksdb_uring {

class RingBatchFixture : public ::testing::Test {
 protected:
  static constexpr size_t kFileSize = 1 << 20;

  void MakeRing(unsigned entries) {
    LiveRing::Request request;
    request.ring.entries = entries;
    ring_ = LiveRing::Make(environment_, request);
  }

  void TearDown() override {
    ring_.reset();
    EXPECT_EQ(kernel_.observations().Complaints(), "");
  }

  // Returns whether the ring still serves.
  bool Run(IoOp* ops, size_t count) {
    RingBatch(ring_.get(), Completer(&posix_, &statistics_)).Run(ops, count);
    CompleteAll(ops, count);
    return !ring_->failed();
  }

  std::vector<ReadBatch::Range> Ranges(size_t count, size_t length = 1000) {
    std::vector<ReadBatch::Range> ranges;
    for (size_t i = 0; i < count; ++i) {
      ranges.push_back({i * length, length});
    }
    return ranges;
  }

  // The `nth` request fails with `error`, the others succeed.
  void FailNth(uint64_t nth, int error) {
    const uint64_t first = kernel_.observations().requests;
    kernel_.SetRequestScript([=](const RingRequest&, uint64_t ordinal) {
      FakeKernel::Verdict verdict;
      verdict.error = ordinal == first + nth ? error : 0;
      return verdict;
    });
  }

  uint64_t Event(StatEvent event) {
    return statistics_.Snapshot().event(event);
  }

  FakeKernel kernel_;
  FakeSystemCalls calls_;
  Statistics statistics_;
  PosixEngine posix_{&calls_, &statistics_};
  Breaker breaker_;
  MemoryAccount account_;
  const RingEnvironment environment_{kernel_.factory(), &breaker_, &statistics_,
                                     &account_};
  std::unique_ptr<LiveRing> ring_;
  TestFile file_{kFileSize};
};

}  // namespace rocksdb_uring
