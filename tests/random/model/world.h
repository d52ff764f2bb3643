// A random history of calls, made on the plugin and on the default file system.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "tests/random/model/dice.h"
#include "tests/random/model/name_calls.h"
#include "tests/random/model/names.h"
#include "tests/random/model/read_files.h"
#include "tests/random/model/sides.h"
#include "tests/random/model/written_files.h"

namespace rocksdb_uring {

// One thread at a time. `direct`: whether files may be opened for direct I/O.
class World {
 public:
  // The file that all worlds read and none changes, seen from a world's
  // directory.
  static constexpr char kShared[] = "../shared/000099.sst";

  // The directories of the sides are made here. `hand_over` may be null.
  World(Side ours, Side theirs, uint64_t seed, bool direct,
        HandOver* hand_over);

  // One random call; empty, or what differs.
  const std::string& Step();
  // Closes everything and compares all files: contents, sizes, and blocks
  // within reason.
  const std::string& Finish();
  std::string Trace() const { return sides_.Trace(); }

 private:
  void Settle(uint64_t identity) { written_.Settle(identity); }
  void CompareFile(const std::string& name);

  Sides sides_;
  Dice dice_;
  Names names_;
  WrittenFiles written_;
  ReadFiles read_;
  NameCalls name_calls_;
};

}  // namespace rocksdb_uring
