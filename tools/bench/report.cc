// SPDX-License-Identifier: Apache-2.0

#include "tools/bench/report.h"

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "env/base/format.h"
#include "tools/probe/kernel.h"
#include "tools/probe/storage.h"

namespace rocksdb_uring {

namespace {

using Json = nlohmann::ordered_json;

#ifdef ROCKSDB_URING_COMMIT
constexpr const char* kCommit = ROCKSDB_URING_COMMIT;
#else
constexpr const char* kCommit = "unknown";
#endif

struct Quantile {
  const char* name;
  double fraction;
};
constexpr Quantile kQuantiles[] = {
    {"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}};

long OnlineCpus() { return sysconf(_SC_NPROCESSORS_ONLN); }

double Microseconds(uint64_t ns) { return static_cast<double>(ns) / 1e3; }

double BandwidthMib(const BenchOptions& options, const BenchResult& result) {
  return result.iops() * options.block_size / (1 << 20);
}

double CallsPerOp(const BenchResult& result, CallKind kind) {
  return result.PerOp(
      static_cast<double>(result.counts.calls[static_cast<size_t>(kind)]));
}

// What one latency is the latency of.
std::string LatencyOf(const BenchOptions& options) {
  return options.batch > 1 ? "batch of " + std::to_string(options.batch)
                           : "operation";
}

std::string WhatLine(const BenchOptions& options) {
  const std::string size = options.asynchronous()
                               ? "depth " + std::to_string(options.depth)
                               : "batch " + std::to_string(options.batch);
  return PatternName(options) + " " + std::to_string(options.block_size) +
         " bytes, " + (options.direct ? "direct" : "buffered") + ", " + size +
         (options.sync ? ", synced" : "") + ", threads " +
         std::to_string(options.threads) + ", engine " +
         EngineName(options.engine) + ", path " + PathChoiceName(options.path) +
         ", layout " + LayoutName(options.layout) + ", queue_depth " +
         std::to_string(options.queue_depth) +
         (options.polling == Polling::kOff
              ? ""
              : std::string(", polling ") + PollingName(options.polling));
}

std::string LatencyLine(const BenchResult& result) {
  std::string line;
  for (const Quantile& quantile : kQuantiles) {
    line += Format("%s %.1f  ", quantile.name,
                   Microseconds(result.latency.Percentile(quantile.fraction)));
  }
  return line + Format("max %.1f", Microseconds(result.latency.max()));
}

std::string PathsLine(const BenchResult& result) {
  uint64_t sum = 0;
  for (uint64_t count : result.counts.paths) {
    sum += count;
  }
  std::string line;
  for (size_t path = 0; path < kIoPathCount && sum != 0; ++path) {
    if (result.counts.paths[path] != 0) {
      line += Format("%s%s %.1f %%", line.empty() ? "" : ", ",
                     IoPathName(static_cast<IoPath>(path)),
                     100.0 * static_cast<double>(result.counts.paths[path]) /
                         static_cast<double>(sum));
    }
  }
  return line.empty() ? "none" : line;
}

Json MachineJson(const BenchOptions& options) {
  const KernelInfo kernel = DescribeKernel();
  const Storage storage = DescribeStorage(options.file);
  return {{"kernel", kernel.release},
          {"architecture", kernel.architecture},
          {"cpus", OnlineCpus()},
          {"liburing", kernel.liburing},
          {"commit", kCommit},
          {"filesystem", storage.filesystem},
          {"source", storage.source},
          {"device", storage.device},
          {"logical_block_bytes", storage.logical_block_bytes}};
}

Json OptionsJson(const BenchOptions& options, const TargetFile& target) {
  return {{"file", options.file},
          {"bytes", target.bytes},
          {"pattern", PatternName(options)},
          {"block_size", options.block_size},
          {"direct", options.direct},
          {"depth", options.depth},
          {"batch", options.batch},
          {"threads", options.threads},
          {"sync", options.sync},
          {"engine", EngineName(options.engine)},
          {"path", PathChoiceName(options.path)},
          {"layout", LayoutName(options.layout)},
          {"queue_depth", options.queue_depth},
          {"polling", PollingName(options.polling)},
          {"runtime_s", options.runtime_s},
          {"warmup_s", options.warmup_s}};
}

Json LatencyJson(const BenchOptions& options, const BenchResult& result) {
  Json latency = {{"of", LatencyOf(options)}};
  for (const Quantile& quantile : kQuantiles) {
    latency[quantile.name] =
        Microseconds(result.latency.Percentile(quantile.fraction));
  }
  latency["max"] = Microseconds(result.latency.max());
  return latency;
}

Json PathsJson(const BenchResult& result) {
  Json paths = Json::object();
  for (size_t path = 0; path < kIoPathCount; ++path) {
    paths[IoPathName(static_cast<IoPath>(path))] = result.counts.paths[path];
  }
  return paths;
}

Json ResultJson(const BenchOptions& options, const BenchResult& result) {
  return {{"seconds", result.seconds},
          {"ops", result.ops},
          {"errors", result.errors},
          {"iops", result.iops()},
          {"bandwidth_mib_s", BandwidthMib(options, result)},
          {"latency_us", LatencyJson(options, result)},
          {"calls_per_op",
           {{"ring_submit", CallsPerOp(result, CallKind::kRingSubmit)},
            {"ring_wait", CallsPerOp(result, CallKind::kRingWait)},
            {"posix", CallsPerOp(result, CallKind::kPosix)}}},
          {"cpu_us_per_op",
           {{"user", result.PerOp(result.user_s * 1e6)},
            {"system", result.PerOp(result.system_s * 1e6)}}},
          {"context_switches_per_op",
           result.PerOp(static_cast<double>(result.context_switches))},
          {"waits_per_op",
           {{"locks", result.PerOp(result.lock_waits)},
            {"locks_us", result.PerOp(result.lock_wait_us)},
            {"other_threads", result.PerOp(result.thread_waits)},
            {"other_threads_us", result.PerOp(result.thread_wait_us)}}},
          {"paths", PathsJson(result)},
          {"engine_memory_bytes", result.engine_memory_bytes}};
}

}  // namespace

std::string MachineLine() {
  const KernelInfo kernel = DescribeKernel();
  return Format("Linux %s %s, %ld CPUs, liburing %s, commit %s",
                kernel.release.c_str(), kernel.architecture.c_str(),
                OnlineCpus(), kernel.liburing.c_str(), kCommit);
}

std::string FormatText(const BenchOptions& options, const TargetFile& target,
                       const BenchResult& result) {
  const Storage storage = DescribeStorage(options.file);
  std::string out = WhatLine(options) + "\n";
  out += Format(
      "file      %s, %.0f MiB used, %s on %s (%s)\n", options.file.c_str(),
      static_cast<double>(target.bytes) / (1 << 20), storage.filesystem.c_str(),
      storage.source.c_str(), storage.device.c_str());
  out += "machine   " + MachineLine() + "\n";
  out += Format("speed     %.0f IOPS, %.1f MiB/s (%llu in %.2f s)\n",
                result.iops(), BandwidthMib(options, result),
                static_cast<unsigned long long>(result.ops), result.seconds);
  out += "latency   " + LatencyLine(result) + " (us, of one " +
         LatencyOf(options) + ")\n";
  out += Format(
      "calls     ring submit %.3f, ring wait %.3f, posix %.3f (per "
      "operation)\n",
      CallsPerOp(result, CallKind::kRingSubmit),
      CallsPerOp(result, CallKind::kRingWait),
      CallsPerOp(result, CallKind::kPosix));
  out += Format(
      "cpu       user %.2f us, system %.2f us, context switches "
      "%.3f (per operation)\n",
      result.PerOp(result.user_s * 1e6), result.PerOp(result.system_s * 1e6),
      result.PerOp(static_cast<double>(result.context_switches)));
  out += Format(
      "waits     for locks %.4f, %.2f us, for other threads %.4f, %.2f us (per "
      "operation)\n",
      result.PerOp(result.lock_waits), result.PerOp(result.lock_wait_us),
      result.PerOp(result.thread_waits), result.PerOp(result.thread_wait_us));
  out += "paths     " + PathsLine(result) + "\n";
  out += Format("memory    engine %.1f KiB\n",
                static_cast<double>(result.engine_memory_bytes) / 1024);
  return out;
}

std::string FormatJson(const BenchOptions& options, const TargetFile& target,
                       const BenchResult& result) {
  const Json json = {{"machine", MachineJson(options)},
                     {"options", OptionsJson(options, target)},
                     {"result", ResultJson(options, result)}};
  // Names of files are bytes, not necessarily UTF-8.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace rocksdb_uring
