// The life of a database with an injected failure, recorded step by step.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "rocksdb/db.h"
#include "rocksdb/env.h"
#include "tests/faults/errors/cells.h"
#include "tests/faults/errors/error_notes.h"
#include "tests/support/engine/test_support.h"

namespace rocksdb_uring {

// Everything on which two file systems must agree.
struct Outcome {
  // Statuses of all steps, then the records of the listener.
  std::vector<std::string> steps;
  // Keys found, with the right value, after reopening the database with the
  // default Env.
  std::set<std::string> keys;
  // Acknowledged keys that are missing.
  std::set<std::string> lost;
};

inline bool operator==(const Outcome& one, const Outcome& other) {
  return one.steps == other.steps && one.keys == other.keys &&
         one.lost == other.lost;
}

// One line for each differing step.
std::string DifferenceOf(const Outcome& ours, const Outcome& posix);

// A failed step is recorded and does not fail the test.
class Scenario {
 public:
  // `env` must outlive the scenario. `recovers` allows automatic recovery.
  Scenario(const Cell& cell, rocksdb::Env* env, bool recovers = false);
  // Closes the database.
  ~Scenario();
  Scenario(const Scenario&) = delete;
  Scenario& operator=(const Scenario&) = delete;

  // Opens and fills the database.
  void Begin();
  // Arms the injector and triggers the operation.
  void Fail();
  // Uses the database with manual Resume, and closes it.
  void Resume();
  // Waits for the automatic recovery, uses the database and closes it. False if
  // the recovery does not succeed.
  bool AwaitRecovery();
  // Disarms, opens the database with the default Env, and reads it.
  Outcome End();

 private:
  rocksdb::Options MakeOptions(rocksdb::Env* env);
  // Opens all column families; false if the status is not OK.
  bool Open(rocksdb::Env* env);
  void CloseHandles();

  void Note(const std::string& step, const std::string& result);
  // Runs `call` for each family, and records the statuses as one step.
  void ForAllFamilies(
      const std::string& step,
      const std::function<rocksdb::Status(rocksdb::ColumnFamilyHandle*)>& call);
  void Put(const std::string& step, size_t count, bool synced);
  // Detects a failed put after which the database keeps using the same WAL.
  void NoteWal(const rocksdb::Status& status);
  // Sets `*flushed` if no immutable memtable is left.
  rocksdb::Status FlushFamily(rocksdb::ColumnFamilyHandle* family,
                              bool* flushed);
  void Flush(const std::string& step);
  void Compact(const std::string& step);
  void CreateFamily();
  void ReadAll(std::set<std::string>* keys);
  void Get(const std::string& step);
  void ResumeOnce(const std::string& step);
  void Close();

  const Cell cell_;
  rocksdb::Env* const env_;
  const TempDir directory_;
  const TempDir log_directory_;
  const std::string path_;
  const std::shared_ptr<ErrorNotes> notes_;
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<std::string> names_;
  std::vector<rocksdb::ColumnFamilyHandle*> families_;
  size_t puts_ = 0;
  bool resumed_ = false;
  // The next put would fail an assertion of RocksDB, where those are enabled.
  bool wal_is_broken_ = false;
  std::set<std::string> acknowledged_;
  Outcome outcome_;
};

// Runs a scenario with manual Resume from begin to end.
Outcome RunCell(const Cell& cell, rocksdb::Env* env);

}  // namespace rocksdb_uring
