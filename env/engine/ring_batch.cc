// The life of a batch: fill the queue, wait, reap, and when the ring dies, see
// to it that no buffer is left with the kernel.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/engine/ring_batch.h"

#include <sched.h>
#include <time.h>

#include <algorithm>
#include <cerrno>

#include "env/engine/ring_request.h"

namespace rocksdb_uring {

namespace {

constexpr unsigned kReapMax = 64;
// Attempts at a submission that the kernel has no memory for while nothing of
// ours is in flight that could free some.
constexpr int kBusyAttemptsMax = 100;

// Waiting ended, and the ring is well.
bool IsInterruption(int result) {
  return result >= 0 || result == -EINTR || result == -EAGAIN;
}

}  // namespace

bool RingBatch::FailedEnter(int result) {
  live_ring_->Fail("io_uring_enter", Errno::FromResult(result));
  return false;
}

void RingBatch::CountSubmitCall() {
  completer_.statistics()->Count(StatEvent::kSubmitCall);
}

bool RingBatch::FlushQueue() {
  for (int attempt = 0; unsubmitted_ > 0;) {
    const int result = ring_->Submit();
    CountSubmitCall();
    if (result > 0) {
      unsubmitted_ -= static_cast<unsigned>(result);
    } else if (result == -EINTR) {
      continue;
    } else if (result == 0 || IsBusy(result)) {
      // Completions give the kernel its memory back: reap before asking again.
      // With nothing in flight there is none to come, and only other processes
      // can free some: a few attempts, then POSIX, which needs no such memory.
      if (in_flight_ > unsubmitted_) {
        return true;
      }
      if (++attempt > kBusyAttemptsMax) {
        return FailedEnter(result == 0 ? -EBUSY : result);
      }
      sched_yield();
    } else {
      return FailedEnter(result);
    }
  }
  return true;
}

bool RingBatch::Fill() {
  const unsigned room = ring_->submission_entries();
  while (next_ < count_ && in_flight_ < room) {
    IoOp& op = ops_[next_];
    if (!FitsRing(op)) {
      op.result = completer_.posix()->Finish(op, 0);
      op.path = IoPath::kPosix;
      ops_[next_++].tag = kReaped;
      continue;
    }
    // The canary of the batch above, the index below.
    const uint64_t tag = (static_cast<uint64_t>(canary_) << 32) | next_;
    if (!ring_->Prepare(MakeRequest(op, tag))) {
      break;
    }
    ops_[next_++].tag = kInFlight;
    ++unsubmitted_;
    ++in_flight_;
    // The last chunk goes with the wait, which saves a call.
    if (unsubmitted_ >= kSubmitChunk && next_ < count_ && !FlushQueue()) {
      return false;
    }
  }
  return true;
}

bool RingBatch::AwaitSome() {
  // With more to come, wake up when half is there and refill: earlier would
  // cost a wake-up for each completion, later would leave the device idle.
  const unsigned wanted =
      next_ < count_ ? std::max(1U, in_flight_ / 2) : in_flight_;
  const int result = ring_->SubmitAndWait(wanted);
  CountSubmitCall();
  if (result > 0 || (result == 0 && unsubmitted_ == 0)) {
    unsubmitted_ -= static_cast<unsigned>(result);
    return true;
  }
  if (result == 0 || IsBusy(result)) {
    // Completions give the kernel its memory back.
    if (in_flight_ == unsubmitted_) {
      return FlushQueue();
    }
    const int waited = ring_->Wait(1, Ring::kNoTimeout);
    return IsInterruption(waited) || FailedEnter(waited);
  }
  return IsInterruption(result) || FailedEnter(result);
}

void RingBatch::ReapAll() {
  RingCompletion completions[kReapMax];
  unsigned reaped = 0;
  while ((reaped = ring_->Reap(completions, kReapMax)) > 0) {
    for (unsigned i = 0; i < reaped; ++i) {
      const uint64_t index = completions[i].user_data & 0xffffffff;
      const bool ours = completions[i].user_data >> 32 == canary_;
      if (ours && index < count_ && ops_[index].tag == kInFlight) {
        --in_flight_;
        ops_[index].tag = kReaped;
        completer_.EndAnswered(&ops_[index], completions[i].result, &seen_);
      } else {
        completer_.statistics()->Count(StatEvent::kUnknownCompletion);
      }
    }
  }
}

// The kernel may still write to the buffers, so they cannot go back to the
// caller yet. The ring refuses calls that wait, so this looks at the completion
// queue again and again, with pauses that grow.
void RingBatch::DrainDeadRing() {
  // What the kernel never consumed is ours again: the newest ones.
  in_flight_ -= unsubmitted_;
  for (size_t i = next_; i > 0 && unsubmitted_ > 0; --i) {
    if (ops_[i - 1].tag == kInFlight) {
      ops_[i - 1].tag = kWaiting;
      --unsubmitted_;
    }
  }
  // What it did consume completes without our help (any return from a system
  // call runs the completion), and until then its buffers are the kernel's.
  timespec pause = {0, 50 * 1000};
  while (in_flight_ > 0) {
    ReapAll();
    if (in_flight_ > 0) {
      nanosleep(&pause, nullptr);
      pause.tv_nsec = std::min<long>(pause.tv_nsec * 2, 10 * 1000 * 1000);
    }
  }
  for (size_t i = 0; i < count_; ++i) {
    if (ops_[i].tag == kWaiting) {
      completer_.EndUntaken(&ops_[i]);
    }
  }
}

void RingBatch::Run(IoOp* ops, size_t count) {
  ops_ = ops;
  count_ = count;
  canary_ = live_ring_->NextBatch();
  for (size_t i = 0; i < count; ++i) {
    ops[i].tag = kWaiting;
  }
  while (next_ < count_ || in_flight_ > 0) {
    if (!Fill() || (in_flight_ > 0 && !AwaitSome())) {
      DrainDeadRing();
      return;
    }
    ReapAll();
  }
  live_ring_->Judge(seen_);
}

}  // namespace rocksdb_uring
