// Executes the operations of a trace that RocksDB recorded, and measures each.
//
// db_bench's own replay does not suffice. That of Debian's RocksDB 7.8.3 ends
// in an assertion: it passes no column families. Without that, it would execute
// a traced MultiGet through the interface that reads one key after the other,
// so that batches never reach the file system, and report neither the number of
// operations nor latencies.
//
// SPDX-License-Identifier: Apache-2.0
#ifndef ROCKSDB_URING_TOOLS_REPLAY_TRACE_REPLAY_H_
#define ROCKSDB_URING_TOOLS_REPLAY_TRACE_REPLAY_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "rocksdb/trace_record.h"
#include "rocksdb/utilities/replayer.h"
#include "tools/bench/histogram.h"
#include "tools/replay/replay_database.h"

namespace rocksdb_uring {

struct ReplaySettings {
  std::string trace;
  int threads = 1;
  double speed = 0;  // of the recording; 0: as fast as possible
  bool sync = false;
};

// In nanoseconds.
struct ReplayResult {
  double seconds = 0;
  Histogram all;
  std::map<std::string, Histogram> kinds;  // "get", "multiget", "seek", "write"
};

class TraceReplay {
 public:
  // Both must outlive this.
  TraceReplay(const ReplaySettings* settings, const ReplayDatabase* database);

  // With several threads, each takes the next operation of the trace when it
  // has ended the one before: they start in order, and may overtake each other.
  // REQUIRES: called once.
  rocksdb::Status Run(ReplayResult* result);

 private:
  using Record = std::unique_ptr<rocksdb::TraceRecord>;

  rocksdb::Status Prepare();
  void RunThread(ReplayResult* result);
  rocksdb::Status RunOperations(ReplayResult* result);
  void WaitFor(const Record& record) const;
  rocksdb::Status Execute(const Record& record);
  rocksdb::Status ExecuteMultiGet(
      const rocksdb::MultiGetQueryTraceRecord& record);
  rocksdb::Status ExecuteWrite(const rocksdb::WriteQueryTraceRecord& record);

  const ReplaySettings& settings_;
  const ReplayDatabase& database_;
  std::unordered_map<uint32_t, rocksdb::ColumnFamilyHandle*> families_;
  std::unique_ptr<rocksdb::Replayer> replayer_;
  uint64_t start_us_ = 0;  // of the steady clock
  std::atomic<bool> failed_{false};
  std::mutex mutex_;  // for the results, and:
  rocksdb::Status status_;
};

}  // namespace rocksdb_uring

#endif  // ROCKSDB_URING_TOOLS_REPLAY_TRACE_REPLAY_H_
