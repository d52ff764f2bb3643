// Reads with a deadline, limits that a test chooses, and a device that hangs.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <thread>

#include "env/engine/deadline_reads.h"
#include "tests/unit/engine/async_fixture.h"

namespace rocksdb_uring {

class DeadlineFixture : public AsyncFixture {
 protected:
  void Limit(uint64_t bytes_max, uint32_t abandoned_max) {
    DeadlineReads::Options options;
    options.abandoned_max = abandoned_max;
    reads_.reset();
    budget_ =
        std::make_unique<BufferBudget>(BufferBudget::Use::kForReads, bytes_max);
    reads_ =
        std::make_unique<DeadlineReads>(engine_.get(), budget_.get(), options);
  }

  // The device keeps all reads, or those of every `nth` request, and does not
  // let them be cancelled.
  void HangEvery(uint64_t nth) {
    kernel_.SetRequestScript(
        [nth](const RingRequest& request, uint64_t ordinal) {
          FakeKernel::Verdict verdict;
          verdict.withheld =
              request.opcode == RingOpcode::kRead && ordinal % nth == 0;
          verdict.cancelable = false;
          return verdict;
        });
  }

  // Whether no read is abandoned any more after a while at the most, and no one
  // keeps the file open then.
  bool Settles() {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (reads_->abandoned() > 0 && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return reads_->abandoned() == 0 && reads_->abandoned_bytes() == 0 &&
           reads_->bytes() == 0 && keeper_.use_count() == 1;
  }

  const std::shared_ptr<const void> keeper_ = std::make_shared<int>(0);
  std::unique_ptr<BufferBudget> budget_;
  std::unique_ptr<DeadlineReads> reads_;
};

}  // namespace rocksdb_uring
