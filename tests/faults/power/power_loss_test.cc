// After a power failure at any time every write acknowledged with sync=true is
// there: with the default file system, and with the plugin.
//
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>
#include <tuple>

#include "tests/faults/power/crash_check.h"
#include "tests/faults/power/power_test_support.h"
#include "tests/support/engine/test_support.h"

namespace rocksdb_uring {
namespace {

using PowerLossCase = std::tuple<FileSystemCase, WorkloadCase>;

std::string CaseName(const ::testing::TestParamInfo<PowerLossCase>& info) {
  return std::string(std::get<0>(info.param).name) + "_" +
         WorkloadName(std::get<1>(info.param));
}

class PowerLossTest : public ::testing::TestWithParam<PowerLossCase> {
 protected:
  const WorkloadCase& files() const { return std::get<1>(GetParam()); }

  void SetUp() override { SkipWhatCannotRun(std::get<0>(GetParam()), files()); }
};

TEST_P(PowerLossTest, SyncedWritesSurvive) {
  const RecordedFileSystem file_system(std::get<0>(GetParam()));
  WorkloadOptions options;
  options.files = files();
  options.seed = TestSeed();
  const RecordedRun run(options, file_system.get());
  if (HasFailure()) {
    return;
  }
  std::mt19937_64 random(TestSeed());
  const CrashReport report = run.Check(StatesToCheck(80), file_system.plugin(),
                                       /*until_failure=*/false, &random);
  EXPECT_EQ(report.failed(), 0u) << report.ToString();
  printf("%s\n", report.Summary().c_str());
}

INSTANTIATE_TEST_SUITE_P(
    All, PowerLossTest,
    ::testing::Combine(::testing::ValuesIn(FileSystemCases()),
                       ::testing::ValuesIn(WorkloadCases())),
    CaseName);

}  // namespace
}  // namespace rocksdb_uring
