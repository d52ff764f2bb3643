// A process that writes with sync=false is killed at random moments, while
// flushes and compactions run: every acknowledged write must be there when the
// database is opened again. The database is then written on, and killed again.
//
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "tests/faults/crash/killed_database.h"
#include "tests/support/engine/sanitizers.h"
#include "tests/support/engine/test_support.h"
#include "tests/support/file/file_test_support.h"
#include "tests/support/file/paths.h"

namespace rocksdb_uring {
namespace {

struct Path {
  const char* name;
  // Of the plugin.
  const char* options;
  // Flag of the child program that installs a seam; null for none.
  const char* seam;
  // Batches until the kill, at most: fewer where each takes long.
  uint64_t batches_max;
  // Whether reads and writes go through rings, which the statistics must then
  // prove.
  bool rings;
};

std::vector<Path> Paths() {
  return {
      {"Auto", "", nullptr, 2500, false},
      {"Rings", kRingOptions, nullptr, 2500, true},
      {"LateCompletions", kRingOptions, "--delay_completions", 600, true},
      // Not even in the kernel when the plugin goes on.
      {"LateRequests", kRingOptions, "--delay_requests", 600, true},
  };
}

struct KillCase {
  Path path;
  bool direct;
  uint32_t recycle;
};

void PrintTo(const KillCase& kill_case, std::ostream* out) {
  *out << "options=\"" << kill_case.path.options
       << "\" direct=" << kill_case.direct << " recycle=" << kill_case.recycle;
}

std::vector<KillCase> KillCases() {
  std::vector<KillCase> all;
  for (const Path& path : Paths()) {
    for (const bool direct : {false, true}) {
      for (const uint32_t recycle : {0, 4}) {
        all.push_back({path, direct, recycle});
      }
    }
  }
  return all;
}

std::string KillCaseName(const ::testing::TestParamInfo<KillCase>& info) {
  return std::string(info.param.path.name) +
         (info.param.direct ? "_Direct" : "_Buffered") +
         (info.param.recycle > 0 ? "_RecycledWal" : "");
}

// Killed writers of each case.
constexpr int kRounds = kAddressSanitizer || kThreadSanitizer ? 2 : 3;
constexpr int kRoundsOfFullRun = 14;

int Rounds() { return FullTests() ? kRoundsOfFullRun : kRounds; }

class KillTest : public ::testing::TestWithParam<KillCase> {
 protected:
  void SetUp() override {
    if (GetParam().path.rings) {
      SkipWithoutRing();
    }
    WriteFile(directory_.file("probe"), "");
    SkipWithoutDirectReads(GetParam().direct, directory_.file("probe"));
  }

  static WriterSetup MakeSetup() {
    WriterSetup setup;
    setup.options = GetParam().path.options;
    setup.direct = GetParam().direct;
    setup.recycle = GetParam().recycle;
    setup.batches_max = GetParam().path.batches_max;
    if (GetParam().path.seam != nullptr) {
      setup.flags.push_back(GetParam().path.seam);
    }
    return setup;
  }

  // Whether the writers have done all that makes a kill interesting.
  static bool HasMetAll(const KilledDatabase& database) {
    const KilledDatabase::Totals& totals = database.totals();
    const Path& path = GetParam().path;
    return totals.flushes > 0 && totals.compactions > 0 &&
           (totals.ring_operations > 0 || !path.rings) &&
           (totals.ring_writes > 0 || !path.rings) &&
           (totals.delays > 0 || path.seam == nullptr) &&
           (GetParam().recycle == 0 || database.HasRecycledWal());
  }

 private:
  const TempDir directory_;
};

TEST_P(KillTest, AcknowledgedWritesAreThere) {
  KilledDatabase database(MakeSetup());
  for (int round = 0; round < Rounds(); ++round) {
    ASSERT_TRUE(database.Round());
  }
  // Kills may all have come early.
  for (int more = 0; more < 20 && !HasMetAll(database); ++more) {
    ASSERT_TRUE(database.Round());
  }
  const KilledDatabase::Totals& totals = database.totals();
  EXPECT_TRUE(HasMetAll(database))
      << totals.flushes << " flushes, " << totals.compactions
      << " compactions, " << totals.ring_operations << " operations and "
      << totals.ring_writes << " writes through rings, " << totals.delays
      << " delays, recycled a WAL: " << database.HasRecycledWal();
}

INSTANTIATE_TEST_SUITE_P(All, KillTest, ::testing::ValuesIn(KillCases()),
                         KillCaseName);

// The test above can fail: here is a plugin whose WAL is written behind and
// whose Flush does not wait.
TEST(KillCheckTest, FindsAWalWhoseFlushDoesNotWait) {
  for (const uint32_t recycle : {0, 4}) {
    WriterSetup setup;
    setup.recycle = recycle;
    setup.flags.push_back("--mutant=unflushed_wal");
    KilledDatabase database(setup);
    ::testing::AssertionResult result = ::testing::AssertionSuccess();
    // A kill may come when all is written by chance, or before a write.
    for (int round = 0; round < 20 && result; ++round) {
      result = database.Round();
    }
    ASSERT_FALSE(result);
    const std::string message = result.message();
    EXPECT_NE(message.find(History::kWrong), std::string::npos) << message;
    printf("found with recycle_log_file_num=%u: %s\n", recycle,
           message.c_str());
  }
}

}  // namespace
}  // namespace rocksdb_uring
