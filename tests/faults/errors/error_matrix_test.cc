// After an I/O error a database on the plugin behaves as on the default file
// system: for every operation, file kind and errno.
//
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>

#include "tests/faults/errors/cells.h"
#include "tests/faults/errors/injector.h"
#include "tests/faults/errors/known_differences.h"
#include "tests/faults/errors/scenario.h"
#include "tests/faults/errors/sides.h"
#include "tests/support/engine/test_support.h"
#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {
namespace {

using rocksdb::Env;

// Prints the cell when an assertion of RocksDB ends the process.
class NameOnAbort {
 public:
  explicit NameOnAbort(const std::string& name) {
    snprintf(name_, sizeof(name_), "aborted in %s\n", name.c_str());
    before_ = signal(SIGABRT, Print);
  }
  ~NameOnAbort() { (void)signal(SIGABRT, before_); }
  NameOnAbort(const NameOnAbort&) = delete;
  NameOnAbort& operator=(const NameOnAbort&) = delete;

 private:
  static void Print(int /*signal*/) {
    (void)!write(STDERR_FILENO, name_, strlen(name_));
  }

  static inline char name_[200];
  sighandler_t before_;
};

class ErrorMatrixTest : public ::testing::TestWithParam<Group> {
 protected:
  void SetUp() override {
    SkipWithoutRing();
    const TempDir probe_directory;
    WriteFile(probe_directory.file("probe"), "");
    SkipWithoutDirectReads(GetParam().direct, probe_directory.file("probe"));
  }

  void CheckCell(const Cell& cell);
  void CheckSide(const Cell& cell, const Side& side, const Outcome& posix);
  // Whether the table of known differences explains the outcome.
  bool IsKnown(const Cell& cell, const Side& side, const Outcome& ours);
  void CheckUnreached(const Cell& cell);

  size_t compared_ = 0;
  size_t unreached_ = 0;
  size_t differences_ = 0;
  Occurrences occurrences_;
};

// Whether the plugin sends the operation to a ring if the options allow it.
bool IsForRings(Operation operation) {
  return operation != Operation::kTruncate && operation != Operation::kClose;
}

// Whether the default file system has this outcome with fewer failures.
bool EqualsFewerFailures(Cell cell, const Outcome& ours) {
  while (cell.count > 0) {
    --cell.count;
    if (RunCell(cell, Env::Default()) == ours) {
      return true;
    }
  }
  return false;
}

// Whether the default file system has this outcome in another run. The flushes
// of several families race inside Resume, so the number of failures that one
// Resume meets varies on every file system.
bool EqualsAnotherRun(const Cell& cell, const Outcome& ours) {
  constexpr int kRunsMax = 200;
  const bool races = cell.many_families && cell.count > 1;
  for (int run = 0; races && run < kRunsMax; ++run) {
    if (RunCell(cell, Env::Default()) == ours) {
      return true;
    }
  }
  return false;
}

bool ErrorMatrixTest::IsKnown(const Cell& cell, const Side& side,
                              const Outcome& ours) {
  for (const KnownDifference& difference : KnownDifferences()) {
    if (difference.Covers(cell, side.id) && EqualsFewerFailures(cell, ours)) {
      occurrences_.Add(difference, cell, side.id);
      return true;
    }
  }
  return false;
}

void ErrorMatrixTest::CheckSide(const Cell& cell, const Side& side,
                                const Outcome& posix) {
  const std::string name =
      CellName(cell) + ", options=\"" + side.path.options + "\"";
  SCOPED_TRACE(name);
  const NameOnAbort name_on_abort(name);
  PluginSide plugin(side);
  const Outcome ours = RunCell(cell, plugin.env());
  ASSERT_FALSE(HasFatalFailure());
  EXPECT_GT(Injector::Instance()->given(), 0u) << "the call was never made";
  const bool by_ring = Injector::Instance()->given(Seam::kRing) > 0;
  if (side.path.rings && IsForRings(cell.group.operation)) {
    EXPECT_TRUE(by_ring) << "no ring was asked";
  } else if (side.id == SideId::kPosix) {
    EXPECT_FALSE(by_ring) << "a ring was asked";
  }
  plugin.ExpectEntered();
  EXPECT_TRUE(std::includes(posix.lost.begin(), posix.lost.end(),
                            ours.lost.begin(), ours.lost.end()))
      << "acknowledged writes are lost\n"
      << DifferenceOf(ours, posix);
  if (!(ours == posix)) {
    ++differences_;
    EXPECT_TRUE(IsKnown(cell, side, ours) || EqualsAnotherRun(cell, ours))
        << DifferenceOf(ours, posix);
  }
}

void ErrorMatrixTest::CheckUnreached(const Cell& cell) {
  for (const Side& side : kSides) {
    SCOPED_TRACE(CellName(cell) + ", options=\"" + side.path.options + "\"");
    PluginSide plugin(side);
    (void)RunCell(cell, plugin.env());
    EXPECT_EQ(Injector::Instance()->given(), 0u)
        << "only the plugin makes such a call";
  }
}

void ErrorMatrixTest::CheckCell(const Cell& cell) {
  const NameOnAbort name_on_abort(CellName(cell) + ", default file system");
  const Outcome posix = RunCell(cell, Env::Default());
  ASSERT_FALSE(HasFatalFailure());
  EXPECT_EQ(posix.lost.size(), 0u) << "the default file system loses writes";
  if (Injector::Instance()->given() == 0) {
    if (++unreached_ == 1) {
      CheckUnreached(cell);
    }
    return;
  }
  ++compared_;
  for (const Side& side : kSides) {
    CheckSide(cell, side, posix);
  }
}

TEST_P(ErrorMatrixTest, DatabasesBehaveAsOnTheDefaultFileSystem) {
  for (const Cell& cell : CellsOf(GetParam())) {
    CheckCell(cell);
  }
  printf(
      "%s: %zu cells compared, %zu differences; %zu cells dropped, "
      "whose call is never made\n",
      GroupName(GetParam()).c_str(), compared_, differences_, unreached_);
  if (FullTests()) {
    EXPECT_EQ(occurrences_.Missing(GetParam()), "")
        << "listed, but never different";
  }
}

INSTANTIATE_TEST_SUITE_P(All, ErrorMatrixTest, ::testing::ValuesIn(Groups()),
                         [](const ::testing::TestParamInfo<Group>& info) {
                           return GroupName(info.param);
                         });

}  // namespace
}  // namespace rocksdb_uring
