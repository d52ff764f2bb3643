// The rows that write, each run into a database of its own.
//
// SPDX-License-Identifier: Apache-2.0

#include "tools/compare/workload_rows.h"

namespace rocksdb_uring {

namespace {

Workload Compaction(const std::string& name, const std::string& measures) {
  Workload w = Load(Write(name, measures, {"compact"}, 1.35));
  w.args.push_back("--use_direct_io_for_flush_and_compaction");
  w.args.push_back("--use_direct_reads");
  return w;
}

// The row again with other options of the plugin, and no target.
Workload Variant(Workload workload, const std::string& suffix,
                 const std::string& options) {
  workload.name += suffix;
  workload.measures += "; " + options + " on B";
  workload.b_options = options;
  workload.target = 0;
  return workload;
}

}  // namespace

Workload Write(const std::string& name, const std::string& measures,
               std::vector<std::string> results, double target) {
  Workload w;
  w.name = name;
  w.measures = measures;
  w.results = std::move(results);
  w.target = target;
  w.database = DatabaseUse::kEachRun;
  return w;
}

Workload Load(Workload workload) {
  workload.extent = Extent::kLoad;
  workload.args = {"--benchmarks=filluniquerandom,flush,compact",
                   "--disable_wal=1", "--disable_auto_compactions=1",
                   "--level0_slowdown_writes_trigger=1000000",
                   "--level0_stop_writes_trigger=1000000"};
  return workload;
}

void AddWriteRows(std::vector<Workload>* table) {
  const auto add = [table](const Workload& workload) {
    table->push_back(workload);
    table->push_back(Variant(workload, "_uring", "writes=uring&syncs=uring"));
  };
  Workload sync =
      Write("fillsync", "Put, each one synced", {"fillsync"}, kParity);
  sync.args = {"--benchmarks=fillsync", "--ops_between_duration_checks=100"};
  add(sync);
  Workload fill =
      Write("fillrandom", "Put with WAL, not synced", {"fillrandom"}, kParity);
  fill.args = {"--benchmarks=fillrandom"};
  add(fill);
  add(Load(Write("load_buffered", "load and compaction, buffered",
                 {"filluniquerandom", "compact"}, kParity)));
  Workload direct = Compaction("compact_direct",
                               "manual compaction, direct reads and writes");
  direct.target = 1.4;
  add(direct);
  for (const int files : {26, 60}) {
    const std::string number = std::to_string(files);
    Workload many = Compaction("compact_direct_f" + number,
                               "the same with about " + number + " inputs");
    many.files = files;
    table->push_back(many);
  }
  // What each half gains alone.
  table->push_back(Variant(direct, "_write_behind", "readahead_bytes=0"));
  table->push_back(Variant(direct, "_read_ahead", "write_buffer_bytes=0"));
}

}  // namespace rocksdb_uring
