// Says first what io_uring gives here, so that a skipped test is no riddle, and
// at last how many faults there were.
//
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstdio>

#include "tests/support/engine/test_counts.h"
#include "tests/support/engine/test_support.h"

namespace rocksdb_uring {
namespace {

class Machine : public ::testing::Environment {
 public:
  void SetUp() override {
    const std::string why = WhyNoRing();
    printf("%s\n", why.empty() ? "io_uring can be used" : why.c_str());
  }
};

}  // namespace
}  // namespace rocksdb_uring

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  ::testing::AddGlobalTestEnvironment(new rocksdb_uring::Machine());
  const int result = RUN_ALL_TESTS();
  rocksdb_uring::ReportCounts(argv[0]);
  return result;
}
