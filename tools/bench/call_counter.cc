#include "tools/bench/call_counter.h"

#include <memory>
#include <utility>

namespace rocksdb_uring {

namespace {

class CountingRing final : public Ring {
 public:
  CountingRing(std::unique_ptr<Ring> ring, CallCounter* counter)
      : ring_(std::move(ring)), counter_(counter) {}

  bool Prepare(const RingRequest& request) override {
    return ring_->Prepare(request);
  }
  int Submit() override {
    counter_->Add(CallKind::kRingSubmit);
    return ring_->Submit();
  }
  int SubmitAndWait(unsigned count) override {
    counter_->Add(CallKind::kRingSubmit);
    return ring_->SubmitAndWait(count);
  }
  int Wait(unsigned count, uint64_t timeout_us) override {
    counter_->Add(CallKind::kRingWait);
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

 private:
  const std::unique_ptr<Ring> ring_;
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

int64_t CountingSystemCalls::WillNeed(int fd, uint64_t offset,
                                      uint64_t length) {
  counter_->Add(CallKind::kPosix);
  return SystemCalls::WillNeed(fd, offset, length);
}

}  // namespace rocksdb_uring
