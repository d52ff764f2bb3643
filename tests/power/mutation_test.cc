// The harness catches what it is for: each of these mistakes, made above the
// default file system and above the plugin, gives states that fail, and the
// same wrapper without a mistake gives none.
#include "tests/power/mutation.h"

#include <gtest/gtest.h>

#include <string>
#include <tuple>

#include "tests/engine/test_support.h"
#include "tests/file/file_test_support.h"
#include "tests/power/crash_check.h"
#include "tests/power/power_test_support.h"

namespace rocksdb_uring {
namespace {

// Whether tables are written directly belongs to the mistake.
struct MutationCase {
  Mutation mutation;
  bool direct;
  bool recycle;
};
void PrintTo(const MutationCase& mutation, std::ostream* out) {
  *out << MutationName(mutation.mutation);
}

using FullCase = std::tuple<FileSystemCase, MutationCase>;

std::string CaseName(const ::testing::TestParamInfo<FullCase>& info) {
  const MutationCase& mutation = std::get<1>(info.param);
  return std::string(std::get<0>(info.param).name) + "_" +
         MutationName(mutation.mutation) +
         (mutation.direct ? "_Direct" : "_Buffered") +
         (mutation.recycle ? "_RecycledLogs" : "");
}

class MutationTest : public ::testing::TestWithParam<FullCase> {
 protected:
  const MutationCase& mutation() const { return std::get<1>(GetParam()); }

  void SetUp() override {
    const TempDir directory;
    WriteFile(directory.file("probe"), "");
    SkipWithoutDirectReads(mutation().direct, directory.file("probe"));
  }

  CrashReport Run(const RecordedFileSystem& file_system, size_t states) {
    WorkloadOptions options;
    options.files.direct = mutation().direct;
    options.files.recycle = mutation().recycle;
    options.seed = TestSeed();
    // Tables that are too long are refused when they are ingested and when the
    // database is opened.
    options.reopens = mutation().mutation != Mutation::kDropTruncate;
    options.ingests = options.reopens;
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
    const CrashReport report = Run(file_system, StatesToCheck(60));
    EXPECT_EQ(report.failed(), 0u) << report.ToString();
    return;
  }
  const CrashReport report = Run(file_system, /*states=*/2000);
  EXPECT_GT(report.failed(), 0u) << report.ToString();
  // What it looks like, for who reads the log of the test.
  printf("%s\n", report.ToString().c_str());
}

INSTANTIATE_TEST_SUITE_P(
    All, MutationTest,
    ::testing::Combine(
        ::testing::ValuesIn(FileSystemCases()),
        ::testing::Values(
            MutationCase{Mutation::kNone, false, false},
            MutationCase{Mutation::kNone, true, true},
            MutationCase{Mutation::kDropWalSync, false, false},
            MutationCase{Mutation::kDropWalSync, false, true},
            MutationCase{Mutation::kDropManifestSync, false, false},
            MutationCase{Mutation::kDropTableSync, false, false},
            MutationCase{Mutation::kSyncBeforeWrites, false, false},
            MutationCase{Mutation::kSyncBeforeWrites, true, false},
            MutationCase{Mutation::kDropTruncate, true, false},
            MutationCase{Mutation::kDropFsync, true, false},
            MutationCase{Mutation::kDropDirectorySync, false, false},
            MutationCase{Mutation::kDropDirectorySync, true, true})),
    CaseName);

}  // namespace
}  // namespace rocksdb_uring
