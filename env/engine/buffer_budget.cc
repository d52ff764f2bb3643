// Buffers of read-ahead and write-behind, up to a limit that files share.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/engine/buffer_budget.h"

#include <utility>

namespace rocksdb_uring {

// Booked before it is compared: of two threads that ask for the last bytes at
// once both may be refused, which costs speed, but never both be served.
bool BufferBudget::Reserve(size_t size) {
  account_.Add(size);
  if (account_.bytes() <= bytes_max_) {
    return true;
  }
  account_.Subtract(size);
  return false;
}

AlignedBuffer BufferBudget::Allocate(size_t size, size_t alignment) const {
  return use_ == Use::kForReads ? AlignedBuffer::NotInherited(size)
                                : AlignedBuffer(size, alignment);
}

AlignedBuffer BufferBudget::Acquire(size_t size, size_t alignment) {
  if (use_ == Use::kForReads) {
    size = AlignedBuffer::WholePages(size);
  }
  if (size > bytes_max_) {
    return AlignedBuffer();
  }
  if (!Reserve(size)) {
    {
      // Holders are only tried: one that waits for this budget with its own
      // lock held would otherwise wait for ever.
      MutexLock lock(&mutex_);
      for (Holder* holder = holders_; holder != nullptr;
           holder = holder->after_) {
        holder->ReclaimIdle();
      }
    }
    if (!Reserve(size)) {
      return AlignedBuffer();
    }
  }
  AlignedBuffer buffer = Allocate(size, alignment);
  if (buffer.data() == nullptr) {
    account_.Subtract(size);
  }
  return buffer;
}

void BufferBudget::Release(AlignedBuffer buffer) {
  account_.Subtract(buffer.size());
}

void BufferBudget::Add(Holder* holder) {
  MutexLock lock(&mutex_);
  holder->before_ = nullptr;
  holder->after_ = holders_;
  if (holders_ != nullptr) {
    holders_->before_ = holder;
  }
  holders_ = holder;
}

void BufferBudget::Remove(Holder* holder) {
  MutexLock lock(&mutex_);
  (holder->before_ == nullptr ? holders_ : holder->before_->after_) =
      holder->after_;
  if (holder->after_ != nullptr) {
    holder->after_->before_ = holder->before_;
  }
}

}  // namespace rocksdb_uring
