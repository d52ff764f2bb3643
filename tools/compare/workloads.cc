// SPDX-License-Identifier: Apache-2.0

#include "tools/compare/workloads.h"

#include <cstdio>
#include <set>
#include <sstream>

namespace rocksdb_uring {

namespace {

constexpr int kKeysPerScan = 20000;  // 8 MB at the default value size

// Buffered rows must not become warm while they run, or the figure would be a
// mixture that depends on --seconds and on which side is faster. So a cold row
// drops the files before every run, does the same number of reads on both
// sides, and stops when it has touched a tenth of the database: one read in
// twenty finds its page at most. (A memory-limited cgroup would hold the cache
// down as well, but needs privileges, and reclaim inside the measured time
// would be part of the figure.)
Workload Cold(Workload workload) {
  workload.cache = CacheState::kCold;
  workload.extent = Extent::kShare;
  workload.args.push_back("--histogram");
  return workload;
}

// No --histogram: its two clock readings per operation cost a cached Get
// several per cent, equally on both sides, which would flatter the ratio.
Workload Warm(Workload workload) {
  workload.cache = CacheState::kWarm;
  return workload;
}

Workload Direct(Workload workload) {
  workload.args.push_back("--use_direct_reads");
  workload.args.push_back("--histogram");
  return workload;
}

Workload MultiGet(const std::string& name, int batch, int threads,
                  double target) {
  Workload w;
  w.name = name;
  w.measures = "MultiGet of " + std::to_string(batch) + ", " +
               std::to_string(threads) +
               (threads == 1 ? " thread" : " threads");
  w.args = {"--multiread_batched=true",
            "--batch_size=" + std::to_string(batch)};
  w.threads = threads;
  w.target = target;
  w.results = {"multireadrandom"};
  return w;
}

Workload Get(const std::string& name, int threads) {
  Workload w;
  w.name = name;
  w.measures = "Get, " + std::to_string(threads) +
               (threads == 1 ? " thread" : " threads");
  w.threads = threads;
  w.target = kParity;
  w.results = {"readrandom"};
  return w;
}

Workload Scan(const std::string& name, double target) {
  Workload w;
  w.name = name;
  w.measures = "Seek and " + std::to_string(kKeysPerScan) + " x Next";
  // A scan takes a tenth of a second: look at the clock after each.
  w.args = {"--seek_nexts=" + std::to_string(kKeysPerScan),
            "--ops_between_duration_checks=1"};
  w.target = target;
  w.results = {"seekrandom"};
  w.keys_per_operation = kKeysPerScan;
  return w;
}

// A seek and some entries, in one direction: each block waits for the device
// unless somebody reads ahead.
Workload ShortScan(const std::string& name, int keys, bool back,
                   double target) {
  Workload w;
  w.name = name;
  w.measures =
      "Seek and " + std::to_string(keys) + (back ? " x Prev" : " x Next");
  w.args = {"--seek_nexts=" + std::to_string(keys)};
  if (back) {
    w.args.push_back("--reverse_iterator=1");
  }
  w.target = target;
  w.results = {"seekrandom"};
  w.keys_per_operation = keys;
  return w;
}

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

Workload Compaction(const std::string& name, const std::string& measures) {
  Workload w = Load(Write(name, measures, {"compact"}, 1.35));
  w.args.push_back("--use_direct_io_for_flush_and_compaction");
  w.args.push_back("--use_direct_reads");
  return w;
}

// The values are in blob files, where the table keeps only their places.
Workload BlobScan(const std::string& name, const std::string& benchmark,
                  double target) {
  const std::vector<std::string> blobs = {"--enable_blob_files=1",
                                          "--min_blob_size=0"};
  Workload w;
  w.name = name;
  w.measures = benchmark + " of values in blob files";
  w.args = blobs;
  w.extent = Extent::kReads;
  w.target = target;
  w.results = {benchmark};
  w.database = DatabaseUse::kEachRow;
  w.load_args = blobs;
  w.value_size = 1024;
  w.load_args.insert(w.load_args.end(),
                     {"--benchmarks=fillseq,flush", "--disable_wal=1"});
  return w;
}

// Point reads, one thread, while another scans the database forwards.
Workload GetWhileScanning(const std::string& name) {
  Workload w = Get(name, 1);
  w.measures = "Get beside a thread that scans";
  w.target = 0;  // the scan takes what the disk has: see the percentiles
  w.counts_sought = true;
  w.results = {"readwhilescanning"};
  return w;
}

Workload Labelled(Workload workload, const std::string& what) {
  workload.measures += ", " + what;
  return workload;
}

void AddReads(std::vector<Workload>* table) {
  const auto add = [table](Workload w, const char* what) {
    table->push_back(Labelled(std::move(w), what));
  };
  add(Direct(MultiGet("multiget_direct_t1", 32, 1, 3.5)), "direct");
  add(Direct(MultiGet("multiget_direct_t4", 32, 4, 2.4)), "direct");
  add(Direct(MultiGet("multiget_direct_b2", 2, 1, kParity)), "direct");
  add(Direct(MultiGet("multiget_direct_b8", 8, 1, kParity)), "direct");
  add(Cold(MultiGet("multiget_cold_t1", 32, 1, 3.5)), "cache cold");
  add(Cold(MultiGet("multiget_cold_t4", 32, 4, 2.3)), "cache cold");
  add(Cold(MultiGet("multiget_cold_b2", 2, 1, kParity)), "cache cold");
  add(Cold(MultiGet("multiget_cold_b8", 8, 1, kParity)), "cache cold");
  add(Warm(MultiGet("multiget_cached_t1", 32, 1, kParity)), "all cached");
  add(Warm(MultiGet("multiget_cached_t4", 32, 4, kParity)), "all cached");
  add(Direct(Get("get_direct", 1)), "direct");
  add(Direct(Get("get_direct_t4", 4)), "direct");
  add(Cold(Get("get_cold", 1)), "cache cold");
  add(Warm(Get("get_cached", 1)), "all cached");
  add(Direct(Scan("scan_direct", 1.15)), "direct");
  Workload async = Direct(Scan("scan_direct_async", 1.15));
  async.b_args = {"--async_io=1"};
  add(async, "direct; async_io on B only");
  add(Cold(Scan("scan_cold", 1.15)), "cache cold");
  add(Warm(Scan("scan_cached", kParity)), "all cached");
  const struct {
    const char* name;
    int keys;
    bool back;
    double cold;
    double direct;
  } scans[] = {{"reverse_scan", kKeysPerScan, true, 12, 8},
               {"prev1000", 1000, true, 4.5, 4.5},
               {"prev100", 100, true, 2.5, 2.2},
               {"next100", 100, false, 1.7, 1.6},
               {"prev10", 10, true, kParity, kParity},
               {"next10", 10, false, kParity, kParity}};
  for (const auto& scan : scans) {
    const std::string name = scan.name;
    add(Cold(ShortScan(name + "_cold", scan.keys, scan.back, scan.cold)),
        "cache cold");
    add(Direct(ShortScan(name + "_direct", scan.keys, scan.back, scan.direct)),
        "direct");
    add(Warm(ShortScan(name + "_cached", scan.keys, scan.back, kParity)),
        "all cached");
  }
  add(Direct(GetWhileScanning("get_scanning_direct")), "direct");
  add(Cold(GetWhileScanning("get_scanning_cold")), "cache cold");
  const struct {
    const char* name;
    const char* benchmark;
  } blobs[] = {{"blob_scan", "readseq"}, {"blob_reverse_scan", "readreverse"}};
  for (const auto& blob : blobs) {
    const std::string name = blob.name;
    // A row of fixed reads and a cold cache; Cold() would take a share.
    Workload cold = BlobScan(name + "_cold", blob.benchmark, 10);
    cold.cache = CacheState::kCold;
    add(cold, "cache cold");
    Workload direct = BlobScan(name + "_direct", blob.benchmark, 8);
    direct.args.push_back("--use_direct_reads");
    add(direct, "direct");
    add(Warm(BlobScan(name + "_cached", blob.benchmark, kParity)),
        "all cached");
  }
}

// The plugin's POSIX engine alone: chosen by an option, and as the answer to a
// denied io_uring.
void AddPosixEngine(std::vector<Workload>* table) {
  Workload posix = Cold(MultiGet("posix_engine_cold", 32, 1, 3.0));
  posix.b_options = "reads=posix";
  table->push_back(Labelled(posix, "cache cold; reads=posix on B"));
  Workload denied = Cold(MultiGet("posix_engine_denied_cold", 32, 1, 3.0));
  denied.b_denied_io_uring = true;
  table->push_back(Labelled(denied, "cache cold; io_uring denied to B"));
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

void AddWrites(std::vector<Workload>* table) {
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

std::vector<Workload> MakeTable() {
  std::vector<Workload> table;
  AddReads(&table);
  AddPosixEngine(&table);
  // A read row runs the one benchmark that it measures.
  for (Workload& w : table) {
    w.args.insert(w.args.begin(), "--benchmarks=" + w.results.front());
  }
  AddWrites(&table);
  return table;
}

bool IsIn(const Workload& workload, const std::set<std::string>& wanted) {
  return wanted.count(workload.name) > 0 || wanted.count("all") > 0 ||
         wanted.count(workload.writes() ? "writes" : "reads") > 0;
}

}  // namespace

const std::vector<Workload>& AllWorkloads() {
  static const auto* table = new std::vector<Workload>(MakeTable());
  return *table;
}

bool SelectWorkloads(const std::string& list, std::vector<Workload>* chosen,
                     std::string* error) {
  std::set<std::string> known = {"all", "reads", "writes"};
  for (const Workload& w : AllWorkloads()) known.insert(w.name);
  std::set<std::string> wanted;
  std::istringstream stream(list);
  for (std::string name; std::getline(stream, name, ',');) {
    if (known.count(name) == 0) {
      *error =
          "no workload is called '" + name + "'; --workloads=list shows them";
      return false;
    }
    wanted.insert(name);
  }
  for (const Workload& w : AllWorkloads()) {
    if (IsIn(w, wanted)) chosen->push_back(w);
  }
  if (chosen->empty()) *error = "--workloads names none";
  return !chosen->empty();
}

std::string ListWorkloads() {
  std::string text = "name                      target  measures\n";
  for (const Workload& w : AllWorkloads()) {
    char line[200];
    snprintf(line, sizeof(line), "%-25s %6.2f  %s\n", w.name.c_str(), w.target,
             w.measures.c_str());
    text += line;
  }
  return text + "groups: reads, writes, all\n";
}

}  // namespace rocksdb_uring
