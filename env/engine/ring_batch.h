// Runs one batch on one leased ring, on the calling thread from the first
// submission to the last completion.
#pragma once

#include <cstddef>
#include <cstdint>

#include "env/base/errno_code.h"
#include "env/engine/io_op.h"
#include "env/engine/posix_engine.h"
#include "env/engine/statistics.h"
#include "env/ring/ring.h"

namespace rocksdb_uring {

class RingBatch {
 public:
  // Nothing is owned. The ring must have no request in flight. `posix` finishes
  // what the ring does not. `timeout_us` as in RunOptions.
  RingBatch(Ring* ring, PosixEngine* posix, Statistics* statistics,
            uint64_t timeout_us)
      : ring_(ring),
        posix_(posix),
        statistics_(statistics),
        timeout_us_(timeout_us) {}

  // Gives each of the `count` operations a result and a path; states and
  // callbacks are the caller's. Returns false if the ring has failed and must
  // be retired; the operations have their results all the same.
  bool Run(IoOp* ops, size_t count);

  // How the ring has failed, as the breaker takes it, after Run has returned
  // false.
  const char* failed_call() const { return failed_call_; }
  Errno error() const { return error_; }

 private:
  // What has become of an operation, kept in its `tag`.
  enum Progress : uint64_t { kWaiting, kInFlight, kReaped };

  bool Fill();
  bool FlushQueue();
  bool AwaitSome();
  void ReapAll();
  void DrainDeadRing();
  void CancelRest();
  void Settle(IoOp* op, int32_t ring_result);
  bool FailedEnter(int result);
  bool RefusedEverything();

  Ring* const ring_;
  PosixEngine* const posix_;
  Statistics* const statistics_;
  const uint64_t timeout_us_;

  IoOp* ops_ = nullptr;
  size_t count_ = 0;
  // Operations [next_, count_) have not been put on the queue.
  size_t next_ = 0;
  // On the queue, not yet consumed by the kernel: the last ones before next_.
  unsigned unsubmitted_ = 0;
  // On the queue or in the kernel, cancel requests included.
  unsigned in_flight_ = 0;
  // Cancel requests put on the queue.
  unsigned cancels_ = 0;
  // Operations that the ring answered, and those among them that it failed
  // and that POSIX could do.
  size_t answered_ = 0;
  size_t rescued_ = 0;
  int32_t last_rescued_ = 0;
  const char* failed_call_ = nullptr;
  Errno error_ = Errno::FromErrno(0);
  uint32_t canary_ = 0;
  uint64_t deadline_us_ = 0;
  bool timed_out_ = false;
  // After the timeout: a cancel request is on its way for each operation.
  bool all_cancelled_ = true;
};

}  // namespace rocksdb_uring
