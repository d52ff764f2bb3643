// The result, with everything that one must know to make sense of it.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "tools/bench/options.h"
#include "tools/bench/runner.h"
#include "tools/bench/target_file.h"

namespace rocksdb_uring {

// Kernel, processors, versions.
std::string MachineLine();
std::string FormatText(const BenchOptions& options, const TargetFile& target,
                       const BenchResult& result);
std::string FormatJson(const BenchOptions& options, const TargetFile& target,
                       const BenchResult& result);

}  // namespace rocksdb_uring
