// A kernel for tests: rings behind the Ring interface that carry requests out
// with real system calls, so that the data are right, but when and how
// completely a script says.
//
//   FakeKernel kernel;
//   kernel.SetRequestScript([](const RingRequest&, uint64_t n) {
//     FakeKernel::Verdict verdict;
//     verdict.error = n == 3 ? -EIO : 0;
//     return verdict;
//   });
//   options.ring_factory = kernel.factory();
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/uio.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "env/base/mutex.h"
#include "env/ring/ring.h"

namespace rocksdb_uring {

// Controls and observes all rings that its factory makes; must outlive them.
// Safe for concurrent use. Scripts run with the kernel locked: they must not
// call it.
class FakeKernel {
 public:
  // What fills the part of a read's buffer that a completion does not report.
  static constexpr char kPoison = '\x5a';

  // What becomes of one request. It is carried out when it completes, so that
  // a buffer given up too early is noticed.
  struct Verdict {
    // Negated errno to complete with, and nothing is carried out.
    int32_t error = 0;
    // Transfers at most so many bytes.
    int64_t bytes_max = std::numeric_limits<int64_t>::max();
    // Completes when Release says so.
    bool withheld = false;
    // A cancel request ends it while it is withheld or late.
    bool cancelable = true;
    // Completes after so many calls that wait or reap.
    unsigned calls_late = 0;
    // Completes after so many microseconds, from another thread.
    unsigned us_late = 0;
  };
  // Of the request that is the `ordinal`th (from 0) that any ring consumed;
  // requests to cancel or to do nothing are neither asked for nor counted.
  using RequestScript =
      std::function<Verdict(const RingRequest& request, uint64_t ordinal)>;
  // How many of the `prepared` requests the `ordinal`th submission consumes at
  // most, or a negated errno.
  using SubmitScript = std::function<int(unsigned prepared, uint64_t ordinal)>;
  // What the `ordinal`th wait returns without waiting: a negated errno, or 0
  // for it to wait.
  using WaitScript = std::function<int(uint64_t ordinal)>;

  struct Observations {
    uint64_t submits = 0;
    uint64_t waits = 0;
    uint64_t requests = 0;
    uint64_t cancels = 0;
    uint64_t in_flight_max = 0;
    // Times that a ring held more requests than completions fit.
    uint64_t overflows = 0;
    // Requests that were in the kernel when their ring was destroyed.
    uint64_t lost = 0;
    size_t rings_made = 0;
    size_t rings_alive = 0;
    size_t rings_alive_max = 0;

    // What must be empty once all rings are gone: lost requests, completions
    // that did not fit, rings that are left.
    std::string Complaints() const;
  };

  static constexpr int kAll = std::numeric_limits<int>::max();

  FakeKernel() = default;
  ~FakeKernel();
  FakeKernel(const FakeKernel&) = delete;
  FakeKernel& operator=(const FakeKernel&) = delete;

  RingFactory factory();

  void SetRequestScript(RequestScript script) URING_EXCLUDES(mutex_);
  void SetSubmitScript(SubmitScript script) URING_EXCLUDES(mutex_);
  void SetWaitScript(WaitScript script) URING_EXCLUDES(mutex_);
  // All requests are withheld from now on.
  void WithholdAll() URING_EXCLUDES(mutex_);
  // Completions come in random order, some late, short or failed in ways that
  // the engine must hide; submissions are partial or refused for a moment;
  // waits are interrupted; completions that nobody asked for appear.
  void SetRandomFaults(uint64_t seed) URING_EXCLUDES(mutex_);
  // Syncs succeed and are not carried out: for tests whose processes and
  // machines live on, and that sync thousands of times.
  void SkipSyncs() URING_EXCLUDES(mutex_);
  // Syncs are not carried out and answered `error`, as by a ring that must not
  // do them; 0 ends it. The engine's trial, a sync of no descriptor, is neither
  // shown to a script nor counted.
  void RefuseSyncs(int error) URING_EXCLUDES(mutex_);
  // From now on; 0 ends it. SetWaitError also ends the waits that block.
  void SetSubmitError(int error) URING_EXCLUDES(mutex_);
  void SetWaitError(int error) URING_EXCLUDES(mutex_);
  void SetFactoryError(int error) URING_EXCLUDES(mutex_);
  // Waits that block now return -EINTR.
  void InterruptWaits() URING_EXCLUDES(mutex_);
  // Puts a completion that names no request on every ring.
  void CompleteUnknown(uint64_t user_data) URING_EXCLUDES(mutex_);

  // Completes withheld requests; return how many.
  size_t ReleaseAll(bool newest_first = false) URING_EXCLUDES(mutex_);
  size_t ReleaseIf(const std::function<bool(const RingRequest&)>& wanted)
      URING_EXCLUDES(mutex_);
  // Nothing is withheld any more, now and later.
  void StopWithholding() URING_EXCLUDES(mutex_);

