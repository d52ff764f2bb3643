// Memory that a writing process shares with the test that kills it. It is a
// mapped file: what was stored here survives SIGKILL.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace rocksdb_uring {

struct Ledger {
  static constexpr size_t kThreads = 4;

  // Batches of a thread are numbered from 1 and written one after the other.
  struct alignas(64) Thread {
    // The newest batch that was handed to the database.
    std::atomic<uint64_t> begun;
    // The newest batch that the database has acknowledged. A writer begins
    // behind it.
    std::atomic<uint64_t> acknowledged;
  };

  // What the writer has met so far; copied now and then, not at every change.
  struct Seen {
    // From the plugin's statistics.
    std::atomic<uint64_t> opens;
    std::atomic<uint64_t> ring_operations;  // of all kinds
    std::atomic<uint64_t> ring_writes;
    // Completions, or requests, that the seam has held back.
    std::atomic<uint64_t> delays;
    std::atomic<uint64_t> flushes;      // that have ended
    std::atomic<uint64_t> compactions;  // that have begun
  };

  // Batches acknowledged by all threads.
  uint64_t acknowledged() const;
  void ForgetSeen();

  Thread threads[kThreads];
  Seen seen;
};

// Atomic across processes only without a lock.
static_assert(std::atomic<uint64_t>::is_always_lock_free);

struct UnmapLedger {
  void operator()(Ledger* ledger) const;
};
using LedgerPointer = std::unique_ptr<Ledger, UnmapLedger>;

// Maps the file, which is made, with zeros, if it is not there; ends the
// process if that fails.
LedgerPointer MapLedger(const std::string& path);

}  // namespace rocksdb_uring
