// The rows that compare RocksDB's own options, on POSIX and on the plugin: what
// an operator gets for nothing, whatever the verdict on the plugin.
//
// SPDX-License-Identifier: Apache-2.0

#include "tools/compare/workload_rows.h"

namespace rocksdb_uring {

namespace {

// Many small write-ahead logs, so that the first are soon done with and their
// files used again, as in a database that has run for a while.
Workload SyncedPuts() {
  Workload w = Write("rocksdb_recycle_wal", "Put, each one synced",
                     {"fillsync"}, /*target=*/0);
  w.args = {"--benchmarks=fillsync",
            "--histogram",
            "--ops_between_duration_checks=100",
            "--write_buffer_size=262144",
            "--disable_auto_compactions=1",
            "--level0_slowdown_writes_trigger=1000000",
            "--level0_stop_writes_trigger=1000000"};
  return w;
}

Workload LoadAndCompact(const std::string& name) {
  return Load(Write(name, "load and compaction, buffered",
                    {"filluniquerandom", "compact"}, /*target=*/0));
}

// A row for each file system: both sides are on it, and B has the options.
void AddOptions(Workload row, const RocksDbOptions& options,
                const std::string& caution, std::vector<Workload>* table) {
  row.rocksdb_options = options;
  row.caution = caution;
  row.measures += "; " + Describe(options) + " on B";
  Workload plugin = row;
  plugin.name += "_plugin";
  plugin.measures += ", with the plugin on both sides";
  plugin.on_plugin = true;
  table->push_back(row);
  table->push_back(plugin);
}

}  // namespace

void AddRocksDbRows(std::vector<Workload>* table) {
  // RocksDB 7.8 uses logs again in this recovery mode only.
  AddOptions(SyncedPuts(),
             {{"recycle_log_file_num", "4"},
              {"wal_recovery_mode", "kSkipAnyCorruptedRecords"}},
             "this recovery mode skips damaged records of a log instead of "
             "ending before them",
             table);
  AddOptions(LoadAndCompact("rocksdb_bytes_per_sync"),
             {{"bytes_per_sync", "1048576"}}, "", table);
  AddOptions(LoadAndCompact("rocksdb_direct_compaction"),
             {{"use_direct_io_for_flush_and_compaction", "true"}}, "", table);
}

}  // namespace rocksdb_uring
