// SPDX-License-Identifier: Apache-2.0

#include "tests/faults/errors/known_differences.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace rocksdb_uring {

namespace {

template <typename Value>
bool Has(const std::vector<Value>& values, Value value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

std::string Describe(const KnownDifference& difference, SideId side,
                     int error) {
  return std::string(kSides[static_cast<size_t>(side)].path.name) + ", " +
         strerrorname_np(error) + ": " + difference.reason + "\n";
}

}  // namespace

const std::vector<KnownDifference>& KnownDifferences() {
  static const std::vector<KnownDifference> differences = {
      {Operation::kAppend,
       {Target::kWal, Target::kManifest, Target::kTable, Target::kBlob},
       /*direct=*/false,
       {SideId::kRings},
       {EAGAIN, ENOMEM},
       "a ring did not begin the write, and a system call repeats it"},
      {Operation::kAppend,
       {Target::kTable, Target::kBlob},
       /*direct=*/true,
       {SideId::kAuto, SideId::kRings},
       {EAGAIN, ENOMEM},
       "a ring did not begin the write, and a system call repeats it"},
      {Operation::kTruncate,
       {Target::kTable, Target::kBlob},
       /*direct=*/true,
       {SideId::kAuto, SideId::kRings, SideId::kPosix},
       {EINTR},
       "ftruncate is repeated after a signal"},
      {Operation::kRangeSync,
       {Target::kWal, Target::kTable, Target::kBlob},
       /*direct=*/false,
       {SideId::kAuto, SideId::kRings, SideId::kPosix},
       {EINTR},
       "a range sync that does not wait is repeated after a signal"},
      {Operation::kRangeSync,
       {Target::kWal, Target::kTable, Target::kBlob},
       /*direct=*/false,
       {SideId::kAuto, SideId::kRings},
       {EAGAIN},
       "a ring did not begin the range sync, and a system call repeats it"},
  };
  return differences;
}

bool KnownDifference::Covers(const Cell& cell, SideId side) const {
  return operation == cell.group.operation && Has(targets, cell.group.target) &&
         direct == cell.group.direct && Has(sides, side) &&
         Has(errors, cell.error);
}

void Occurrences::Add(const KnownDifference& difference, const Cell& cell,
                      SideId side) {
  seen_.insert(Describe(difference, side, cell.error));
}

std::string Occurrences::Missing(const Group& group) const {
  std::string missing;
  for (const KnownDifference& difference : KnownDifferences()) {
    if (difference.operation != group.operation ||
        difference.direct != group.direct ||
        !Has(difference.targets, group.target)) {
      continue;
    }
    for (const SideId side : difference.sides) {
      for (const int error : difference.errors) {
        const std::string line = Describe(difference, side, error);
        missing += seen_.count(line) == 0 ? line : "";
      }
    }
  }
  return missing;
}

}  // namespace rocksdb_uring
