// The harness catches what it is for: each of these mistakes, made above the
// default file system and above the plugin, gives states that fail, and the
// same wrapper without a mistake gives none.
//
// SPDX-License-Identifier: Apache-2.0
#include "tests/faults/power/mutation.h"

#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <vector>

#include "tests/faults/power/crash_check.h"
#include "tests/faults/power/power_test_support.h"
#include "tests/faults/power/recorder.h"
#include "tests/support/engine/test_support.h"

namespace rocksdb_uring {
namespace {

struct MutationCase {
  Mutation mutation;
  // Belongs to the mistake: only a direct table has a Truncate to be dropped.
  WorkloadCase files;
};
void PrintTo(const MutationCase& mutation, std::ostream* out) {
  *out << MutationName(mutation.mutation);
}

constexpr WorkloadCase kBuffered = {false, false, false};
constexpr WorkloadCase kBufferedRecycled = {false, true, false};
constexpr WorkloadCase kBufferedBlobs = {false, false, true};
constexpr WorkloadCase kDirect = {true, false, false};
constexpr WorkloadCase kDirectRecycled = {true, true, false};
constexpr WorkloadCase kDirectBlobs = {true, false, true};

std::vector<MutationCase> MutationCases() {
  return {
      {Mutation::kNone, kBuffered},
      {Mutation::kNone, kDirectBlobs},
      {Mutation::kDropWalSync, kBuffered},
      {Mutation::kDropWalSync, kBufferedRecycled},
      {Mutation::kDropManifestSync, kBuffered},
      {Mutation::kDropTableSync, kBuffered},
      {Mutation::kDropBlobSync, kBufferedBlobs},
      {Mutation::kSyncBeforeWrites, kBuffered},
      {Mutation::kSyncBeforeWrites, kDirect},
      {Mutation::kSyncBeforeCompletions, kBuffered},
      {Mutation::kSyncBeforeCompletions, kDirect},
      {Mutation::kDropTruncate, kDirect},
      {Mutation::kDropFsync, kDirect},
      {Mutation::kDropDirectorySync, kBuffered},
      {Mutation::kDropDirectorySync, kDirectRecycled},
  };
}

using FullCase = std::tuple<FileSystemCase, MutationCase>;

std::string CaseName(const ::testing::TestParamInfo<FullCase>& info) {
  const MutationCase& mutation = std::get<1>(info.param);
  return std::string(std::get<0>(info.param).name) + "_" +
         MutationName(mutation.mutation) + "_" + WorkloadName(mutation.files);
}

class MutationTest : public ::testing::TestWithParam<FullCase> {
 protected:
  const MutationCase& mutation() const { return std::get<1>(GetParam()); }

  void SetUp() override {
    SkipWhatCannotRun(std::get<0>(GetParam()), mutation().files);
  }

  CrashReport Run(const RecordedFileSystem& file_system, size_t states) {
    WorkloadOptions options;
    options.files = mutation().files;
    options.seed = TestSeed();
    // Tables that are too long are refused when they are ingested and when the
    // database is opened.
    options.reopens = mutation().mutation != Mutation::kDropTruncate;
    options.ingests = options.reopens;
    if (mutation().mutation == Mutation::kSyncBeforeCompletions) {
      Recorder::Instance()->CompleteLate(".sst");
    }
    const RecordedRun run(options,
                          Mutate(file_system.get(), mutation().mutation));
    std::mt19937_64 random(TestSeed());
    return run.Check(states, /*plugin=*/nullptr, /*until_failure=*/true,
                     &random);
  }
};

TEST_P(MutationTest, IsCaught) {
  const RecordedFileSystem file_system(std::get<0>(GetParam()));
  if (mutation().mutation == Mutation::kNone) {
    const CrashReport report = Run(file_system, StatesToCheck(40));
    EXPECT_EQ(report.failed(), 0u) << report.ToString();
    return;
  }
  const CrashReport report = Run(file_system, /*states=*/2000);
  EXPECT_GT(report.failed(), 0u) << report.ToString();
  // What it looks like, for who reads the log of the test.
  printf("%s\n", report.Summary().c_str());
  if (mutation().mutation == Mutation::kDropTruncate) {
    // The padding of the last page stays behind the footer. Tables would still
    // be read, since the MANIFEST says where they end, but no database opens.
    EXPECT_NE(report.ToString().find("Sst file size mismatch"),
              std::string::npos);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, MutationTest,
    ::testing::Combine(::testing::ValuesIn(FileSystemCases()),
                       ::testing::ValuesIn(MutationCases())),
    CaseName);

}  // namespace
}  // namespace rocksdb_uring
