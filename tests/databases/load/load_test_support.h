// Programs under the preload, and what they say.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/engine/test_support.h"
#include "tests/support/file/child.h"

namespace rocksdb_uring {

// A library built with a sanitizer cannot be loaded into a program that is not.
bool BuiltWithSanitizer();

using Environment = std::vector<std::pair<std::string, std::string>>;

// Requests of MultiGet that rings have served, in the statistics.
inline constexpr char kRingReads[] = "/ops/multi_read/ring/count";

// A program that has ended.
struct Ran {
  int exit_code = -1;
  std::string output;
  // Its lines `name=value`.
  std::map<std::string, std::string> said;
};

class PreloadTest : public ::testing::Test {
 protected:
  void SetUp() override;

  // Under the preload, with options that make it write statistics.
  Ran RunPreloaded(const std::vector<std::string>& argv,
                   const Environment& more = {});
  // Without it.
  Ran RunPlain(const std::vector<std::string>& argv,
               const Environment& more = {});
  // The statistics that the last program has left; null if it has left none.
  nlohmann::json Statistics() const;
  // Files that the last program has opened through the plugin.
  uint64_t Opens() const { return Counter("/opens"); }
  // A number in them by its JSON pointer; 0 without statistics.
  uint64_t Counter(const std::string& pointer) const;

  TempDir directory_;
  const std::string db_ = directory_.file("db");
  const std::string stats_ = directory_.file("stats.json");
};

}  // namespace rocksdb_uring
