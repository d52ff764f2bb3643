// The contract that both engines keep: the shared io_uring engine
// (uring_engine.h) and the POSIX engine (posix_engine.h), which is the
// fallback of the first and the oracle of its tests.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "env/base/clock.h"
#include "env/engine/io_op.h"
#include "env/engine/page_cache_hint.h"
#include "env/engine/statistics.h"

namespace rocksdb_uring {

// Which path the caller wants: the options `reads`, `writes` and `syncs`, and
// kPlain for files outside the share.
enum class PathChoice : uint8_t {
  kAuto,   // the one that measures fastest
  kUring,  // a ring whenever there is one
  kPosix,  // never a ring
  kPlain,  // the system calls that RocksDB's own file system makes
};
inline bool MayUseRings(PathChoice path) {
  return path == PathChoice::kAuto || path == PathChoice::kUring;
}

// The choice for each class of operation of a file.
struct PathChoices {
  PathChoice reads = PathChoice::kAuto;
  PathChoice writes = PathChoice::kAuto;
  // fsync, fdatasync and sync_file_range.
  PathChoice syncs = PathChoice::kAuto;
};

struct RunOptions {
  PathChoice path = PathChoice::kAuto;
  // Of the file that is read; may be null.
  PageCacheHint* page_cache = nullptr;
  // All are reads of a direct file whose device has poll queues.
  bool polls = false;
};

// All functions are safe for concurrent use by any thread, for different
// operations. No function throws, prints or aborts.
class IoEngine {
 public:
  static constexpr uint64_t kNoTimeout = UINT64_MAX;

  virtual ~IoEngine() = default;

  // Runs `count` operations, in any order and in parallel where that is
  // faster, and returns when all are kCompleted. Blocks. Callbacks are run
  // before it returns.
  virtual void Run(IoOp* ops, size_t count, const RunOptions& options) = 0;

  // Completes a buffered read if the page cache has all of it: never waits for
  // the device. False if it has not, or cannot be asked: the operation is still
  // kIdle, and its buffer may have been written to. Runs no callback.
  virtual bool RunIfCached(IoOp* op) {
    (void)op;
    return false;
  }

  // Starts operations that outlive the call. Returns how many of them, from
  // the front, were taken; the rest found no room (or no ring) and are still
  // kIdle. Does not wait for the device. An operation must be completed before
  // what it points to, its descriptor included, goes away.
  virtual size_t Submit(IoOp* const* ops, size_t count) = 0;
  bool Submit(IoOp* op) { return Submit(&op, 1) == 1; }

  // Waits until a submitted operation is complete, at most `timeout_us`
  // microseconds; returns whether it is. Any thread may wait, also one that
  // did not submit it. Completes operations of others that it meets.
  virtual bool Wait(IoOp* op, uint64_t timeout_us = kNoTimeout) = 0;

  // Waits until all of these submitted operations are complete, or until the
  // deadline, with as few wake-ups as it takes, in whatever order they
  // complete; returns whether they are. REQUIRES: none of them is named twice.
  virtual bool WaitAll(IoOp* const* ops, size_t count,
                       Deadline deadline = Deadline()) {
    bool complete = true;
    for (size_t i = 0; i < count; ++i) {
      complete = Wait(ops[i], deadline.LeftUs()) && complete;
    }
    return complete;
  }

  // Waits until one of these submitted operations is complete, or until the
  // deadline; returns whether one is. Idle ones are not waited for.
  virtual bool WaitAny(IoOp* const* ops, size_t count,
                       Deadline deadline = Deadline()) {
    IoOp* const* const first = std::find_if(ops, ops + count, IsInFlight);
    return AnyCompleted(ops, count) ||
           (first != ops + count && Wait(*first, deadline.LeftUs()));
  }

  // Completes what is there to be completed, without waiting; returns how many
  // operations that were.
  virtual size_t Poll() = 0;

  // Asks for a submitted operation to end early. It completes all the same,
  // with -ECANCELED (kCancelled) or with its result, and must be waited for:
  // until then the kernel may use its buffer. Does not block.
  virtual void Cancel(IoOp* op) = 0;

  // Whether Submit can take operations at this moment.
  virtual bool asynchronous() = 0;
  // Whether there is a ring for this thread's operations: a Submit that has
  // taken none found no room in it. Takes a lock.
  virtual bool HasRing() { return false; }

  // Adds the operations that have not completed at this moment. Completes what
  // is there to be completed, as Poll does. May wait some milliseconds for a
  // lock.
  virtual void AddInFlight(InFlightReport* report) {
    statistics()->in_flight()->AddTo(report);
  }

  virtual Statistics* statistics() = 0;
};

}  // namespace rocksdb_uring
