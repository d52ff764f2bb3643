// What the rows of RocksDB's own options say to an operator.
//
// SPDX-License-Identifier: Apache-2.0
#ifndef ROCKSDB_URING_TOOLS_COMPARE_OPTION_ADVICE_H_
#define ROCKSDB_URING_TOOLS_COMPARE_OPTION_ADVICE_H_

#include <string>
#include <vector>

#include "tools/compare/finding.h"

namespace rocksdb_uring {

// A sentence for each set of options that gains on POSIX or with the plugin.
std::vector<std::string> AdviseOptions(
    const std::vector<WorkloadFinding>& workloads);

}  // namespace rocksdb_uring

#endif  // ROCKSDB_URING_TOOLS_COMPARE_OPTION_ADVICE_H_
