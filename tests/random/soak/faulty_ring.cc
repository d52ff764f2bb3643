// SPDX-License-Identifier: Apache-2.0

#include "tests/random/soak/faulty_ring.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <mutex>
#include <random>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tests/support/engine/decorated_rings.h"

// Tells valgrind what the kernel has written, which it cannot see.
#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#define SOAK_KERNEL_WROTE(address, bytes) \
  (void)VALGRIND_MAKE_MEM_DEFINED(address, bytes)
#else
#define SOAK_KERNEL_WROTE(address, bytes) ((void)(address), (void)(bytes))
#endif

namespace rocksdb_uring {

namespace {

constexpr char kPoison = '\x5a';
constexpr int64_t kPage = 4096;

bool IsRead(const RingRequest& request) {
  return request.opcode == RingOpcode::kRead;
}

}  // namespace

// Requests are prepared by one thread while another reaps.
class FaultyRing final : public ForwardingRing {
 public:
  FaultyRing(std::unique_ptr<Ring> ring, RareFaults* faults)
      : ForwardingRing(std::move(ring)),
        faults_(faults),
        random_(faults->next_seed_++) {}

  bool Prepare(const RingRequest& request) override {
    if (!ForwardingRing::Prepare(request)) {
      return false;
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    requests_[request.user_data] = request;
    return true;
  }

  int Submit() override {
    const int fault = SubmitFault();
    return fault != 0 ? fault : ForwardingRing::Submit();
  }

  int SubmitAndWait(unsigned count) override {
    const int fault = SubmitFault();
    if (fault != 0) {
      return fault;
    }
    // What is held back would be waited for in vain.
    return Holds() ? ForwardingRing::Submit()
                   : ForwardingRing::SubmitAndWait(count);
  }

  int Wait(unsigned count, uint64_t timeout_us) override {
    if (Holds()) {
      return 0;
    }
    return Interrupts() ? -EINTR : ForwardingRing::Wait(count, timeout_us);
  }

  unsigned Reap(RingCompletion* completions, unsigned max) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    unsigned count = 0;
    // What was held back comes behind what has come meanwhile.
    for (RingCompletion fresh;
         count < max && ForwardingRing::Reap(&fresh, 1) == 1;) {
      Falsify(&fresh);
      if (Strikes(1)) {
        held_.push_back(fresh);
      } else {
        completions[count++] = fresh;
      }
    }
    for (; count < max && !held_.empty(); ++count) {
      completions[count] = held_.back();
      held_.pop_back();
    }
    return count;
  }

 private:
  // REQUIRES: mutex_ is held.
  bool Strikes(uint64_t less_often) {
    if (faults_->one_in_ == 0 ||
        random_() % (faults_->one_in_ * less_often) != 0) {
      return false;
    }
    faults_->count_.fetch_add(1, std::memory_order_relaxed);
    return true;
  }

  bool Holds() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return !held_.empty();
  }

  bool Interrupts() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return Strikes(1);
  }

  int SubmitFault() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (Strikes(1)) {
      return random_() % 2 == 0 ? -EAGAIN : -EINTR;
    }
    // For good: the ring is given up.
    return Strikes(200) ? -EBADF : 0;
  }

  void Falsify(RingCompletion* completion) {
    const auto found = requests_.find(completion->user_data);
    if (found == requests_.end()) {
      return;
    }
    const RingRequest request = found->second;
    requests_.erase(found);
    if (IsRead(request) && completion->result > 0) {
      SOAK_KERNEL_WROTE(request.address, completion->result);
    }
    const bool transfers =
        IsRead(request) || request.opcode == RingOpcode::kWrite;
    // A failed sync is no fault that the engine may hide.
    if (!transfers || completion->result < 0 || !Strikes(1)) {
      return;
    }
    constexpr int32_t kErrors[] = {-EAGAIN, -EINTR, -EIO, -EFAULT};
    // The last two only a read hides.
    int32_t result = kErrors[random_() % (IsRead(request) ? 4 : 2)];
    if (random_() % 2 == 0) {
      result = static_cast<int32_t>(completion->result / 2 / kPage * kPage);
    }
    if (IsRead(request)) {
      const int64_t kept = std::max<int64_t>(result, 0);
      memset(static_cast<char*>(request.address) + kept, kPoison,
             static_cast<size_t>(completion->result - kept));
    }
    completion->result = result;
  }

  RareFaults* const faults_;
  std::mutex mutex_;
  std::mt19937_64 random_;
  std::unordered_map<uint64_t, RingRequest> requests_;
  std::vector<RingCompletion> held_;
};

RingFactory RareFaults::factory() { return DecoratedRings<FaultyRing>(this); }

}  // namespace rocksdb_uring
