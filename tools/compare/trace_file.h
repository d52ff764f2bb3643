// The file of a trace that RocksDB recorded: checked and counted before it is
// replayed, so that a broken one is an error with a reason and not a short run.
//
// SPDX-License-Identifier: Apache-2.0
#ifndef ROCKSDB_URING_TOOLS_COMPARE_TRACE_FILE_H_
#define ROCKSDB_URING_TOOLS_COMPARE_TRACE_FILE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tools/compare/workloads.h"

namespace rocksdb_uring {

struct TraceSummary {
  int64_t gets = 0;
  int64_t multi_gets = 0;
  int64_t seeks = 0;
  int64_t writes = 0;

  int64_t operations() const { return gets + multi_gets + seeks + writes; }
};

// Returns false with *error, which names the file, if it is missing, is no
// trace of operations, is cut off, or holds no operation.
bool ReadTrace(const std::string& path, TraceSummary* summary,
               std::string* error);

// "100 Get, 20 MultiGet".
std::string Describe(const TraceSummary& summary);

// The row that replays the trace, each run on a copy of --db. `args` are for
// uring_replay. Returns false as ReadTrace does.
bool MakeTraceRow(const std::string& path, const std::vector<std::string>& args,
                  CacheState cache, Workload* row, std::string* error);

}  // namespace rocksdb_uring

#endif  // ROCKSDB_URING_TOOLS_COMPARE_TRACE_FILE_H_
