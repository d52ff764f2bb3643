// SPDX-License-Identifier: Apache-2.0

#include "tests/faults/errors/cells.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>

#include "tests/support/engine/test_support.h"

namespace rocksdb_uring {

namespace {

constexpr int kErrors[] = {EIO,       ENOSPC, EDQUOT, EROFS, ESTALE,
                           ETIMEDOUT, EINTR,  EAGAIN, ENOMEM};

// Combinations of column families, paranoid_checks, number of failures and
// flush; range syncs add strict_bytes_per_sync.
unsigned SettingsOf(const Group& group) {
  return group.operation == Operation::kRangeSync ? 32 : 16;
}

const char* NameOf(Operation operation) {
  switch (operation) {
    case Operation::kAppend:
      return "Append";
    case Operation::kRangeSync:
      return "RangeSync";
    case Operation::kDataSync:
      return "Fdatasync";
    case Operation::kSync:
      return "Fsync";
    case Operation::kTruncate:
      return "Truncate";
    case Operation::kClose:
      return "Close";
    case Operation::kAllocate:
      return "Allocate";
  }
  return "";
}

const char* NameOf(Target target) {
  switch (target) {
    case Target::kWal:
      return "Wal";
    case Target::kManifest:
      return "Manifest";
    case Target::kTable:
      return "Table";
    case Target::kBlob:
      return "Blob";
    case Target::kDirectory:
      return "Directory";
  }
  return "";
}

Cell MakeCell(const Group& group, int error, unsigned setting) {
  Cell cell;
  cell.group = group;
  cell.error = error;
  cell.many_families = (setting & 1) != 0;
  cell.paranoid = (setting & 2) == 0;
  cell.count = (setting & 4) != 0 ? 3 : 1;
  cell.flushes_first = (setting & 8) != 0;
  cell.strict = (setting & 16) != 0;
  return cell;
}

// Regression: one failed fdatasync of the WAL made the database fatal, and no
// Resume helped.
bool HasFailedBefore(const Cell& cell) {
  return cell.group.target == Target::kWal &&
         cell.group.operation == Operation::kDataSync &&
         (cell.error == ENOSPC ||
          (!cell.paranoid && (cell.error == EIO || cell.error == EDQUOT)));
}

}  // namespace

std::string GroupName(const Group& group) {
  return std::string(NameOf(group.operation)) + "_" + NameOf(group.target) +
         (group.direct ? "_Direct" : "");
}

std::vector<Group> Groups() {
  std::vector<Group> groups;
  for (const Operation operation :
       {Operation::kAppend, Operation::kRangeSync, Operation::kDataSync,
        Operation::kSync, Operation::kTruncate, Operation::kClose,
        Operation::kAllocate}) {
    for (const Target target :
         {Target::kWal, Target::kManifest, Target::kTable, Target::kBlob}) {
      groups.push_back({operation, target, false});
    }
    for (const Target target : {Target::kTable, Target::kBlob}) {
      groups.push_back({operation, target, true});
    }
  }
  groups.push_back({Operation::kSync, Target::kDirectory, false});
  return groups;
}

std::string CellName(const Cell& cell) {
  return GroupName(cell.group) + " " + strerrorname_np(cell.error) + " x" +
         std::to_string(cell.count) +
         (cell.many_families ? ", 3 families" : ", 1 family") +
         (cell.paranoid ? ", paranoid" : ", not paranoid") +
         (cell.flushes_first ? ", flush first" : "") +
         (cell.strict ? ", strict" : "");
}

std::vector<Cell> CellsOf(const Group& group) {
  // Spreads the sample: neighbouring groups and errors get different settings.
  const auto place = 3 * static_cast<unsigned>(group.operation) +
                     5 * static_cast<unsigned>(group.target) +
                     (group.direct ? 1 : 0);
  const unsigned settings = SettingsOf(group);
  std::vector<Cell> cells;
  for (unsigned error = 0; error < std::size(kErrors); ++error) {
    for (unsigned setting = 0; setting < settings; ++setting) {
      const Cell cell = MakeCell(group, kErrors[error], setting);
      const bool sampled = (place + 7 * error) % settings == setting;
      if (FullTests() || sampled || HasFailedBefore(cell)) {
        cells.push_back(cell);
      }
    }
  }
  return cells;
}

}  // namespace rocksdb_uring
