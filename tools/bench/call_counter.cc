// SPDX-License-Identifier: Apache-2.0

#include "tools/bench/call_counter.h"

#include <memory>
#include <utility>

#include "env/ring/forwarding_ring.h"

namespace rocksdb_uring {

namespace {

class CountingRing final : public ForwardingRing {
 public:
  CountingRing(std::unique_ptr<Ring> ring, CallCounter* counter)
      : ForwardingRing(std::move(ring)), counter_(counter) {}

  int Submit() override {
    counter_->Add(CallKind::kRingSubmit);
    return ForwardingRing::Submit();
  }
  int SubmitAndWait(unsigned count) override {
    counter_->Add(CallKind::kRingSubmit);
    return ForwardingRing::SubmitAndWait(count);
  }
  int Wait(unsigned count, uint64_t timeout_us) override {
    counter_->Add(CallKind::kRingWait);
    return ForwardingRing::Wait(count, timeout_us);
  }

 private:
  CallCounter* const counter_;
};

}  // namespace

size_t CallCounter::ShardIndex() {
  static std::atomic<size_t> next{0};
  thread_local const size_t index =
      next.fetch_add(1, std::memory_order_relaxed) % kShards;
  return index;
}

CallCounter::Counts CallCounter::Sum() const {
  Counts sum = {};
  for (const Shard& shard : shards_) {
    for (size_t i = 0; i < kCallKinds; ++i) {
      sum[i] += shard.counts[i].load(std::memory_order_relaxed);
    }
  }
  return sum;
}

RingFactory CountingRingFactory(CallCounter* counter) {
  return [counter](const RingOptions& options) {
    RingOrError made = CreateRing(options);
    if (made.ring != nullptr) {
      made.ring = std::make_unique<CountingRing>(std::move(made.ring), counter);
    }
    return made;
  };
}

int64_t CountingSystemCalls::Pread(int fd, void* buffer, size_t size,
                                   uint64_t offset) {
  counter_->Add(CallKind::kPosix);
  return SystemCalls::Pread(fd, buffer, size, offset);
}

int64_t CountingSystemCalls::PreadNoWait(int fd, void* buffer, size_t size,
                                         uint64_t offset) {
  counter_->Add(CallKind::kPosix);
  return SystemCalls::PreadNoWait(fd, buffer, size, offset);
}

int64_t CountingSystemCalls::Pwrite(int fd, const void* buffer, size_t size,
                                    uint64_t offset) {
  counter_->Add(CallKind::kPosix);
  return SystemCalls::Pwrite(fd, buffer, size, offset);
}

int64_t CountingSystemCalls::Fdatasync(int fd) {
  counter_->Add(CallKind::kPosix);
  return SystemCalls::Fdatasync(fd);
}

int64_t CountingSystemCalls::WillNeed(int fd, uint64_t offset,
                                      uint64_t length) {
  counter_->Add(CallKind::kPosix);
  return SystemCalls::WillNeed(fd, offset, length);
}

}  // namespace rocksdb_uring
