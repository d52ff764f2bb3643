// The cells of the matrix: which call fails, how, and in what database.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "tests/faults/errors/injector.h"

namespace rocksdb_uring {

// The settings that all cells of one test share.
struct Group {
  Operation operation = Operation::kAppend;
  Target target = Target::kWal;
  // use_direct_io_for_flush_and_compaction; for tables and blobs only.
  bool direct = false;
};

// Letters, digits and underscores: the test's name.
std::string GroupName(const Group& group);
inline void PrintTo(const Group& group, std::ostream* out) {
  *out << GroupName(group);
}
std::vector<Group> Groups();

struct Cell {
  Group group;
  int error = 0;
  // Consecutive failures; 0 for a run without any.
  uint32_t count = 1;
  bool many_families = false;
  bool paranoid = true;
  // Whether a flush comes between the failure and Resume, which turns some
  // errors into fatal ones.
  bool flushes_first = false;
  // strict_bytes_per_sync: a range sync waits for the previous write-out.
  bool strict = false;
};

std::string CellName(const Cell& cell);

// All cells of a group with ROCKSDB_URING_TEST_FULL. Otherwise each errno once,
// with settings that vary between groups, and the regression cells.
std::vector<Cell> CellsOf(const Group& group);

}  // namespace rocksdb_uring
