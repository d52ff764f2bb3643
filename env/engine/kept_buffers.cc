// A few buffers on each of a few shelves.
//
// Each munmap of a buffer takes the lock of the process's memory map, which
// every page fault of every thread needs, too, and each new buffer has its
// pages cleared and mapped one by one before the device may write to them
// (env/MEASUREMENTS.md).
//
// SPDX-License-Identifier: Apache-2.0
#include "env/engine/kept_buffers.h"

#include <utility>

#include "env/base/thread_number.h"

namespace rocksdb_uring {

KeptBuffers::Shelf* KeptBuffers::MyShelf() {
  return &shelves_[ThreadNumber() % kShelves];
}

AlignedBuffer KeptBuffers::Take(size_t size) {
  if (bytes() < size) {
    return AlignedBuffer();
  }
  Shelf* const shelf = MyShelf();
  MutexLock lock(&shelf->mutex);
  for (AlignedBuffer& buffer : shelf->buffers) {
    if (buffer.size() >= size && buffer.size() <= size + size / 4) {
      NoteSharedWrite(SharedBy::kProcess);
      bytes_.fetch_sub(buffer.size(), std::memory_order_relaxed);
      return std::move(buffer);
    }
  }
  return AlignedBuffer();
}

void KeptBuffers::Keep(AlignedBuffer buffer) {
  const uint64_t size = buffer.size();
  if (bytes() + size > bytes_max_) {
    return;
  }
  Shelf* const shelf = MyShelf();
  MutexLock lock(&shelf->mutex);
  // With all places taken the smallest goes: it is made anew in the least time.
  AlignedBuffer* place = &shelf->buffers[0];
  for (AlignedBuffer& kept : shelf->buffers) {
    place = kept.size() < place->size() ? &kept : place;
  }
  if (place->size() >= size) {
    return;
  }
  NoteSharedWrite(SharedBy::kProcess);
  bytes_.fetch_add(size - place->size(), std::memory_order_relaxed);
  std::swap(*place, buffer);
}

bool KeptBuffers::Clear() {
  if (bytes() == 0) {
    return false;
  }
  for (Shelf& shelf : shelves_) {
    MutexLock lock(&shelf.mutex);
    for (AlignedBuffer& buffer : shelf.buffers) {
      bytes_.fetch_sub(buffer.size(), std::memory_order_relaxed);
      buffer = AlignedBuffer();
    }
  }
  return true;
}

}  // namespace rocksdb_uring
