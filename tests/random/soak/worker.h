// One thread's part in a soak: random calls on its share of a database.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "rocksdb/db.h"
#include "tests/random/soak/expectation.h"

namespace rocksdb_uring {

// One thread at a time. The share outlives reopening the database.
class Worker {
 public:
  Worker(unsigned share, uint64_t keys, uint64_t seed,
         std::string checkpoint_path);

  // One random call; false, and mistake() says why, if something is wrong.
  bool Step(rocksdb::DB* db);
  // Goes through the whole share, with snapshots that are held.
  bool CheckAll(rocksdb::DB* db);
  // Before the database is closed.
  void ReleaseSnapshots(rocksdb::DB* db);

  const std::string& mistake() const { return mistake_; }
  uint64_t operations() const { return operations_; }

 private:
  struct Held {
    const rocksdb::Snapshot* snapshot;
    Expectation expectation;
  };

  uint64_t Below(uint64_t bound) { return random_() % bound; }
  bool OneIn(uint64_t bound) { return Below(bound) == 0; }
  rocksdb::ReadOptions RandomReadOptions();
  void Write(rocksdb::DB* db);
  void Get(rocksdb::DB* db);
  void MultiGet(rocksdb::DB* db);
  void Scan(rocksdb::DB* db);
  void TakeOrCheckSnapshot(rocksdb::DB* db);
  void Maintain(rocksdb::DB* db);
  void Checkpoint(rocksdb::DB* db);
  void Expect(const rocksdb::Status& status, const std::string& what);
  void Expect(const std::string& mistake);

  const std::string checkpoint_path_;
  std::mt19937_64 random_;
  Expectation expectation_;
  std::vector<Held> held_;
  uint64_t operations_ = 0;
  std::string mistake_;
};

}  // namespace rocksdb_uring
