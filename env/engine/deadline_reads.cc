// A read in time, a read at its deadline, and what is left behind.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/engine/deadline_reads.h"

#include <time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <new>
#include <system_error>
#include <thread>
#include <utility>

#include "env/base/debug_log.h"
#include "env/base/mutex.h"
#include "env/engine/ring_request.h"

namespace rocksdb_uring {

namespace {

// Reads of a batch that are in flight together. What is listed of them is on
// the stack, since to wait must not need memory.
constexpr size_t kPiece = 64;
// With no room in a ring: one look in so many nanoseconds.
constexpr timespec kRoomPause = {0, 100 * 1000};
// How often a thread looks at all abandoned reads while there are any; for the
// oldest one it waits in the kernel meanwhile.
constexpr uint64_t kAbandonedLookUs = 100 * 1000;
// Direct I/O of any device is satisfied by a page.
constexpr size_t kBufferAlignment = 4096;

}  // namespace

// Abandoned reads, and the thread that takes them off
// their rings: it is there while there are any, so that the last bytes of a
// device that has recovered do not wait for another read. Detached, because
// to join it would be to wait for the device.
class DeadlineReads::Abandoned
    : public std::enable_shared_from_this<Abandoned> {
 public:
  // Neither is owned. Both are there for as long as a read is in the list.
  Abandoned(IoEngine* engine, BufferBudget* budget)
      : engine_(engine), budget_(budget) {}

  void Add(std::unique_ptr<DeadlineRead> read) URING_EXCLUDES(mutex_) {
    MutexLock lock(&mutex_);
    count_.fetch_add(1, std::memory_order_relaxed);
    bytes_.fetch_add(read->buffer.size(), std::memory_order_relaxed);
    read->next = std::move(first_);
    first_ = std::move(read);
    EnsureThread();
  }
  // Where the thread could not be started: frees what is complete.
  void Look() URING_EXCLUDES(mutex_) {
    List done;
    {
      MutexLock lock(&mutex_);
      if (!running_) {
        TakeCompleted(&done);
        if (first_ != nullptr) {
          EnsureThread();
        }
      }
    }
    Drop(std::move(done));
  }

  uint64_t count() const { return count_.load(std::memory_order_acquire); }
  uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  using List = std::unique_ptr<DeadlineRead>;

  void EnsureThread() URING_REQUIRES(mutex_) {
    if (running_) {
      return;
    }
    try {
      std::thread([self = shared_from_this()] { self->Wait(); }).detach();
      running_ = true;
    } catch (const std::exception& error) {
      DebugLog("no thread to wait for abandoned reads: %s", error.what());
    }
  }

  void TakeCompleted(List* done) URING_REQUIRES(mutex_) {
    for (List* link = &first_; *link != nullptr;) {
      DeadlineRead* const read = link->get();
      if (!engine_->Wait(&read->op, 0)) {
        link = &read->next;
        continue;
      }
      bytes_.fetch_sub(read->buffer.size(), std::memory_order_relaxed);
      budget_->Release(std::move(read->buffer));
      List taken = std::move(*link);
      *link = std::move(taken->next);
      taken->next = std::move(*done);
      *done = std::move(taken);
    }
  }

  // With no lock held: the last keeper may take the engine with it. A read
  // counts until its keeper is gone, so that who sees none may close the file
  // or the engine and knows that no thread of ours is left in it.
  void Drop(List done) URING_EXCLUDES(mutex_) {
    while (done != nullptr) {
      done = std::move(done->next);
      count_.fetch_sub(1, std::memory_order_release);
    }
  }

  void Wait() URING_EXCLUDES(mutex_) {
    for (;;) {
      List done;
      IoOp* oldest = nullptr;
      {
        MutexLock lock(&mutex_);
        TakeCompleted(&done);
        running_ = first_ != nullptr;
        for (DeadlineRead* read = first_.get(); read != nullptr;
             read = read->next.get()) {
          oldest = &read->op;
        }
      }
      Drop(std::move(done));
      if (oldest == nullptr) {
        return;
      }
      // Only this thread takes reads out of the list while it runs.
      engine_->Wait(oldest, kAbandonedLookUs);
    }
  }

  IoEngine* const engine_;
  BufferBudget* const budget_;
  std::atomic<uint64_t> count_{0};
  std::atomic<uint64_t> bytes_{0};
  Mutex mutex_;
  // The latest first.
  List first_ URING_GUARDED_BY(mutex_);
  bool running_ URING_GUARDED_BY(mutex_) = false;
};

DeadlineReads::DeadlineReads(IoEngine* engine, BufferBudget* budget,
                             const Options& options)
    : engine_(engine),
      options_(options),
      budget_(budget),
      abandoned_(std::make_shared<Abandoned>(engine, budget)) {
  // For as long as it lives: buffers are kept for the next read.
  budget_->AddUser();
}

DeadlineReads::~DeadlineReads() { budget_->RemoveUser(); }

uint64_t DeadlineReads::abandoned() const { return abandoned_->count(); }
uint64_t DeadlineReads::abandoned_bytes() const { return abandoned_->bytes(); }

void DeadlineReads::EndInVain(IoOp* wanted, IoEnd end) {
  wanted->result = -ETIMEDOUT;
  wanted->end = end;
  wanted->path = IoPath::kRing;
  engine_->statistics()->Count(end == IoEnd::kTooMany
                                   ? StatEvent::kDeadlineRefused
                                   : StatEvent::kDeadlineMissed);
  wanted->set_state(IoState::kCompleted);
}

void DeadlineReads::Release(std::unique_ptr<DeadlineRead> read) {
  budget_->Release(std::move(read->buffer));
}

std::unique_ptr<DeadlineRead> DeadlineReads::Make(
    IoOp* wanted, std::shared_ptr<const void> keeper) {
  if (abandoned_->count() > 0) {
    abandoned_->Look();
  }
  std::unique_ptr<DeadlineRead> read;
  if (abandoned_->count() < options_.abandoned_max) {
    read.reset(new (std::nothrow) DeadlineRead());
  }
  if (read != nullptr) {
    read->buffer = budget_->Acquire(std::max<uint64_t>(wanted->length, 1),
                                    kBufferAlignment);
  }
  if (read == nullptr || read->buffer.data() == nullptr) {
    EndInVain(wanted, IoEnd::kTooMany);
    return nullptr;
  }
  IoOp* const op = &read->op;
  op->stat_kind = wanted->stat_kind;
  op->fd = wanted->fd;
  op->priority = wanted->priority;
  op->alignment = wanted->alignment;
  op->offset = wanted->offset;
  op->length = wanted->length;
  op->buffer = read->buffer.data();
  read->keeper = std::move(keeper);
  return read;
}

// No room is no error, and nothing to fall back from: a read by POSIX would not
// keep the deadline, and room comes with the next completion.
size_t DeadlineReads::Submit(IoOp* const* ops, size_t count,
                             Deadline deadline) {
  size_t taken = 0;
  for (;;) {
    taken += engine_->Submit(ops + taken, count - taken);
    if (taken == count || !engine_->HasRing() || deadline.passed()) {
      return taken;
    }
    engine_->Poll();
    nanosleep(&kRoomPause, nullptr);
  }
}

std::unique_ptr<DeadlineRead> DeadlineReads::Start(
    IoOp* wanted, std::shared_ptr<const void> keeper, Deadline deadline) {
  std::unique_ptr<DeadlineRead> read;
  if (FitsRing(*wanted)) {
    read = Make(wanted, std::move(keeper));
  }
  if (read == nullptr) {
    return nullptr;
  }
  IoOp* const op = &read->op;
  if (Submit(&op, 1, deadline) == 1) {
    return read;
  }
  Release(std::move(read));
  if (engine_->HasRing()) {
    EndInVain(wanted, IoEnd::kTimedOut);
  }
  return nullptr;
}

void DeadlineReads::Finish(std::unique_ptr<DeadlineRead> read, IoOp* wanted) {
  if (!read->op.completed()) {
    EndInVain(wanted, GiveUp(std::move(read)));
    return;
  }
  wanted->result = read->op.result;
  wanted->end = read->op.end;
  wanted->path = read->op.path;
  if (wanted->result > 0) {
    std::memcpy(wanted->buffer, read->buffer.data(),
                static_cast<size_t>(wanted->result));
  }
  Release(std::move(read));
  wanted->set_state(IoState::kCompleted);
}

IoEnd DeadlineReads::GiveUp(std::unique_ptr<DeadlineRead> read) {
  if (IsInFlight(&read->op)) {
    read->op.set_abandoned();
    engine_->Cancel(&read->op);
    // What was queued is complete now, and so may be what a worker of the
    // kernel had not begun.
    if (!engine_->Wait(&read->op, 0)) {
      engine_->statistics()->Count(StatEvent::kDeadlineAbandoned);
      abandoned_->Add(std::move(read));
      return IoEnd::kAbandoned;
    }
  }
  Release(std::move(read));
  return IoEnd::kTimedOut;
}

void DeadlineReads::RunByPosix(IoOp* wanted) {
  RunOptions options;
  options.path = PathChoice::kPosix;
  engine_->Run(wanted, 1, options);
}

void DeadlineReads::RunPiece(IoOp* ops, size_t count,
                             const std::shared_ptr<const void>& keeper,
                             Deadline deadline) {
  std::array<std::unique_ptr<DeadlineRead>, kPiece> reads;
  std::array<IoOp*, kPiece> wanted;
  std::array<IoOp*, kPiece> started;
  size_t made = 0;
  for (size_t i = 0; i < count; ++i) {
    // The page cache does not wait for the device, and needs no buffer.
    if (ops[i].alignment == 0 && engine_->RunIfCached(&ops[i])) {
      continue;
    }
    if (!FitsRing(ops[i])) {
      RunByPosix(&ops[i]);
      continue;
    }
    reads[made] = Make(&ops[i], keeper);
    if (reads[made] != nullptr) {
      started[made] = &reads[made]->op;
      wanted[made++] = &ops[i];
    }
  }
  const size_t taken = Submit(started.data(), made, deadline);
  engine_->WaitAll(started.data(), taken, deadline);
  const bool rings = engine_->HasRing();
  for (size_t i = 0; i < made; ++i) {
    if (i < taken || rings) {
      Finish(std::move(reads[i]), wanted[i]);
    } else {
      Release(std::move(reads[i]));
      RunByPosix(wanted[i]);
    }
  }
}

void DeadlineReads::Run(IoOp* ops, size_t count,
                        const std::shared_ptr<const void>& keeper,
                        Deadline deadline) {
  for (size_t done = 0; done < count;) {
    const size_t piece = std::min(count - done, kPiece);
    RunPiece(ops + done, piece, keeper, deadline);
    done += piece;
  }
  if (count > 1) {
    engine_->statistics()->CountBatch(count);
  }
}

}  // namespace rocksdb_uring
