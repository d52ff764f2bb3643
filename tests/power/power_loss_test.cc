// After a power failure at any time every write acknowledged with sync=true is
// there: with the default file system, and with the plugin.
#include <gtest/gtest.h>

#include <string>
#include <tuple>

#include "tests/engine/test_support.h"
#include "tests/file/file_test_support.h"
#include "tests/power/crash_check.h"
#include "tests/power/power_test_support.h"

namespace rocksdb_uring {
namespace {

using PowerLossCase = std::tuple<FileSystemCase, bool, bool>;

std::string CaseName(const ::testing::TestParamInfo<PowerLossCase>& info) {
  return std::string(std::get<0>(info.param).name) +
         (std::get<1>(info.param) ? "_Direct" : "_Buffered") +
         (std::get<2>(info.param) ? "_RecycledLogs" : "");
}

class PowerLossTest : public ::testing::TestWithParam<PowerLossCase> {
 protected:
  void SetUp() override {
    const TempDir directory;
    WriteFile(directory.file("probe"), "");
    SkipWithoutDirectReads(std::get<1>(GetParam()), directory.file("probe"));
  }
};

TEST_P(PowerLossTest, SyncedWritesSurvive) {
  const RecordedFileSystem file_system(std::get<0>(GetParam()));
  WorkloadOptions options;
  options.files.direct = std::get<1>(GetParam());
  options.files.recycle = std::get<2>(GetParam());
  options.seed = TestSeed();
  const RecordedRun run(options, file_system.get());
  if (HasFailure()) {
    return;
  }
  std::mt19937_64 random(TestSeed());
  const CrashReport report = run.Check(StatesToCheck(200), file_system.plugin(),
                                       /*until_failure=*/false, &random);
  EXPECT_EQ(report.failed(), 0u) << report.ToString();
  printf("%s\n", report.ToString().c_str());
}

INSTANTIATE_TEST_SUITE_P(
    All, PowerLossTest,
    ::testing::Combine(::testing::ValuesIn(FileSystemCases()),
                       ::testing::Bool(), ::testing::Bool()),
    CaseName);

}  // namespace
}  // namespace rocksdb_uring
