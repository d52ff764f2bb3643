// Runs one batch on one leased ring, on the calling thread from the first
// submission to the last completion.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "env/engine/completion.h"
#include "env/engine/io_op.h"
#include "env/engine/live_ring.h"

namespace rocksdb_uring {

class RingBatch {
 public:
  // Nothing is owned. The ring must have no request in flight. `timeout_us` as
  // in RunOptions.
  RingBatch(LiveRing* ring, const Completer& completer, uint64_t timeout_us)
      : live_ring_(ring),
        ring_(ring->ring()),
        completer_(completer),
        timeout_us_(timeout_us) {}

  // Gives each of the `count` operations a result and a path, whatever becomes
  // of the ring, and tells the ring how it has fared; states and callbacks are
  // the caller's.
  void Run(IoOp* ops, size_t count);

 private:
  // What has become of an operation, kept in its `tag`.
  enum Progress : uint64_t { kWaiting, kInFlight, kReaped };

  bool Fill();
  bool FlushQueue();
  bool AwaitSome();
  void ReapAll();
  void DrainDeadRing();
  void CancelRest();
  void End(IoOp* op, int32_t ring_result);
  bool FailedEnter(int result);
  void CountSubmitCall();

  LiveRing* const live_ring_;
  Ring* const ring_;
  const Completer completer_;
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
  RingEvidence seen_;
  uint32_t canary_ = 0;
  uint64_t deadline_us_ = 0;
  bool timed_out_ = false;
  // After the timeout: a cancel request is on its way for each operation.
  bool all_cancelled_ = true;
};

}  // namespace rocksdb_uring
