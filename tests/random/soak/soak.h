// A database that several threads work on for a long time, on rings that fail
// now and then.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "env/engine/shared_engine.h"
#include "rocksdb/db.h"
#include "tests/random/soak/faulty_ring.h"
#include "tests/random/soak/resources.h"
#include "tests/random/soak/worker.h"
#include "tests/support/engine/fake_system_calls.h"

namespace rocksdb_uring {

struct SoakOptions {
  std::string directory;
  // The soak ends after so many seconds, or, if that is 0, after so many
  // rounds of so many operations of each thread.
  uint64_t seconds = 0;
  uint64_t rounds = 0;
  uint64_t operations = 0;
  uint64_t seed = 1;
  uint64_t fault_one_in = 500;
  // Whether the directory takes direct I/O.
  bool direct = false;
  unsigned threads = 4;
  uint64_t keys = 20000;
};

class Soak {
 public:
  explicit Soak(const SoakOptions& options);
  ~Soak();

  // Empty, or what is wrong.
  std::string Run();
  // One line.
  std::string Figures() const;

 private:
  // Opens the database in another way, lets the threads work, checks
  // everything and closes it.
  std::string Round();
  std::string Work(rocksdb::DB* db);
  rocksdb::Options RoundOptions() const;
  bool Ends() const;
  // Whether the plugin was used, and its rings.
  std::string CheckStatistics() const;
  uint64_t Faults() const;

  const SoakOptions options_;
  RareFaults faults_;
  FakeSystemCalls calls_;
  std::shared_ptr<SharedEngine> engine_;
  std::unique_ptr<rocksdb::Env> env_;
  std::vector<Worker> workers_;
  std::vector<Resources> resources_;
  uint64_t start_seconds_;
  uint64_t round_ = 0;
};

}  // namespace rocksdb_uring
