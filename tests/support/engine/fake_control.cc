// The side of the fake kernel that tests see: scripts, releases, observations.
//
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>
#include <utility>

#include "tests/support/engine/fake_ring.h"

namespace rocksdb_uring {

namespace {

// Longer than anything that a healthy test waits for.
constexpr std::chrono::seconds kWatchdog{40};

}  // namespace

void FakeKernel::SetRequestScript(RequestScript script) {
  MutexLock lock(&mutex_);
  request_script_ = std::move(script);
}

void FakeKernel::SetSubmitScript(SubmitScript script) {
  MutexLock lock(&mutex_);
  submit_script_ = std::move(script);
}

void FakeKernel::SetWaitScript(WaitScript script) {
  MutexLock lock(&mutex_);
  wait_script_ = std::move(script);
}

void FakeKernel::WithholdAll() {
  SetRequestScript([](const RingRequest&, uint64_t) {
    Verdict verdict;
    verdict.withheld = true;
    return verdict;
  });
}

void FakeKernel::SetRandomFaults(uint64_t seed) {
  MutexLock lock(&mutex_);
  random_.seed(seed);
  random_faults_ = true;
}

void FakeKernel::SkipSyncs() {
  MutexLock lock(&mutex_);
  skip_syncs_ = true;
}

void FakeKernel::SetSubmitError(int error) {
  MutexLock lock(&mutex_);
  submit_error_ = error;
}

void FakeKernel::SetWaitError(int error) {
  MutexLock lock(&mutex_);
  wait_error_ = error;
  changed_.NotifyAll();
}

void FakeKernel::RefuseSyncs(int error) {
  MutexLock lock(&mutex_);
  sync_refusal_ = error;
}

void FakeKernel::SetFactoryError(int error) {
  MutexLock lock(&mutex_);
  factory_error_ = error;
}

void FakeKernel::InterruptWaits() {
  MutexLock lock(&mutex_);
  ++interruptions_;
  changed_.NotifyAll();
}

void FakeKernel::CompleteUnknown(uint64_t user_data) {
  MutexLock lock(&mutex_);
  for (Queue* queue : queues_) {
    DeliverUnknown(queue, user_data);
  }
}

size_t FakeKernel::ReleaseAll(bool newest_first) {
  MutexLock lock(&mutex_);
  size_t released = 0;
  for (Queue* queue : queues_) {
    const auto held = [](const Pending& pending) {
      return pending.verdict.withheld;
    };
    auto& pending = queue->pending;
    if (newest_first) {
      std::reverse(pending.begin(), pending.end());
    }
    for (auto next = std::find_if(pending.begin(), pending.end(), held);
         next != pending.end();
         next = std::find_if(pending.begin(), pending.end(), held)) {
      Complete(queue, static_cast<size_t>(next - pending.begin()));
      ++released;
    }
  }
  return released;
}

size_t FakeKernel::ReleaseIf(
    const std::function<bool(const RingRequest&)>& wanted) {
  MutexLock lock(&mutex_);
  size_t released = 0;
  for (Queue* queue : queues_) {
    for (size_t i = 0; i < queue->pending.size();) {
      if (queue->pending[i].verdict.withheld &&
          wanted(queue->pending[i].request)) {
        Complete(queue, i);
        ++released;
      } else {
        ++i;
      }
    }
  }
  return released;
}

void FakeKernel::StopWithholding() {
  SetRequestScript(nullptr);
  ReleaseAll();
}

size_t FakeKernel::withheld() const {
  MutexLock lock(&mutex_);
  size_t count = 0;
  for (const Queue* queue : queues_) {
    count += static_cast<size_t>(std::count_if(
        queue->pending.begin(), queue->pending.end(),
        [](const Pending& pending) { return pending.verdict.withheld; }));
  }
  return count;
}

size_t FakeKernel::waiting() const {
  MutexLock lock(&mutex_);
  return waiting_;
}

bool FakeKernel::AwaitWithheld(size_t count) {
  const Clock::time_point deadline = Clock::now() + kWatchdog;
  while (withheld() < count) {
    if (Clock::now() > deadline) {
      return false;
    }
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  return true;
}

bool FakeKernel::AwaitWaiting(size_t count) {
  const Clock::time_point deadline = Clock::now() + kWatchdog;
  while (waiting() < count) {
    if (Clock::now() > deadline) {
      return false;
    }
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  return true;
}

std::string FakeKernel::Observations::Complaints() const {
  std::string text;
  const auto expect_none = [&text](uint64_t count, const char* of) {
    if (count != 0) {
      text += std::to_string(count) + " " + of + "; ";
    }
  };
  expect_none(overflows, "overflows");
  expect_none(lost, "lost requests");
  expect_none(rings_alive, "rings left");
  return text;
}

FakeKernel::Observations FakeKernel::observations() const {
  MutexLock lock(&mutex_);
  return seen_;
}

FakeKernel::Verdict FakeKernel::RandomVerdict(const RingRequest& request) {
  Verdict verdict;
  const bool read = request.opcode == RingOpcode::kRead ||
                    request.opcode == RingOpcode::kReadv;
  const bool sync = request.opcode == RingOpcode::kFsync ||
                    request.opcode == RingOpcode::kSyncFileRange;
  // A failed sync is no fault that the engine may hide.
  if (Random(16) == 0 && !sync) {
    // The first three say that nothing was begun; the rest a read hides.
    constexpr int32_t kErrors[] = {-EAGAIN, -EINTR,  -ECANCELED,
                                   -EFAULT, -EINVAL, -EIO};
    verdict.error = kErrors[Random(read ? 6 : 3)];
  }
  if (Random(4) == 0) {
    // In whole pages, as direct I/O would.
    verdict.bytes_max = static_cast<int64_t>(Random(8)) * 4096;
  }
  switch (Random(4)) {
    case 0:
      verdict.calls_late = static_cast<unsigned>(1 + Random(5));
      break;
    case 1:
      verdict.us_late = static_cast<unsigned>(1 + Random(500));
      break;
    default:
      break;
  }
  return verdict;
}

FakeKernel::Clock::time_point FakeKernel::NextDue() const {
  Clock::time_point next = Clock::time_point::max();
  for (const Queue* queue : queues_) {
    for (const Pending& pending : queue->pending) {
      if (pending.verdict.us_late != 0) {
        next = std::min(next, pending.due);
      }
    }
  }
  return next;
}

bool FakeKernel::CompleteDue() {
  const Clock::time_point now = Clock::now();
  for (Queue* queue : queues_) {
    for (size_t i = 0; i < queue->pending.size(); ++i) {
      if (queue->pending[i].verdict.us_late != 0 &&
          queue->pending[i].due <= now) {
        Complete(queue, i);
        return true;
      }
    }
  }
  return false;
}

void FakeKernel::RunTimer() {
  MutexLock lock(&mutex_);
  while (!stopping_) {
    if (CompleteDue()) {
      continue;
    }
    const Clock::time_point next = NextDue();
    if (next == Clock::time_point::max()) {
      changed_.Wait(&mutex_);
    } else {
      changed_.WaitUntil(&mutex_, next);
    }
  }
}

}  // namespace rocksdb_uring
