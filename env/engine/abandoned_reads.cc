// The list of abandoned reads, and the thread that waits for them.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/engine/abandoned_reads.h"

#include <exception>
#include <thread>
#include <utility>

#include "env/base/debug_log.h"

namespace rocksdb_uring {

namespace {

// How often the thread looks at all reads; for the oldest one it waits in the
// kernel meanwhile.
constexpr uint64_t kAbandonedLookUs = 100 * 1000;

}  // namespace

void AbandonedReads::CountOne(uint64_t bytes) {
  count_.fetch_add(1, std::memory_order_relaxed);
  bytes_.fetch_add(bytes, std::memory_order_relaxed);
}

void AbandonedReads::ForgetOne(uint64_t bytes) {
  bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  count_.fetch_sub(1, std::memory_order_release);
}

void AbandonedReads::Add(std::unique_ptr<DeadlineRead> read) {
  MutexLock lock(&mutex_);
  CountOne(read->buffer.size());
  read->next = std::move(first_);
  first_ = std::move(read);
  EnsureThread();
}

void AbandonedReads::Look() {
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

void AbandonedReads::EnsureThread() {
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

void AbandonedReads::TakeCompleted(List* done) {
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

void AbandonedReads::Drop(List done) {
  while (done != nullptr) {
    done = std::move(done->next);
    count_.fetch_sub(1, std::memory_order_release);
  }
}

void AbandonedReads::Wait() {
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

}  // namespace rocksdb_uring
