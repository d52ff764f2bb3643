// What a database must hold after its writer was killed.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <map>
#include <string>

#include "rocksdb/db.h"
#include "tests/faults/crash/ledger.h"

namespace rocksdb_uring {

class History {
 public:
  // What a failed check begins with.
  static constexpr char kWrong[] = "not what was acknowledged: ";

  explicit History(uint64_t seed) : seed_(seed) {}

  // Whether `db` holds, for each thread, exactly what its batches up to one
  // number have written, where that number is at least the acknowledged one
  // and at most the begun one: nothing acknowledged is missing, nothing is
  // there twice or by halves. Goes on from what was found.
  ::testing::AssertionResult Check(rocksdb::DB* db, const Ledger& ledger);

  // Lets the next writer begin behind what the last check has found.
  void SetStart(Ledger* ledger) const;

 private:
  struct Value {
    uint64_t batch;  // that has written it
    uint64_t length;
  };
  using Values = std::map<std::string, Value>;

  ::testing::AssertionResult Advance(rocksdb::DB* db, size_t thread,
                                     const Ledger::Thread& told);
  ::testing::AssertionResult Compare(rocksdb::DB* db) const;

  const uint64_t seed_;
  std::array<uint64_t, Ledger::kThreads> newest_ = {};
  Values values_;
};

}  // namespace rocksdb_uring
