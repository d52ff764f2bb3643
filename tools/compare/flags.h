// The flags of uring_compare, checked and turned into settings.
//
// SPDX-License-Identifier: Apache-2.0
#ifndef ROCKSDB_URING_TOOLS_COMPARE_FLAGS_H_
#define ROCKSDB_URING_TOOLS_COMPARE_FLAGS_H_

#include <gflags/gflags_declare.h>

#include <string>
#include <vector>

#include "tools/compare/comparison.h"
#include "tools/compare/outputs.h"
#include "tools/compare/own_command.h"

DECLARE_string(command);
DECLARE_string(table);
DECLARE_string(workloads);

namespace rocksdb_uring {

// Each returns false with *error, which names the flag.
bool MakeSettings(Settings* settings, std::string* error);
// REQUIRES: MakeSettings returned true.
bool MakeOwnCommand(const Settings& settings, OwnCommandSettings* own,
                    std::string* error);
// The rows of --workloads and --trace. None for --workloads=none.
bool ChooseWorkloads(std::vector<Workload>* chosen, std::string* error);
bool CheckPlugin(const Settings& settings, std::string* error);
// Finds the database's shape, or makes the database.
bool ProvideDatabase(Settings* settings, std::string* error);

OutputSettings MakeOutputSettings(const Settings& settings);

}  // namespace rocksdb_uring

#endif  // ROCKSDB_URING_TOOLS_COMPARE_FLAGS_H_
