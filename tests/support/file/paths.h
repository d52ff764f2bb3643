// The one place that says which paths to the disk these tests take.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ostream>

namespace rocksdb_uring {

// Options of the plugin that send through rings what can be sent.
constexpr char kRingOptions[] = "reads=uring;writes=uring;syncs=uring";

struct DiskPath {
  const char* name;
  // Of the plugin.
  const char* options;
  bool rings;
};

inline void PrintTo(const DiskPath& path, std::ostream* out) {
  *out << "options=\"" << path.options << "\"";
}

constexpr DiskPath kDiskPaths[] = {{"Auto", "", false},
                                   {"Rings", kRingOptions, true}};

}  // namespace rocksdb_uring
