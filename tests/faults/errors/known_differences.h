// The table of errors that the plugin handles differently from the default file
// system.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>
#include <vector>

#include "tests/faults/errors/cells.h"
#include "tests/faults/errors/sides.h"

namespace rocksdb_uring {

// In all known differences the plugin absorbs failures: it behaves as the
// default file system with fewer consecutive failures, or with none. The test
// checks this for each cell. The full matrix also checks that each combination
// of target, side and errno in the table does differ.
struct KnownDifference {
  Operation operation;
  std::vector<Target> targets;
  bool direct;
  std::vector<SideId> sides;
  std::vector<int> errors;
  // Why this is at least as good.
  const char* reason;

  bool Covers(const Cell& cell, SideId side) const;
};

const std::vector<KnownDifference>& KnownDifferences();

// Records which known differences occurred in one group of cells.
class Occurrences {
 public:
  void Add(const KnownDifference& difference, const Cell& cell, SideId side);
  // Lists the differences of the table that did not occur in the group.
  std::string Missing(const Group& group) const;

 private:
  std::set<std::string> seen_;
};

}  // namespace rocksdb_uring
