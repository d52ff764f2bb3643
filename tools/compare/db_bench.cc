// SPDX-License-Identifier: Apache-2.0

#include "tools/compare/db_bench.h"

#include <algorithm>
#include <regex>
#include <sstream>

namespace rocksdb_uring {

namespace {

bool ParseResult(const std::string& line, BenchmarkResult* result) {
  static const std::regex kLine(
      R"(^(\w+)\s*:\s+[0-9.]+ micros/op [0-9.]+ ops/sec ([0-9.]+) seconds ([0-9]+) operations.*)");
  static const std::regex kFound(R"(\((\d+) of (\d+) found\))");
  std::smatch match;
  if (!std::regex_match(line, match, kLine)) return false;
  result->name = match[1];
  result->seconds = std::stod(match[2]);
  result->operations = std::stod(match[3]);
  if (std::regex_search(line, match, kFound)) {
    result->has_found = true;
    result->found = std::stoll(match[1]);
    result->sought = std::stoll(match[2]);
  }
  return true;
}

// The operations of the histogram whose heading this is ("read", "seek").
std::string ParseHeading(const std::string& line) {
  static const std::regex kLine(R"(^Microseconds per (\w+):.*)");
  std::smatch match;
  return std::regex_match(line, match, kLine) ? match[1].str() : "";
}

// Reads the lines of one histogram below its heading. db_bench prints no p95:
// it is interpolated within its bucket, as RocksDB does with the others.
class HistogramReader {
 public:
  void Read(const std::string& line, Percentiles* percentiles) {
    static const std::regex kCount(R"(^Count: ([0-9]+) .*)");
    static const std::regex kMax(R"(^Min: .* Max: ([0-9.]+)\s*)");
    static const std::regex kPercentiles(
        R"(^Percentiles: P50: ([0-9.]+) .*P99: ([0-9.]+) P99.9: ([0-9.]+) .*)");
    static const std::regex kP95(R"( P95: ([0-9.]+) )");
    static const std::regex kBucket(
        R"(^[(\[]\s*([0-9]+),\s*([0-9]+) \]\s*([0-9]+) .*)");
    std::smatch match;
    if (std::regex_match(line, match, kCount)) {
      *this = HistogramReader();
      wanted_ = 0.95 * std::stod(match[1]);
    } else if (std::regex_match(line, match, kMax)) {
      percentiles->max = std::stod(match[1]);
    } else if (std::regex_match(line, match, kPercentiles)) {
      percentiles->p50 = std::stod(match[1]);
      percentiles->p99 = std::stod(match[2]);
      percentiles->p999 = std::stod(match[3]);
      if (std::regex_search(line, match, kP95)) {  // uring_replay prints it
        percentiles->p95 = std::stod(match[1]);
      }
    } else if (std::regex_match(line, match, kBucket)) {
      AddBucket(std::stod(match[1]), std::stod(match[2]), std::stod(match[3]),
                percentiles);
    }
  }

 private:
  void AddBucket(double low, double high, double count,
                 Percentiles* percentiles) {
    const bool holds_it = seen_ < wanted_ && seen_ + count >= wanted_;
    if (holds_it) {
      const double at = low + (high - low) * (wanted_ - seen_) / count;
      percentiles->p95 = std::min(at, percentiles->max);
    }
    seen_ += count;
  }

  double wanted_ = 0;  // values up to p95
  double seen_ = 0;    // in the buckets so far
};

bool LastHasPercentiles(const BenchOutput& output) {
  return !output.percentiles.empty() && output.percentiles.back().p50 > 0;
}

void AddTo(Measurement* sum, const BenchmarkResult& result,
           const Percentiles& percentiles) {
  sum->operations += result.operations;
  sum->seconds += result.seconds;
  sum->sought += static_cast<double>(result.sought);
  sum->percentiles = percentiles;
  if (result.has_found && result.sought > 0) {
    const double share =
        static_cast<double>(result.found) / static_cast<double>(result.sought);
    sum->found_share = std::min(sum->found_share, share);
  }
}

}  // namespace

BenchOutput ParseBenchOutput(const std::string& out) {
  BenchOutput output;
  std::istringstream stream(out);
  bool beside_reads = false;  // a histogram of what else the threads did
  HistogramReader histogram;
  for (std::string line; std::getline(stream, line);) {
    BenchmarkResult result;
    const std::string heading = ParseHeading(line);
    if (ParseResult(line, &result)) {
      output.results.push_back(result);
      output.percentiles.emplace_back();
      beside_reads = false;
    } else if (!heading.empty()) {
      beside_reads = LastHasPercentiles(output) && heading != "read";
    } else if (!output.percentiles.empty() && !beside_reads) {
      histogram.Read(line, &output.percentiles.back());
    }
  }
  return output;
}

std::string ParseVersion(const std::string& err) {
  static const std::regex kVersion(R"(RocksDB:\s+version ([0-9.]+))");
  std::smatch match;
  return std::regex_search(err, match, kVersion) ? match[1].str() : "";
}

bool Measure(const BenchOutput& output, const std::vector<std::string>& names,
             Measurement* measurement, std::string* error) {
  *measurement = Measurement();
  for (const std::string& name : names) {
    bool seen = false;
    for (size_t i = 0; i < output.results.size(); ++i) {
      if (output.results[i].name != name) continue;
      AddTo(measurement, output.results[i], output.percentiles[i]);
      seen = true;
    }
    if (!seen) {
      *error = "db_bench printed no result for " + name;
      return false;
    }
  }
  if (measurement->seconds > 0 && measurement->operations > 0) return true;
  *error = "db_bench did no measurable work";
  return false;
}

}  // namespace rocksdb_uring
