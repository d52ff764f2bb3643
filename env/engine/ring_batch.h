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
  // Nothing is owned. The ring must have no request in flight.
  RingBatch(LiveRing* ring, const Completer& completer)
      : live_ring_(ring), ring_(ring->ring()), completer_(completer) {}

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
  bool FailedEnter(int result);
  void CountSubmitCall();

  LiveRing* const live_ring_;
  Ring* const ring_;
  const Completer completer_;

  IoOp* ops_ = nullptr;
  size_t count_ = 0;
  // Operations [next_, count_) have not been put on the queue.
  size_t next_ = 0;
  // On the queue, not yet consumed by the kernel: the last ones before next_.
  unsigned unsubmitted_ = 0;
  // On the queue or in the kernel.
  unsigned in_flight_ = 0;
  RingEvidence seen_;
  uint32_t canary_ = 0;
};

}  // namespace rocksdb_uring
