// Automatic recovery from a full disk works on the plugin as on the default
// file system. RocksDB polls the free space every five seconds, so all sides of
// a cell wait at the same time.
//
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cerrno>
#include <cstdint>
#include <memory>
#include <vector>

#include "tests/faults/errors/scenario.h"
#include "tests/faults/errors/sides.h"
#include "tests/support/engine/test_support.h"

namespace rocksdb_uring {
namespace {

class AutoResumeTest : public ::testing::TestWithParam<Group> {};

TEST_P(AutoResumeTest, RecoversAsOnTheDefaultFileSystem) {
  SkipWithoutRing();
  Cell cell;
  cell.group = GetParam();
  cell.error = ENOSPC;
  // Calls fail until the injector is disarmed, so no step races with the
  // recovery.
  cell.count = UINT32_MAX;
  std::vector<std::unique_ptr<PluginSide>> plugins;
  std::vector<std::unique_ptr<Scenario>> scenarios;
  scenarios.push_back(std::make_unique<Scenario>(cell, rocksdb::Env::Default(),
                                                 /*recovers=*/true));
  for (const Side& side : kSides) {
    plugins.push_back(std::make_unique<PluginSide>(side));
    scenarios.push_back(std::make_unique<Scenario>(cell, plugins.back()->env(),
                                                   /*recovers=*/true));
  }
  for (const auto& scenario : scenarios) {
    scenario->Begin();
    scenario->Fail();
    Injector::Instance()->Disarm();
    EXPECT_GT(Injector::Instance()->given(), 0u);
    ASSERT_FALSE(HasFatalFailure());
  }
  std::vector<Outcome> outcomes;
  for (const auto& scenario : scenarios) {
    ASSERT_TRUE(scenario->AwaitRecovery());
    outcomes.push_back(scenario->End());
    EXPECT_EQ(outcomes.back().lost.size(), 0u);
    EXPECT_EQ(DifferenceOf(outcomes.back(), outcomes.front()), "");
  }
  for (const auto& plugin : plugins) {
    plugin->ExpectEntered();
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, AutoResumeTest,
    ::testing::Values(Group{Operation::kDataSync, Target::kManifest, false},
                      Group{Operation::kAppend, Target::kTable, false}),
    [](const ::testing::TestParamInfo<Group>& info) {
      return GroupName(info.param);
    });

}  // namespace
}  // namespace rocksdb_uring
