// Buffers of read-ahead, write-behind and deadlines, up to limits that files
// share.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/engine/buffer_budget.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace rocksdb_uring {

uint64_t BufferLimit::held() const {
  return std::accumulate(budgets_.begin(), budgets_.begin() + count_,
                         uint64_t{0},
                         [](uint64_t sum, const BufferBudget* budget) {
                           return sum + budget->held();
                         });
}

void BufferLimit::FreeKept(uint64_t size) {
  const uint64_t before = held();
  for (size_t i = 0; i < count_; ++i) {
    const uint64_t freed = before - std::min(before, held());
    if (freed < size) {
      budgets_[i]->FreeKept(size - freed);
    }
  }
}

BufferBudget::BufferBudget(Use use, uint64_t bytes_max, size_t cpus,
                           BufferLimit* together)
    : use_(use),
      together_(together),
      bytes_max_(together == nullptr
                     ? bytes_max
                     : std::min(bytes_max, together->bytes_max())),
      blocks_(cpus),
      small_blocks_(cpus),
      // Those for writes are the allocator's, which keeps some by itself.
      kept_(use == Use::kForReads ? bytes_max_ / 4 : 0, cpus) {
  if (together != nullptr) {
    together->Join(this);
  }
}

uint64_t BufferBudget::Missing(uint64_t size) const {
  const auto missing = [size](uint64_t held, uint64_t bytes_max) {
    return held + size - std::min(held + size, bytes_max);
  };
  const uint64_t here = missing(held(), bytes_max_);
  return together_ == nullptr ? here
                              : std::max(here, missing(together_->held(),
                                                       together_->bytes_max()));
}

// The last one clears up: what is kept is not to be held by an idle process.
void BufferBudget::RemoveUser() {
  NoteSharedWrite(SharedBy::kProcess);
  if (users_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    kept_.Clear();
  }
}

// Booked before it is compared: of two threads that ask for the last bytes at
// once both may be refused, which costs speed, but never both be served. Looked
// at before it is booked: where the budget is exhausted, every read of a stream
// comes here, and must not write to a line that all of them share.
bool BufferBudget::Reserve(size_t size) {
  if (Missing(size) > 0) {
    return false;
  }
  account_.Add(size);
  if (Missing(0) == 0) {
    return true;
  }
  account_.Subtract(size);
  return false;
}

AlignedBuffer BufferBudget::Allocate(size_t size, size_t alignment) const {
  return use_ == Use::kForReads ? AlignedBuffer::NotInherited(size)
                                : AlignedBuffer(size, alignment);
}

AlignedBuffer BufferBudget::TakeKept(size_t size) {
  AlignedBuffer kept = kept_.Take(size);
  if (kept.data() != nullptr && !Reserve(kept.size())) {
    return AlignedBuffer();
  }
  return kept;
}

template <typename Blocks>
AlignedBuffer BufferBudget::TakeFrom(Blocks* blocks, size_t size,
                                     size_t alignment) {
  if (alignment > Blocks::kUnitBytes ||
      Blocks::Rounded(size) > Blocks::kBlockBytes) {
    return AlignedBuffer();
  }
  AlignedBuffer buffer = blocks->Take(size);
  if (buffer.data() != nullptr) {
    account_.Add(buffer.size());
  }
  return buffer;
}

template <typename Blocks>
AlignedBuffer BufferBudget::TakeFromAny(Blocks* blocks, size_t size,
                                        size_t alignment) {
  constexpr size_t kBlock = Blocks::kBlockBytes;
  if (Blocks::Rounded(size) > kBlock || alignment > Blocks::kUnitBytes ||
      bytes_max_ < kBlocksMin * kBlock) {
    return AlignedBuffer();
  }
  AlignedBuffer buffer = TakeFrom(blocks, size, alignment);
  if (buffer.data() == nullptr && Reserve(kBlock)) {
    buffer = blocks->TakeFromNew(size);
    account_.Subtract(kBlock - buffer.size());
  }
  return buffer;
}

