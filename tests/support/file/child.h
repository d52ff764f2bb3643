// Programs that a test runs as children, with all that they print.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace rocksdb_uring {

struct ChildResult {
  // The exit code, or 128 and the number of the signal that ended it.
  int exit_code = -1;
  // Its standard output and standard error, in the order they came.
  std::string output;
};

// Runs argv[0] with the variables of `environment` put into, or over, this
// process's own. Blocks until it ends.
ChildResult RunChild(
    const std::vector<std::string>& argv,
    const std::vector<std::pair<std::string, std::string>>& environment = {});

}  // namespace rocksdb_uring
