// What db_bench prints, and uring_replay like it, as data.
//
// SPDX-License-Identifier: Apache-2.0
#ifndef ROCKSDB_URING_TOOLS_COMPARE_DB_BENCH_H_
#define ROCKSDB_URING_TOOLS_COMPARE_DB_BENCH_H_

#include <cstdint>
#include <string>
#include <vector>

namespace rocksdb_uring {

// One line such as
//   readrandom : 157.8 micros/op 25333 ops/sec 3.158 seconds 79996
//   operations; 10.1 MB/s (199 of 199 found)
struct BenchmarkResult {
  std::string name;
  double seconds = 0;
  double operations = 0;
  bool has_found = false;
  // db_bench with several threads prints the counts of one of them.
  int64_t found = 0;
  int64_t sought = 0;
};

// Latencies in microseconds, of one call: a MultiGet counts once, whatever its
// batch size. Of the reads, where threads of a benchmark do other things too.
struct Percentiles {
  double p50 = 0;
  double p95 = 0;
  double p99 = 0;
  double p999 = 0;
  double max = 0;
};

// What a percentile is called in JSON and by people.
struct PercentileName {
  const char* key;
  const char* title;
  double Percentiles::*value;
};
inline constexpr PercentileName kPercentileNames[] = {
    {"p50_us", "p50 µs", &Percentiles::p50},
    {"p95_us", "p95 µs", &Percentiles::p95},
    {"p99_us", "p99 µs", &Percentiles::p99},
    {"p999_us", "p99.9 µs", &Percentiles::p999},
    {"max_us", "max µs", &Percentiles::max}};

struct BenchOutput {
  std::vector<BenchmarkResult> results;
  std::vector<Percentiles>
      percentiles;  // one for each result, where --histogram was given
};

BenchOutput ParseBenchOutput(const std::string& out);

// The version that db_bench names on stderr ("7.8.3"), empty when it names
// none.
std::string ParseVersion(const std::string& err);

// The figures of one run: operations and seconds summed over the results called
// one of `names`.
struct Measurement {
  double operations = 0;
  double seconds = 0;
  double sought = 0;        // keys looked for by one thread
  Percentiles percentiles;  // of the last of them; 0 when there are none
  double found_share = 1;   // smallest share found; 1 when nothing was sought
};

// Returns false with *error when one of `names` is missing or shows no time.
bool Measure(const BenchOutput& output, const std::vector<std::string>& names,
             Measurement* measurement, std::string* error);

}  // namespace rocksdb_uring

#endif  // ROCKSDB_URING_TOOLS_COMPARE_DB_BENCH_H_