  size_t withheld() const URING_EXCLUDES(mutex_);
  // Threads that block in a wait.
  size_t waiting() const URING_EXCLUDES(mutex_);
  // Wait until so many are; false if that takes unreasonably long.
  bool AwaitWithheld(size_t count) URING_EXCLUDES(mutex_);
  bool AwaitWaiting(size_t count) URING_EXCLUDES(mutex_);
  Observations observations() const URING_EXCLUDES(mutex_);

 private:
  friend class FakeRing;
  using Clock = std::chrono::steady_clock;

  struct Pending {
    RingRequest request;
    // The kernel copies iovec arrays when it consumes the request.
    std::vector<iovec> iov;
    Verdict verdict;
    Clock::time_point due;
  };
  struct Completion {
    RingCompletion completion;
    // Answers no request.
    bool unknown;
  };
  struct Queue {
    unsigned submission_entries = 0;
    unsigned completion_entries = 0;
    std::deque<RingRequest> submission;
    std::vector<Pending> pending;
    std::deque<Completion> completion;
    // Consumed and not yet reaped.
    size_t in_flight = 0;
  };

  RingOrError Make(const RingOptions& options) URING_EXCLUDES(mutex_);
  void Destroy(Queue* queue) URING_EXCLUDES(mutex_);
  bool Prepare(Queue* queue, const RingRequest& request) URING_EXCLUDES(mutex_);
  int Submit(Queue* queue) URING_EXCLUDES(mutex_);
  int SubmitAndWait(Queue* queue, unsigned count) URING_EXCLUDES(mutex_);
  int Wait(Queue* queue, unsigned count, uint64_t timeout_us)
      URING_EXCLUDES(mutex_);
  unsigned Reap(Queue* queue, RingCompletion* completions, unsigned max)
      URING_EXCLUDES(mutex_);

  int SubmitLocked(Queue* queue) URING_REQUIRES(mutex_);
  int WaitLocked(Queue* queue, size_t count, uint64_t timeout_us)
      URING_REQUIRES(mutex_);
  void Consume(Queue* queue, const RingRequest& request) URING_REQUIRES(mutex_);
  void Cancel(Queue* queue, const RingRequest& request) URING_REQUIRES(mutex_);
  // Carries pending[index] out and takes it off.
  void Complete(Queue* queue, size_t index) URING_REQUIRES(mutex_);
  void Deliver(Queue* queue, uint64_t user_data, int32_t result)
      URING_REQUIRES(mutex_);
  void DeliverUnknown(Queue* queue, uint64_t user_data) URING_REQUIRES(mutex_);
  // Counts a call; true if requests remain that only calls bring nearer.
  bool Tick(Queue* queue) URING_REQUIRES(mutex_);
  size_t Random(size_t bound) URING_REQUIRES(mutex_) {
    return static_cast<size_t>(random_() % bound);
  }
  Verdict RandomVerdict(const RingRequest& request) URING_REQUIRES(mutex_);
  void RunTimer() URING_EXCLUDES(mutex_);
  bool CompleteDue() URING_REQUIRES(mutex_);
  Clock::time_point NextDue() const URING_REQUIRES(mutex_);

  mutable Mutex mutex_;
  CondVar changed_;
  std::vector<Queue*> queues_ URING_GUARDED_BY(mutex_);
  RequestScript request_script_ URING_GUARDED_BY(mutex_);
  SubmitScript submit_script_ URING_GUARDED_BY(mutex_);
  WaitScript wait_script_ URING_GUARDED_BY(mutex_);
  bool skip_syncs_ URING_GUARDED_BY(mutex_) = false;
  int sync_refusal_ URING_GUARDED_BY(mutex_) = 0;
  bool random_faults_ URING_GUARDED_BY(mutex_) = false;
  std::mt19937_64 random_ URING_GUARDED_BY(mutex_);
  int submit_error_ URING_GUARDED_BY(mutex_) = 0;
  int wait_error_ URING_GUARDED_BY(mutex_) = 0;
  int factory_error_ URING_GUARDED_BY(mutex_) = 0;
  uint64_t interruptions_ URING_GUARDED_BY(mutex_) = 0;
  size_t waiting_ URING_GUARDED_BY(mutex_) = 0;
  Observations seen_ URING_GUARDED_BY(mutex_);
  bool stopping_ URING_GUARDED_BY(mutex_) = false;
  bool timer_started_ URING_GUARDED_BY(mutex_) = false;
  std::thread timer_;
};

// Carries a request out as the kernel would, at most `bytes_max` bytes of it,
// and overwrites what a read does not report. `iov` is the request's array.
int32_t CarryOut(const RingRequest& request, const std::vector<iovec>& iov,
                 int64_t bytes_max);

// Overwrites the buffers of a read from byte `from` on.
void PoisonRead(const RingRequest& request, const std::vector<iovec>& iov,
                uint64_t from);

}  // namespace rocksdb_uring
