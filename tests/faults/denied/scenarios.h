// What a program does with the plugin while io_uring is refused, or becomes so.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "nlohmann/json.hpp"
#include "rocksdb/env.h"
#include "rocksdb/file_system.h"
#include "tests/faults/denied/checked_database.h"
#include "tests/faults/denied/findings.h"

namespace rocksdb_uring {

// One program's run. Everything is below the current directory.
class Scenarios {
 public:
  explicit Scenarios(uint64_t seed) : seed_(seed) {}

  // By name; false if there is none:
  //   databases        on whole databases: buffered and direct
  //   direct_refused   below ./mounted, which refuses O_DIRECT with the
  //                    default's status, and buffered
  //   no_memory        detection has a ring, and later nobody
  //   few_descriptors  no descriptor is left while the plugin looks
  //   no_descriptors   none is left while a database is open, later there are
  //   enter_between    io_uring_enter refused between operations
  //   enter_reads      ... while reads are in flight
  //   enter_writes     ... while writes are in flight
  //   one_thread       io_uring_setup refused to one thread of two
  bool Run(const std::string& name);

  // What was found, for the test.
  nlohmann::json Report();

 private:
  using Json = nlohmann::json;

  void Databases();
  void DirectRefused();
  void NoMemory();
  void FewDescriptors();
  void NoDescriptors();
  void EnterBetween();
  void EnterReads();
  void EnterWrites();
  void OneThread();

  // Opens the file system of the run, with a statistics file.
  bool OpenFileSystem(const std::string& options);
  // Notes how fallback=require ends now. May leave a ring in the pool.
  void TryRequire();
  // Notes what stands in its LOG, with what the statistics said before.
  void RunDatabase(const std::string& name, const std::string& options,
                   bool direct);
  // Notes how a ReadAsync of a file ends.
  void TryReadAsync();
  Json Statistics();
  // Operations that rings have served.
  uint64_t RingOperations();
  // Fills the database in the Env that it has, so that no ring is left from the
  // filling if that is POSIX, and opens it in `env`.
  bool FillAndReopen(CheckedDatabase* database, rocksdb::Env* env);
  // Reads until a ring serves again: the pause of the breaker ends some time.
  void UntilARingServes(CheckedDatabase* database);
  // The databases of a process that is refused rings from the beginning.
  void RunDatabases();
  // The statistics at this moment, for the report.
  void Note(const std::string& moment);
  // Stops io_uring_enter in all threads.
  void RefuseEnter();

  const uint64_t seed_;
  Findings findings_;
  Json report_ = Json::object();
  std::shared_ptr<rocksdb::FileSystem> file_system_;
};

}  // namespace rocksdb_uring
