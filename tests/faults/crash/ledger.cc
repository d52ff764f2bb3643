// SPDX-License-Identifier: Apache-2.0

#include "tests/faults/crash/ledger.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "env/base/file_descriptor.h"

namespace rocksdb_uring {

uint64_t Ledger::acknowledged() const {
  uint64_t sum = 0;
  for (const Thread& thread : threads) {
    sum += thread.acknowledged.load(std::memory_order_acquire);
  }
  return sum;
}

void Ledger::ForgetSeen() {
  for (std::atomic<uint64_t>* number :
       {&seen.opens, &seen.ring_operations, &seen.ring_writes, &seen.delays,
        &seen.flushes, &seen.compactions}) {
    number->store(0);
  }
}

void UnmapLedger::operator()(Ledger* ledger) const {
  munmap(ledger, sizeof(*ledger));
}

LedgerPointer MapLedger(const std::string& path) {
  const FileDescriptor fd(
      open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  void* memory = MAP_FAILED;
  if (fd.valid() && ftruncate(fd.get(), sizeof(Ledger)) == 0) {
    memory = mmap(nullptr, sizeof(Ledger), PROT_READ | PROT_WRITE, MAP_SHARED,
                  fd.get(), 0);
  }
  if (memory == MAP_FAILED) {
    perror(path.c_str());
    exit(1);
  }
  // Zero is what the atomics start with, and they have no other state.
  return LedgerPointer(static_cast<Ledger*>(memory));
}

}  // namespace rocksdb_uring
