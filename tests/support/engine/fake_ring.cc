// SPDX-License-Identifier: Apache-2.0

#include "tests/support/engine/fake_ring.h"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

#include "tests/support/engine/test_counts.h"

namespace rocksdb_uring {

// Forwards to its kernel, which owns the lock.
class FakeRing final : public Ring {
 public:
  FakeRing(FakeKernel* kernel, std::unique_ptr<FakeKernel::Queue> queue)
      : kernel_(kernel), queue_(std::move(queue)) {}
  ~FakeRing() override { kernel_->Destroy(queue_.get()); }

  bool Prepare(const RingRequest& request) override {
    return kernel_->Prepare(queue_.get(), request);
  }
  int Submit() override { return kernel_->Submit(queue_.get()); }
  int SubmitAndWait(unsigned count) override {
    return kernel_->SubmitAndWait(queue_.get(), count);
  }
  int Wait(unsigned count, uint64_t timeout_us) override {
    return kernel_->Wait(queue_.get(), count, timeout_us);
  }
  unsigned Reap(RingCompletion* completions, unsigned max) override {
    return kernel_->Reap(queue_.get(), completions, max);
  }
  unsigned submission_entries() const override {
    return queue_->submission_entries;
  }
  unsigned completion_entries() const override {
    return queue_->completion_entries;
  }
  size_t memory_bytes() const override { return 8192; }

 private:
  FakeKernel* const kernel_;
  const std::unique_ptr<FakeKernel::Queue> queue_;
};

FakeKernel::~FakeKernel() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  if (timer_.joinable()) {
    timer_.join();
  }
}

RingFactory FakeKernel::factory() {
  return [this](const RingOptions& options) { return Make(options); };
}

RingOrError FakeKernel::Make(const RingOptions& options) {
  auto queue = std::make_unique<Queue>();
  queue->submission_entries = options.entries;
  queue->completion_entries = options.completion_entries != 0
                                  ? options.completion_entries
                                  : 2 * options.entries;
  MutexLock lock(&mutex_);
  RingOrError out;
  if (factory_error_ != 0) {
    CountFaults();
    out.error = Errno::FromResult(factory_error_);
    return out;
  }
  queues_.push_back(queue.get());
  ++seen_.rings_made;
  ++seen_.rings_alive;
  seen_.rings_alive_max = std::max(seen_.rings_alive_max, seen_.rings_alive);
  out.ring = std::make_unique<FakeRing>(this, std::move(queue));
  return out;
}

void FakeKernel::Destroy(Queue* queue) {
  MutexLock lock(&mutex_);
  seen_.lost += queue->pending.size();
  --seen_.rings_alive;
  queues_.erase(std::find(queues_.begin(), queues_.end(), queue));
}

bool FakeKernel::Prepare(Queue* queue, const RingRequest& request) {
  MutexLock lock(&mutex_);
  if (queue->submission.size() >= queue->submission_entries) {
    return false;
  }
  queue->submission.push_back(request);
  return true;
}

int FakeKernel::Submit(Queue* queue) {
  MutexLock lock(&mutex_);
  return SubmitLocked(queue);
}

int FakeKernel::SubmitAndWait(Queue* queue, unsigned count) {
  MutexLock lock(&mutex_);
  const int consumed = SubmitLocked(queue);
  if (consumed < 0 || !queue->submission.empty()) {
    // The kernel does not wait after a submission that stopped half-way.
    return consumed;
  }
  const int waited = WaitLocked(queue, count, Ring::kNoTimeout);
  return consumed > 0 || waited == 0 ? consumed : waited;
}

int FakeKernel::Wait(Queue* queue, unsigned count, uint64_t timeout_us) {
  MutexLock lock(&mutex_);
  return WaitLocked(queue, count, timeout_us);
}

unsigned FakeKernel::Reap(Queue* queue, RingCompletion* completions,
                          unsigned max) {
  MutexLock lock(&mutex_);
  Tick(queue);
  unsigned count = 0;
  while (count < max && !queue->completion.empty()) {
    completions[count++] = queue->completion.front().completion;
    queue->in_flight -= queue->completion.front().unknown ? 0 : 1;
    queue->completion.pop_front();
  }
  return count;
}

int FakeKernel::SubmitLocked(Queue* queue) {
  const auto prepared = static_cast<unsigned>(queue->submission.size());
  const uint64_t ordinal = seen_.submits++;
  int allowed = submit_error_;
  if (allowed == 0) {
    allowed = submit_script_ ? submit_script_(prepared, ordinal) : kAll;
  }
  if (random_faults_ && Random(8) == 0) {
    constexpr int kPassing[] = {-EAGAIN, -EBUSY, -EINTR, -ENOMEM, 1, 2, 3, 0};
    allowed = kPassing[Random(8)];
  }
  CountFaults(allowed < static_cast<int>(prepared) ? 1 : 0);
  int consumed = 0;
  for (; consumed < allowed && !queue->submission.empty(); ++consumed) {
    const RingRequest request = queue->submission.front();
    queue->submission.pop_front();
    Consume(queue, request);
  }
  return allowed < 0 ? allowed : consumed;
}

