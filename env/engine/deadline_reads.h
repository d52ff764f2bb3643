// Reads that return when their time is over, whatever the device does.
//
// What the kernel has begun to read cannot be taken back: it writes to its
// buffer when the device answers. So a read with a deadline goes into a buffer
// of the engine. In time, it is copied to the caller. At the deadline it is
// cancelled; if the kernel goes on with it, it is abandoned: operation and
// buffer stay here, and the caller gets kTimedOut and its own memory.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "env/base/aligned_buffer.h"
#include "env/base/clock.h"
#include "env/engine/buffer_budget.h"
#include "env/engine/io_engine.h"
#include "env/engine/io_op.h"

namespace rocksdb_uring {

class AbandonedReads;
class RingLoop;

// One read with a buffer of its own.
struct DeadlineRead {
  // What the ring does.
  IoOp op;
  AlignedBuffer buffer;
  // Keeps what `op` points to open, the engine included.
  std::shared_ptr<const void> keeper;
  // The next one in the list of those that were abandoned.
  std::unique_ptr<DeadlineRead> next;
};

// Safe for concurrent use.
class DeadlineReads {
 public:
  struct Options {
    // With so many abandoned reads no other one begins.
    uint32_t abandoned_max = 0;
  };

  // `engine` has rings. All buffers are of `budget`, those of abandoned reads
  // included. Neither is owned, and both must outlive this object.
  DeadlineReads(IoEngine* engine, BufferBudget* budget, const Options& options);
  // REQUIRES: no read is abandoned (their keepers see to it).
  ~DeadlineReads();
  DeadlineReads(const DeadlineReads&) = delete;
  DeadlineReads& operator=(const DeadlineReads&) = delete;

  // Runs `count` reads (kRead), in parallel, and returns when all are complete
  // or the deadline has passed: those that are not complete by then give
  // -ETIMEDOUT (kTimedOut, kAbandoned), the others their data. Where a limit
  // leaves no room for a read it gives -ETIMEDOUT (kTooMany) at once. Where no
  // ring can be had at this moment POSIX reads, and the deadline is not kept.
  // Counts and completes them as IoEngine::Run does; they have no callback.
  // `keeper` keeps the descriptor open, and the engine.
  void Run(IoOp* ops, size_t count, const std::shared_ptr<const void>& keeper,
           Deadline deadline);

  // The same in steps, for a read that outlives the call that starts it. Start
  // returns null if the read has not been started; then `wanted` is complete
  // (a limit, or the deadline), or still idle because no ring can be had.
  std::unique_ptr<DeadlineRead> Start(IoOp* wanted,
                                      std::shared_ptr<const void> keeper,
                                      Deadline deadline);
  // Gives `wanted` what has come of it: its data, or kTimedOut or kAbandoned if
  // it is not complete now. Does not wait. `wanted` is as it was for Start.
  void Finish(std::unique_ptr<DeadlineRead> read, IoOp* wanted);
  // Ends a read whose result is not wanted. Does not wait for the device.
  // Returns how it has ended: kTimedOut, or kAbandoned.
  IoEnd GiveUp(std::unique_ptr<DeadlineRead> read);

  // Runs a read that has a callback on this thread's loop, and returns at once.
  // It is complete when its callback is called, perhaps inside the call, as
  // after Run: by its deadline, or some milliseconds later if the loop is busy.
  // REQUIRES: RingLoop::Current() == loop.
  void RunOnLoop(IoOp* wanted, std::shared_ptr<const void> keeper,
                 Deadline deadline, RingLoop* loop);

  // Reads that were abandoned and that the kernel has not finished, and the
  // bytes of their buffers.
  uint64_t abandoned() const;
  uint64_t abandoned_bytes() const;
  // Bytes in buffers now.
  uint64_t bytes() const { return budget_->bytes(); }

 private:
  struct OnLoop;

  // Up to kPiece of them.
  void RunPiece(IoOp* ops, size_t count,
                const std::shared_ptr<const void>& keeper, Deadline deadline);
  // Where no ring can do it.
  void RunByPosix(IoOp* wanted);
  // Null if a limit leaves no room for it; `wanted` is complete then.
  template <typename Read>
  std::unique_ptr<Read> Make(IoOp* wanted, std::shared_ptr<const void> keeper);
  // Hands reads to a ring, waits for room in it if need be; how many it has
  // taken.
  size_t Submit(IoOp* const* ops, size_t count, Deadline deadline);
  // Gives `wanted` what the ring has read, and the buffer back.
  void Take(DeadlineRead* read, IoOp* wanted);
  void Release(DeadlineRead* read);
  void EndInVain(IoOp* wanted, IoEnd end);

  IoEngine* const engine_;
  const Options options_;
  BufferBudget* const budget_;
  // Shared with the thread that waits for abandoned reads, which may outlive
  // this object by a moment.
  const std::shared_ptr<AbandonedReads> abandoned_;
};

}  // namespace rocksdb_uring
