// Whether a preload reaches the RocksDB of a program.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace rocksdb_uring {

// Where a program has its RocksDB.
enum class RocksDbPlace {
  kShared,        // in the shared librocksdb that the plugin was built for
  kOtherVersion,  // in another shared librocksdb
  kInside,        // in the program, or in a library other than librocksdb
  kNone,          // nowhere that can be seen: none, or loaded later
};

struct ProgramReport {
  std::string path;
  RocksDbPlace place = RocksDbPlace::kNone;
  // The file that holds it; empty for kNone.
  std::string holder;
  // Whether LD_PRELOAD puts the plugin into the program as it starts.
  bool reachable = false;
  // What to do: the command, or why there is none and what helps.
  std::string advice;
};

// Looks at the program's file and at the libraries that the dynamic linker
// would give it; does not run it. Returns false with `*error` if it is no
// program.
bool InspectProgram(const std::string& path, ProgramReport* report,
                    std::string* error);

// For people, and for programs.
std::string FormatText(const ProgramReport& report);
std::string FormatJson(const ProgramReport& report);

}  // namespace rocksdb_uring
