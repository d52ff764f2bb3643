// Blocks, and the units of each that are free.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/engine/huge_blocks.h"

#include <sys/mman.h>

#include <cassert>
#include <new>

#include "env/base/thread_number.h"

namespace rocksdb_uring {

namespace {

// The lowest `count` bits.
constexpr uint64_t Ones(size_t count) {
  return count >= 64 ? ~uint64_t{0} : (uint64_t{1} << count) - 1;
}

// Where the first `count` free units in a row begin; 64 if there are none.
size_t FindRun(uint64_t free, size_t count) {
  for (size_t i = 1; i < count && free != 0; ++i) {
    free &= free >> 1;
  }
  return free == 0 ? 64 : static_cast<size_t>(__builtin_ctzll(free));
}

}  // namespace

template <size_t kUnit>
CutBlocks<kUnit>::CutBlocks(size_t cpus)
    : shelf_count_(ShardsFor(cpus, kShelvesMin, kShelvesMax)),
      shelves_(new Shelf[shelf_count_]) {
  for (size_t i = 0; i < shelf_count_; ++i) {
    shelves_[i].Init(&idle_);
  }
}

// Aligned by hand: kernels before 6.7 put a mapping anywhere. Where huge pages
// are switched off, or there is none at the moment, or the block is smaller, it
// is memory like any other.
template <size_t kUnit>
char* CutBlocks<kUnit>::Map() {
  constexpr size_t kMapped = 2 * kBlockBytes;
  void* const mapped = mmap(nullptr, kMapped, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) {
    return nullptr;
  }
  char* const begin = static_cast<char*>(mapped);
  char* const block =
      begin + (RoundUp(reinterpret_cast<uintptr_t>(begin), kBlockBytes) -
               reinterpret_cast<uintptr_t>(begin));
  if (block > begin) {
    munmap(begin, static_cast<size_t>(block - begin));
  }
  char* const end = block + kBlockBytes;
  if (end < begin + kMapped) {
    munmap(end, static_cast<size_t>(begin + kMapped - end));
  }
  if (madvise(block, kBlockBytes, MADV_DONTFORK) != 0) {
    munmap(block, kBlockBytes);
    return nullptr;
  }
  (void)madvise(block, kBlockBytes, MADV_HUGEPAGE);
  return block;
}

template <size_t kUnit>
CutBlocks<kUnit>::Shelf::~Shelf() {
  assert(first_ == nullptr);
}

template <size_t kUnit>
void CutBlocks<kUnit>::Shelf::CountIdle(uint64_t added, uint64_t removed) {
  NoteSharedWrite(SharedBy::kProcess);
  idle_->fetch_add(added - removed, std::memory_order_relaxed);
}

template <size_t kUnit>
AlignedBuffer CutBlocks<kUnit>::Shelf::Cut(Block* block, size_t size) {
  const size_t units = Rounded(size) / kUnitBytes;
  const size_t place = FindRun(block->free, units);
  if (place == 64) {
    return AlignedBuffer();
  }
  block->free &= ~(Ones(units) << place);
  CountIdle(0, units * kUnitBytes);
  return AlignedBuffer(block->memory + place * kUnitBytes, units * kUnitBytes,
                       this);
}

template <size_t kUnit>
AlignedBuffer CutBlocks<kUnit>::Shelf::Take(size_t size) {
  AlignedBuffer buffer;
  if (!mutex_.TryLock()) {
    return buffer;
  }
  for (Block* block = first_; block != nullptr && buffer.data() == nullptr;
       block = block->next) {
    buffer = Cut(block, size);
  }
  mutex_.Unlock();
  return buffer;
}

template <size_t kUnit>
AlignedBuffer CutBlocks<kUnit>::Shelf::TakeFromNew(Block* block, size_t size) {
  MutexLock lock(&mutex_);
  Block** link = &first_;
  while (*link != nullptr) {
    link = &(*link)->next;
  }
  *link = block;
  CountIdle(kBlockBytes, 0);
  return Cut(block, size);
}

template <size_t kUnit>
void CutBlocks<kUnit>::Shelf::TakeBack(char* memory, size_t size) {
  Block* empty = nullptr;
  {
    MutexLock lock(&mutex_);
    Block** link = &first_;
    while (memory < (*link)->memory ||
           memory >= (*link)->memory + kBlockBytes) {
      link = &(*link)->next;
    }
    Block* const block = *link;
    const auto place = static_cast<size_t>(memory - block->memory) / kUnitBytes;
    block->free |= Ones(size / kUnitBytes) << place;
    if (block->free == ~Units{0}) {
      *link = block->next;
      empty = block;
    }
    CountIdle(size, empty == nullptr ? 0 : kBlockBytes);
  }
  if (empty != nullptr) {
    munmap(empty->memory, kBlockBytes);
    delete empty;
  }
}

template <size_t kUnit>
AlignedBuffer CutBlocks<kUnit>::Take(size_t size) {
  AlignedBuffer buffer;
  const size_t mine = ThreadNumber();
  for (size_t i = 0;
       i < shelf_count_ && idle_bytes() >= size && buffer.data() == nullptr;
       ++i) {
    buffer = shelves_[(mine + i) & (shelf_count_ - 1)].Take(size);
  }
  return buffer;
}

template <size_t kUnit>
AlignedBuffer CutBlocks<kUnit>::TakeFromNew(size_t size) {
  Block* const block = new (std::nothrow) Block();
  if (block == nullptr) {
    return AlignedBuffer();
  }
  block->memory = Map();
  if (block->memory == nullptr) {
    delete block;
    return AlignedBuffer();
  }
  return shelves_[ThreadNumber() & (shelf_count_ - 1)].TakeFromNew(block, size);
}

template class CutBlocks<32 << 10>;
template class CutBlocks<4 << 10>;

}  // namespace rocksdb_uring
