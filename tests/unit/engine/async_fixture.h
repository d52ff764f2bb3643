// A UringEngine on the fake kernel, and how tests submit to it and wait.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "env/engine/uring_engine.h"
#include "tests/support/engine/fake_ring.h"
#include "tests/support/engine/fake_system_calls.h"
#include "tests/support/engine/test_support.h"

namespace rocksdb_uring {

class AsyncFixture : public ::testing::Test {
 protected:
  static constexpr size_t kFileSize = 4 << 20;

  AsyncFixture() { MakeEngine(kernel_.factory()); }

  void MakeEngine(RingFactory factory, uint32_t queue_depth = 64) {
    EngineOptions options;
    options.queue_depth = queue_depth;
    options.ring_factory = std::move(factory);
    options.system_calls = &calls_;
    engine_ = std::make_unique<UringEngine>(options, &statistics_, &account_);
  }

  // Also checks what must hold of every ring at the end.
  void TearDown() override {
    engine_.reset();
    EXPECT_EQ(kernel_.observations().Complaints(), "");
    EXPECT_EQ(account_.bytes(), 0u);
  }

  static std::vector<ReadBatch::Range> Ranges(size_t count) {
    std::vector<ReadBatch::Range> ranges;
    for (size_t i = 0; i < count; ++i) {
      ranges.push_back({i * 1000, 1000});
    }
    return ranges;
  }

  // Submits everything, making room by polling where there is none.
  void SubmitAll(ReadBatch* batch) {
    const std::vector<IoOp*> ops = batch->pointers();
    for (size_t taken = 0; taken < ops.size();) {
      const size_t now = engine_->Submit(&ops[taken], ops.size() - taken);
      taken += now;
      if (now == 0) {
        engine_->Poll();
        std::this_thread::yield();
      }
    }
  }

  void WaitAll(ReadBatch* batch, size_t first = 0) {
    for (size_t i = first; i < batch->size(); ++i) {
      EXPECT_TRUE(engine_->Wait(&(*batch)[i]));
    }
  }

  // Completes the withheld request for `offset`.
  void Release(uint64_t offset) {
    EXPECT_EQ(kernel_.ReleaseIf([offset](const RingRequest& request) {
      return request.offset == offset;
    }),
              1u);
  }

  uint64_t Event(StatEvent event) {
    return statistics_.Snapshot().event(event);
  }

  FakeKernel kernel_;
  FakeSystemCalls calls_;
  Statistics statistics_;
  MemoryAccount account_;
  TestFile file_{kFileSize};
  std::unique_ptr<UringEngine> engine_;
};

}  // namespace rocksdb_uring
