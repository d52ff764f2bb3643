// Some buffers on each of a few shelves.
//
// Each munmap of a buffer takes the lock of the process's memory map, which
// every page fault of every thread needs, too, and each new buffer has its
// pages cleared and mapped one by one before the device may write to them; on
// many processors each of them is interrupted by a munmap
// (env/MEASUREMENTS.md).
//
// SPDX-License-Identifier: Apache-2.0
#include "env/engine/kept_buffers.h"

#include <algorithm>
#include <utility>

#include "env/base/thread_number.h"

namespace rocksdb_uring {

namespace {

// Whether a buffer does for `size` bytes without wasting the budget.
bool Fits(size_t buffer_size, size_t size) {
  constexpr size_t kSmall = 64 << 10;
  const size_t slack = size <= kSmall ? size / 2 : size / 4;
  return buffer_size >= size && buffer_size <= size + slack;
}

}  // namespace

KeptBuffers::KeptBuffers(uint64_t bytes_max, size_t cpus)
    : bytes_max_(bytes_max),
      shelf_count_(bytes_max == 0 ? 0
                                  : ShardsFor(cpus, kShelvesMin, kShelvesMax)),
      shelves_(shelf_count_ == 0 ? nullptr : new Shelf[shelf_count_]) {}

KeptBuffers::Shelf* KeptBuffers::ShelfAt(size_t index) const {
  return &shelves_[index & (shelf_count_ - 1)];
}

void KeptBuffers::Book(Shelf* shelf, uint64_t added, uint64_t removed) {
  NoteSharedWrite(SharedBy::kProcess);
  bytes_.fetch_add(added - removed, std::memory_order_relaxed);
  shelf->bytes.fetch_add(added - removed, std::memory_order_relaxed);
}

AlignedBuffer KeptBuffers::TakeFrom(Shelf* shelf, size_t size) {
  for (AlignedBuffer& buffer : shelf->buffers) {
    if (Fits(buffer.size(), size)) {
      Book(shelf, 0, buffer.size());
      return std::move(buffer);
    }
  }
  return AlignedBuffer();
}

// On the other shelves, too: a thread that takes buffers back from idle files
// has more of them than it needs. Not where that would mean to wait.
AlignedBuffer KeptBuffers::Take(size_t size) {
  AlignedBuffer taken;
  const size_t mine = ThreadNumber();
  for (size_t i = 0; i < shelf_count_ && bytes() >= size; ++i) {
    Shelf* const shelf = ShelfAt(mine + i);
    if (shelf->bytes.load(std::memory_order_relaxed) < size ||
        !shelf->mutex.TryLock()) {
      continue;
    }
    taken = TakeFrom(shelf, size);
    shelf->mutex.Unlock();
    if (taken.data() != nullptr) {
      break;
    }
  }
  return taken;
}

void KeptBuffers::Keep(AlignedBuffer buffer) {
  const uint64_t size = buffer.size();
  if (bytes() + size > bytes_max_) {
    return;
  }
  Shelf* const shelf = ShelfAt(ThreadNumber());
  MutexLock lock(&shelf->mutex);
  // With all places taken the smallest goes: it is made anew in the least time.
  AlignedBuffer* const place =
      &*std::min_element(shelf->buffers.begin(), shelf->buffers.end(),
                         [](const AlignedBuffer& a, const AlignedBuffer& b) {
                           return a.size() < b.size();
                         });
  if (place->size() >= size) {
    return;
  }
  Book(shelf, size, place->size());
  std::swap(*place, buffer);
}

void KeptBuffers::Free(uint64_t size) {
  uint64_t freed = 0;
  const size_t mine = ThreadNumber();
  for (size_t i = 0; i < shelf_count_ && freed < size && bytes() > 0; ++i) {
    Shelf* const shelf = ShelfAt(mine + i);
    if (shelf->bytes.load(std::memory_order_relaxed) == 0 ||
        !shelf->mutex.TryLock()) {
      continue;
    }
    for (AlignedBuffer& buffer : shelf->buffers) {
      if (freed >= size) {
        break;
      }
      freed += buffer.size();
      Book(shelf, 0, buffer.size());
      buffer = AlignedBuffer();
    }
    shelf->mutex.Unlock();
  }
}

void KeptBuffers::Clear() {
  for (size_t i = 0; i < shelf_count_ && bytes() > 0; ++i) {
    Shelf* const shelf = ShelfAt(i);
    MutexLock lock(&shelf->mutex);
    for (AlignedBuffer& buffer : shelf->buffers) {
      Book(shelf, 0, buffer.size());
      buffer = AlignedBuffer();
    }
  }
}

}  // namespace rocksdb_uring
