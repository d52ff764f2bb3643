// A database whose writers are killed, one after the other.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "env/file/rocksdb_compat.h"
#include "rocksdb/db.h"
#include "rocksdb/env.h"
#include "tests/faults/crash/history.h"
#include "tests/faults/crash/ledger.h"
#include "tests/support/engine/test_support.h"
#include "tests/support/file/writer_process.h"

namespace rocksdb_uring {

// How a writer reaches the disk.
struct WriterSetup {
  // Of the plugin.
  std::string options;
  bool direct = false;
  uint32_t recycle = 0;
  // More flags of the child program: seams and mistakes.
  std::vector<std::string> flags;
  // A round ends after so many acknowledged batches at most.
  uint64_t batches_max = 2500;
};

class KilledDatabase {
 public:
  // What all writers have met together.
  struct Totals {
    uint64_t acknowledged = 0;
    uint64_t ring_operations = 0;
    uint64_t ring_writes = 0;
    uint64_t delays = 0;
    uint64_t flushes = 0;
    uint64_t compactions = 0;
  };

  explicit KilledDatabase(const WriterSetup& setup);

  // Lets a writer write until it has got somewhere, kills it, opens the
  // database, and says whether all is there, no table is damaged, and the
  // writer was on the plugin. Rounds open it with the plugin and with the
  // default file system, for writing or only for reading.
  ::testing::AssertionResult Round();

  const Totals& totals() const { return totals_; }
  // Whether a WAL was made out of an old one. REQUIRES: one round.
  bool HasRecycledWal() const;

 private:
  // When to kill: at what comes first.
  struct Goal {
    // Files opened; few mean a writer that still recovers. 0 for never.
    uint64_t opens = 0;
    // Acknowledged batches of all writers.
    uint64_t acknowledged = 0;
  };

  Goal ChooseGoal();
  std::vector<std::string> Command() const;
  ::testing::AssertionResult WriteUntilKilled(const Goal& goal);
  bool Reached(const Goal& goal) const;
  void AddToTotals();
  rocksdb::Status Open(std::unique_ptr<rocksdb::DB>* db) const;
  ::testing::AssertionResult Verify();

  const WriterSetup setup_;
  const uint64_t seed_ = TestSeed();
  std::mt19937_64 random_;
  const TempDir directory_;
  const std::string path_ = directory_.file("db");
  const std::string output_ = directory_.file("output");
  const LedgerPointer ledger_ = MapLedger(directory_.file("ledger"));
  std::unique_ptr<rocksdb::Env> plugin_;
  History history_{seed_};
  Totals totals_;
  unsigned round_ = 0;
};

}  // namespace rocksdb_uring
