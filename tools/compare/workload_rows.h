// How the rows of the table of workloads are made. For workloads.cc, which
// puts the table together.
//
// SPDX-License-Identifier: Apache-2.0
#ifndef ROCKSDB_URING_TOOLS_COMPARE_WORKLOAD_ROWS_H_
#define ROCKSDB_URING_TOOLS_COMPARE_WORKLOAD_ROWS_H_

#include <string>
#include <utility>
#include <vector>

#include "tools/compare/workloads.h"

namespace rocksdb_uring {

void AddReadRows(std::vector<Workload>* table);
void AddWriteRows(std::vector<Workload>* table);
void AddRocksDbRows(std::vector<Workload>* table);

// A row in which each run writes a database of its own.
Workload Write(const std::string& name, const std::string& measures,
               std::vector<std::string> results, double target);

// Loads --write_mb in random order, flushes, and compacts it once.
Workload Load(Workload workload);

}  // namespace rocksdb_uring

#endif  // ROCKSDB_URING_TOOLS_COMPARE_WORKLOAD_ROWS_H_