AlignedBuffer BufferBudget::TakeFromBlock(size_t size, size_t alignment) {
  AlignedBuffer buffer = TakeFrom(&small_blocks_, size, alignment);
  return buffer.data() != nullptr ? std::move(buffer)
                                  : TakeFrom(&blocks_, size, alignment);
}

AlignedBuffer BufferBudget::TakeFromAnyBlock(size_t size, size_t alignment) {
  if (use_ != Use::kForReads) {
    return AlignedBuffer();
  }
  if (size >= kCutFrom) {
    return TakeFromAny(&blocks_, size, alignment);
  }
  return bytes() < kManyBytes ? AlignedBuffer()
                              : TakeFromAny(&small_blocks_, size, alignment);
}

// One thread at a time: the others would find what it has left.
bool BufferBudget::Reclaim() {
  const Clock::rep now = Clock::now().time_since_epoch().count();
  if (now < reclaim_at_.load(std::memory_order_relaxed) || !mutex_.TryLock()) {
    return false;
  }
  const uint64_t before = account_.bytes();
  const auto gain = [&] {
    const uint64_t now_out = account_.bytes();
    return now_out < before ? before - now_out : 0;
  };
  // Each once. Those that still hold something come to the other end.
  Holder* const last = newest_;
  for (Holder* holder = oldest_; holder != nullptr && gain() < kReclaimBytes;
       holder = holder == last ? nullptr : oldest_) {
    Unlink(holder);
    if (holder->ReclaimIdle()) {
      LinkAsNewest(holder);
    }
  }
  const bool gained = gain() > 0;
  if (!gained) {
    reclaim_at_.store(now + Clock::duration(kReclaimPause).count(),
                      std::memory_order_relaxed);
  }
  mutex_.Unlock();
  return gained;
}

AlignedBuffer BufferBudget::Acquire(size_t size, size_t alignment) {
  if (use_ == Use::kForReads) {
    size = AlignedBuffer::WholePages(size);
  }
  if (size > bytes_max_) {
    return AlignedBuffer();
  }
  AlignedBuffer kept = TakeKept(size);
  if (kept.data() != nullptr) {
    return kept;
  }
  AlignedBuffer cut = TakeFromAnyBlock(size, alignment);
  if (cut.data() != nullptr) {
    return cut;
  }
  if (!Reserve(size)) {
    // Room by kept buffers that do not fit: no more of them than it takes,
    // since each is made anew with page faults, and unmapped with an interrupt
    // of all processors. Or by those of idle files, which come to be kept.
    if (kept_.bytes() < size && Reclaim()) {
      kept = TakeKept(size);
      if (kept.data() != nullptr) {
        return kept;
      }
    }
    kept_.Free(std::min<uint64_t>(Missing(size), size));
    if (together_ != nullptr) {
      together_->FreeKept(std::min<uint64_t>(Missing(size), size));
    }
    if (!Reserve(size)) {
      // What was kept may have been cut from blocks that are still in use.
      return TakeFromBlock(size, alignment);
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
  if (Missing(buffer.size()) == 0) {
    kept_.Keep(std::move(buffer));
  }
}

void BufferBudget::Add(Holder* holder) {
  MutexLock lock(&mutex_);
  if (!holder->listed_) {
    LinkAsNewest(holder);
  }
}

void BufferBudget::Remove(Holder* holder) {
  MutexLock lock(&mutex_);
  if (holder->listed_) {
    Unlink(holder);
  }
}

void BufferBudget::LinkAsNewest(Holder* holder) {
  holder->listed_ = true;
  holder->before_ = nullptr;
  holder->after_ = newest_;
  (newest_ == nullptr ? oldest_ : newest_->before_) = holder;
  newest_ = holder;
}

void BufferBudget::Unlink(Holder* holder) {
  holder->listed_ = false;
  (holder->before_ == nullptr ? newest_ : holder->before_->after_) =
      holder->after_;
  (holder->after_ == nullptr ? oldest_ : holder->after_->before_) =
      holder->before_;
}

}  // namespace rocksdb_uring
