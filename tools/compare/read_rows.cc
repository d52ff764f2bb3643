// The rows that read.
//
// SPDX-License-Identifier: Apache-2.0

#include "tools/compare/workload_rows.h"

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

// Adds a row, and says what sets it apart from the rows like it.
void Add(Workload workload, const char* what, std::vector<Workload>* table) {
  workload.measures += std::string(", ") + what;
  table->push_back(std::move(workload));
}

void AddMultiGets(std::vector<Workload>* table) {
  const auto direct = [table](const Workload& w) {
    Add(Direct(w), "direct", table);
  };
  direct(MultiGet("multiget_direct_t1", 32, 1, 3.5));
  direct(MultiGet("multiget_direct_t4", 32, 4, 2.4));
  direct(MultiGet("multiget_direct_b2", 2, 1, kParity));
  direct(MultiGet("multiget_direct_b8", 8, 1, kParity));
  const auto cold = [table](const Workload& w) {
    Add(Cold(w), "cache cold", table);
  };
  cold(MultiGet("multiget_cold_t1", 32, 1, 3.5));
  cold(MultiGet("multiget_cold_t4", 32, 4, 2.3));
  cold(MultiGet("multiget_cold_b2", 2, 1, kParity));
  cold(MultiGet("multiget_cold_b8", 8, 1, kParity));
  const auto warm = [table](const Workload& w) {
    Add(Warm(w), "all cached", table);
  };
  warm(MultiGet("multiget_cached_t1", 32, 1, kParity));
  warm(MultiGet("multiget_cached_t4", 32, 4, kParity));
}

void AddGets(std::vector<Workload>* table) {
  Add(Direct(Get("get_direct", 1)), "direct", table);
  Add(Direct(Get("get_direct_t4", 4)), "direct", table);
  Add(Cold(Get("get_cold", 1)), "cache cold", table);
  Add(Warm(Get("get_cached", 1)), "all cached", table);
}

void AddScans(std::vector<Workload>* table) {
  Add(Direct(Scan("scan_direct", 1.15)), "direct", table);
  Workload async = Direct(Scan("scan_direct_async", 1.15));
  async.b_args = {"--async_io=1"};
  Add(async, "direct; async_io on B only", table);
  Add(Cold(Scan("scan_cold", 1.15)), "cache cold", table);
  Add(Warm(Scan("scan_cached", kParity)), "all cached", table);
}

void AddShortScans(std::vector<Workload>* table) {
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
    const auto row = [&scan](const char* suffix, double target) {
      return ShortScan(std::string(scan.name) + suffix, scan.keys, scan.back,
                       target);
    };
    Add(Cold(row("_cold", scan.cold)), "cache cold", table);
    Add(Direct(row("_direct", scan.direct)), "direct", table);
    Add(Warm(row("_cached", kParity)), "all cached", table);
  }
}

void AddGetsWhileScanning(std::vector<Workload>* table) {
  Add(Direct(GetWhileScanning("get_scanning_direct")), "direct", table);
  Add(Cold(GetWhileScanning("get_scanning_cold")), "cache cold", table);
}

void AddBlobScans(const std::string& name, const std::string& benchmark,
                  std::vector<Workload>* table) {
  // A row of fixed reads and a cold cache; Cold() would take a share.
  Workload cold = BlobScan(name + "_cold", benchmark, 10);
  cold.cache = CacheState::kCold;
  Add(cold, "cache cold", table);
  Workload direct = BlobScan(name + "_direct", benchmark, 8);
  direct.args.push_back("--use_direct_reads");
  Add(direct, "direct", table);
  Add(Warm(BlobScan(name + "_cached", benchmark, kParity)), "all cached",
      table);
}

// The plugin's POSIX engine alone: chosen by an option, and as the answer to a
// denied io_uring.
void AddPosixEngine(std::vector<Workload>* table) {
  Workload posix = Cold(MultiGet("posix_engine_cold", 32, 1, 3.0));
  posix.b_options = "reads=posix";
  Add(posix, "cache cold; reads=posix on B", table);
  Workload denied = Cold(MultiGet("posix_engine_denied_cold", 32, 1, 3.0));
  denied.b_denied_io_uring = true;
  Add(denied, "cache cold; io_uring denied to B", table);
}

}  // namespace

void AddReadRows(std::vector<Workload>* table) {
  const size_t first = table->size();
  AddMultiGets(table);
  AddGets(table);
  AddScans(table);
  AddShortScans(table);
  AddGetsWhileScanning(table);
  AddBlobScans("blob_scan", "readseq", table);
  AddBlobScans("blob_reverse_scan", "readreverse", table);
  AddPosixEngine(table);
  // A read row runs the one benchmark that it measures.
  for (size_t i = first; i < table->size(); ++i) {
    Workload& w = (*table)[i];
    w.args.insert(w.args.begin(), "--benchmarks=" + w.results.front());
  }
}

}  // namespace rocksdb_uring