int FakeKernel::WaitLocked(Queue* queue, size_t count, uint64_t timeout_us) {
  const uint64_t ordinal = seen_.waits++;
  const Clock::time_point deadline =
      timeout_us == Ring::kNoTimeout
          ? Clock::time_point::max()
          : Clock::now() + std::chrono::microseconds(timeout_us);
  const uint64_t interruptions = interruptions_;
  int result = wait_script_ ? wait_script_(ordinal) : 0;
  if (random_faults_ && Random(16) == 0) {
    result = -EINTR;
  }
  ++waiting_;
  changed_.NotifyAll();
  while (result == 0) {
    const bool calls_help = Tick(queue);
    if (queue->completion.size() >= count) {
      break;
    }
    if (wait_error_ != 0) {
      result = wait_error_;
    } else if (interruptions != interruptions_) {
      result = -EINTR;
    } else if (Clock::now() >= deadline) {
      result = -ETIME;
    } else if (calls_help) {
      continue;
    } else if (deadline == Clock::time_point::max()) {
      changed_.Wait(&mutex_);
    } else {
      changed_.WaitUntil(&mutex_, deadline);
    }
  }
  --waiting_;
  CountFaults(result != 0 && result != -ETIME ? 1 : 0);
  return result;
}

void FakeKernel::Consume(Queue* queue, const RingRequest& request) {
  ++queue->in_flight;
  seen_.in_flight_max =
      std::max<uint64_t>(seen_.in_flight_max, queue->in_flight);
  if (queue->in_flight > queue->completion_entries) {
    ++seen_.overflows;
  }
  if (request.opcode == RingOpcode::kCancel) {
    Cancel(queue, request);
    return;
  }
  if (request.opcode == RingOpcode::kNop) {
    Deliver(queue, request.user_data, 0);
    return;
  }
  if (request.opcode == RingOpcode::kFsync &&
      (request.fd < 0 || sync_refusal_ != 0)) {
    Deliver(queue, request.user_data,
            sync_refusal_ != 0 ? sync_refusal_ : -EBADF);
    return;
  }
  Pending pending;
  pending.request = request;
  if (request.opcode == RingOpcode::kReadv ||
      request.opcode == RingOpcode::kWritev) {
    const auto* iov = static_cast<const iovec*>(request.address);
    pending.iov.assign(iov, iov + request.length);
  }
  const uint64_t ordinal = seen_.requests++;
  if (request_script_) {
    pending.verdict = request_script_(request, ordinal);
  } else if (random_faults_) {
    pending.verdict = RandomVerdict(request);
  }
  const Verdict& verdict = pending.verdict;
  const bool is_short = verdict.bytes_max < std::numeric_limits<int64_t>::max();
  CountFaults(verdict.error < 0 || is_short ? 1 : 0);
  const bool at_once =
      !verdict.withheld && verdict.calls_late == 0 && verdict.us_late == 0;
  if (verdict.us_late != 0) {
    pending.due = Clock::now() + std::chrono::microseconds(verdict.us_late);
    if (!timer_started_) {
      timer_started_ = true;
      timer_ = std::thread([this] { RunTimer(); });
    }
  }
  queue->pending.push_back(std::move(pending));
  if (at_once) {
    Complete(queue, queue->pending.size() - 1);
  }
  changed_.NotifyAll();
}

void FakeKernel::Cancel(Queue* queue, const RingRequest& request) {
  ++seen_.cancels;
  int32_t result = -ENOENT;
  for (size_t i = 0; i < queue->pending.size(); ++i) {
    if (queue->pending[i].request.user_data != request.target) {
      continue;
    }
    result = -EALREADY;
    if (queue->pending[i].verdict.cancelable) {
      queue->pending[i].verdict.error = -ECANCELED;
      Complete(queue, i);
      result = 0;
    }
    break;
  }
  Deliver(queue, request.user_data, result);
}

void FakeKernel::Complete(Queue* queue, size_t index) {
  const Pending pending = std::move(queue->pending[index]);
  queue->pending.erase(queue->pending.begin() + static_cast<ptrdiff_t>(index));
  int32_t result = pending.verdict.error;
  if (result < 0) {
    PoisonRead(pending.request, pending.iov, 0);
  } else if (!skip_syncs_ || pending.request.opcode != RingOpcode::kFsync) {
    result = CarryOut(pending.request, pending.iov, pending.verdict.bytes_max);
  }
  Deliver(queue, pending.request.user_data, result);
}

void FakeKernel::Deliver(Queue* queue, uint64_t user_data, int32_t result) {
  auto position = queue->completion.end();
  if (random_faults_) {
    position = queue->completion.begin() +
               static_cast<ptrdiff_t>(Random(queue->completion.size() + 1));
  }
  queue->completion.insert(position, {{user_data, result}, false});
  if (random_faults_ && Random(16) == 0) {
    DeliverUnknown(queue, 0xdeadbeef00000000 | Random(64));
  }
  changed_.NotifyAll();
}

void FakeKernel::DeliverUnknown(Queue* queue, uint64_t user_data) {
  CountFaults();
  queue->completion.push_front({{user_data, 0}, true});
  changed_.NotifyAll();
}

bool FakeKernel::Tick(Queue* queue) {
  bool calls_help = false;
  for (size_t i = 0; i < queue->pending.size();) {
    Verdict& verdict = queue->pending[i].verdict;
    if (verdict.calls_late > 0 && --verdict.calls_late == 0) {
      Complete(queue, i);
    } else {
      calls_help = calls_help || verdict.calls_late > 0;
      ++i;
    }
  }
  return calls_help;
}

}  // namespace rocksdb_uring
