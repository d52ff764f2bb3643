// Which metrics there are, with their types, units and labels.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/fs/prometheus.h"

#include <unistd.h>

#include <chrono>

#include "env/base/version.h"
#include "env/fs/prometheus_text.h"

namespace rocksdb_uring {

namespace {

// As all names begin.
std::string Prefixed(const std::string& name) {
  return "rocksdb_uring_" + name;
}

// Upper ends of the histograms' buckets in nanoseconds: dense where devices
// are. A histogram, and not a summary with quantiles, because quantiles of
// several hosts cannot be combined, and counts can.
constexpr uint64_t kBuckets[] = {
    1000,    10000,   25000,   50000,    100000,    250000,     500000,
    1000000, 2500000, 5000000, 10000000, 100000000, 1000000000, 10000000000};

constexpr const char* kEventHelp[kStatEventCount] = {
    "Synchronous batches of two and more operations.",
    "System calls that handed requests to a ring.",
    "Rings created.",
    "Rings given up after a failure.",
    "Rings that could not be created.",
    "Batches that found no ring for themselves.",
    "Operations that a ring failed and POSIX finished.",
    "Asynchronous operations that waited for room in a ring.",
    "Asynchronous operations that found no room.",
    "Completions that named no operation.",
    "Times that repeated failures of rings sent everything to POSIX.",
    "Bytes read ahead that no read has used.",
    "Bytes written while another write of the file was in flight.",
    "Appends that waited for the buffer of an earlier write.",
    "Appends that found no buffer and wrote by themselves.",
    "Streams found in tables, forwards.",
    "Streams found in tables, backwards.",
    "Streams found in blob files, forwards.",
    "Streams found in blob files, backwards.",
    "Bytes announced to the page cache.",
    "Microseconds that compactions waited, held to a share of a slow device.",
    "Files whose early write-out the device did not follow.",
    "Removed files whose blocks a thread freed later.",
    "Reads that were not complete at their deadline.",
    "Reads that the kernel went on with after their deadline.",
    "Reads with a deadline that a limit did not let begin.",
    "Requests of compactions, with a lower I/O priority in the kernel.",
    "Batches on rings that poll their device.",
    "Reads that coroutines have submitted on the rings of the executor."};
static_assert(kEventHelp[kStatEventCount - 1] != nullptr);

using Labels = PrometheusText::Labels;

Labels LabelsOf(StatKind kind, IoPath path) {
  return {{"kind", StatKindName(kind)}, {"path", IoPathName(path)}};
}

// Calls `function` with each kind and path.
template <typename Function>
void ForEachKindAndPath(const Function& function) {
  for (size_t kind = 0; kind < kStatKindCount; ++kind) {
    for (size_t path = 0; path < kIoPathCount; ++path) {
      function(static_cast<StatKind>(kind), static_cast<IoPath>(path));
    }
  }
}

// Kinds and paths that do not occur stay out, as in the latencies: 44 series
// for each metric are many for an operator who has a thousand hosts.
void AddOperations(const StatisticsSnapshot& snapshot, const std::string& name,
                   const std::string& help, uint64_t OperationCount::*member,
                   PrometheusText* out) {
  out->Metric(name, "counter", help);
  ForEachKindAndPath([&](StatKind kind, IoPath path) {
    const OperationCount& op = snapshot.op(kind, path);
    if (op.count != 0) {
      out->Sample(LabelsOf(kind, path), op.*member);
    }
  });
}

void AddLatency(const LatencySnapshot& times, const Labels& labels,
                PrometheusText* out) {
  const auto bucket = [&](const std::string& end, uint64_t count) {
    Labels with_end = labels;
    with_end.emplace_back("le", end);
    out->Sample("_bucket", with_end, std::to_string(count));
  };
  for (const uint64_t end : kBuckets) {
    bucket(Seconds(end), times.CountUpTo(end));
  }
  bucket("+Inf", times.count());
  out->Sample("_sum", labels, Seconds(times.sum_ns));
  out->Sample("_count", labels, std::to_string(times.count()));
}

// What is counted by kind and path. `name` begins the names, and `whose` ends
// the help.
void AddByKindAndPath(const Statistics& statistics, const std::string& name,
                      const std::string& whose, PrometheusText* out) {
  const StatisticsSnapshot snapshot = statistics.Snapshot();
  AddOperations(snapshot, name + "operations_total", "Operations" + whose + ".",
                &OperationCount::count, out);
  AddOperations(snapshot, name + "operation_bytes_total",
                "Bytes that operations" + whose + " transferred.",
                &OperationCount::bytes, out);
  AddOperations(snapshot, name + "operation_errors_total",
                "Operations" + whose + " that failed.", &OperationCount::errors,
                out);
  out->Metric(name + "operation_duration_seconds", "histogram",
              "How long callers waited for an operation" + whose +
                  ". A sample of small buffered ones, all of the others.");
  ForEachKindAndPath([&](StatKind kind, IoPath path) {
    const LatencySnapshot times = statistics.Latency(kind, path);
    if (times.count() != 0) {
      AddLatency(times, LabelsOf(kind, path), out);
    }
  });
}

void AddGauge(const char* name, const char* help, const std::string& value,
              PrometheusText* out) {
  out->Metric(Prefixed(name), "gauge", help);
  out->Sample("", {}, value);
}

void AddInFlight(const InFlightReport& report, PrometheusText* out) {
  AddGauge("operations_in_flight", "Operations that have not returned.",
           std::to_string(report.operations), out);
  AddGauge("operations_queued",
           "Asynchronous operations that wait for room in a ring.",
           std::to_string(report.queued), out);
  AddGauge("operations_abandoned",
           "Reads that missed their deadline and that the device has not "
           "answered.",
           std::to_string(report.abandoned), out);
  AddGauge("oldest_operation_age_seconds",
           "Age of the oldest operation in flight, 0 without any. It grows "
           "while a device hangs.",
           Seconds(report.oldest.has_value() ? report.oldest->age_ns : 0), out);
}

void AddEvents(const StatisticsSnapshot& snapshot, PrometheusText* out) {
  for (size_t event = 0; event < kStatEventCount; ++event) {
    // Batches are counted by size, below.
    if (static_cast<StatEvent>(event) != StatEvent::kBatch) {
      out->Metric(
          Prefixed(StatEventName(static_cast<StatEvent>(event))) + "_total",
          "counter", kEventHelp[event]);
      out->Sample({}, snapshot.events[event]);
    }
  }
  out->Metric(Prefixed("batches_total"), "counter",
              kEventHelp[static_cast<size_t>(StatEvent::kBatch)]);
  for (size_t i = 1; i < kBatchClassCount; ++i) {
    out->Sample({{"size", BatchClassName(i)}}, snapshot.batches[i]);
  }
}

void AddResources(const SharedEngine& engine, PrometheusText* out) {
  AddGauge("rings", "Rings for batches that exist.",
           std::to_string(engine.rings()), out);
  AddGauge("memory_bytes", "Memory of the engine without buffers.",
           std::to_string(engine.memory_bytes()), out);
  AddGauge("read_ahead_buffer_bytes", "Buffers of the read-ahead.",
           std::to_string(engine.read_ahead_bytes()), out);
  AddGauge("write_buffer_bytes", "Buffers of writes in flight.",
           std::to_string(engine.write_bytes()), out);
}

// Of the engine, in seconds since 1970.
uint64_t StartTimeNs(const Statistics& statistics) {
  const auto now = std::chrono::duration_cast<std::chrono::nanoseconds>(
      std::chrono::system_clock::now().time_since_epoch());
  return static_cast<uint64_t>(now.count()) - statistics.uptime_ns();
}

void AddEngine(const SharedEngine& engine, PrometheusText* out) {
  const Statistics& statistics = *engine.statistics();
  // In milliseconds: the two clocks are not read at once.
  AddGauge("start_time_seconds", "When the engine was made, since 1970.",
           Seconds(StartTimeNs(statistics) / 1000000 * 1000000), out);
  out->Metric(Prefixed("opens_total"), "counter",
              "Files opened through the plugin; 0 means that it is not used.");
  out->Sample({}, engine.opens());
  AddByKindAndPath(statistics, Prefixed(""), "", out);
  if (const Statistics* const plain = engine.plain_statistics()) {
    AddByKindAndPath(*plain, Prefixed("posix_share_"),
                     " of files outside the share", out);
  }
  AddInFlight(engine.InFlight(), out);
  AddEvents(statistics.Snapshot(), out);
  AddResources(engine, out);
}

void AddPolling(const SharedEngine& engine, PrometheusText* out) {
  const PollingState state = engine.polling();
  AddGauge("polling_active", "Whether the option polling is in use.",
           state.active ? "1" : "0", out);
  out->Metric(Prefixed("polling_info"), "gauge",
              "Why polling is not in use; absent if it is, or was not asked "
              "for.");
  if (!state.reason.empty()) {
    out->Sample({{"reason", state.reason}, {"remedy", state.remedy}}, 1);
  }
}

void AddControl(const ControlReport& control, PrometheusText* out) {
  constexpr uint64_t kPercent = 1000000000 / 100;
  // As seconds are written: a decimal fraction.
  AddGauge("share_ratio", "Part of the files that go through the engine.",
           Seconds(control.settings.share * kPercent), out);
  out->Metric(Prefixed("control_file_applied_total"), "counter",
              "Times that the content of the control file was accepted.");
  out->Sample({}, control.applied);
  AddGauge("control_file_error", "Whether its content is wrong now.",
           control.error.empty() ? "0" : "1", out);
}

const char* KindOf(const SharedEngine* engine) {
  if (engine == nullptr) {
    return "off";
  }
  return engine->has_rings() ? "uring" : "posix";
}

}  // namespace

std::string StatsToPrometheus(const SharedEngine* engine,
                              const FallbackState& fallback,
                              const ControlReport& control,
                              bool label_process) {
  PrometheusText out(label_process ? Labels{{"pid", std::to_string(getpid())}}
                                   : Labels());
  out.Metric(Prefixed("info"), "gauge", "Version and kind of the engine.");
  out.Sample({{"version", kVersion}, {"engine", KindOf(engine)}}, 1);
  AddGauge("fallback_active", "Whether POSIX serves where a ring was wanted.",
           fallback.active ? "1" : "0", &out);
  out.Metric(Prefixed("fallback_info"), "gauge",
             "Why POSIX serves, or has served at times; absent if it has not.");
  if (!fallback.reason.empty()) {
    out.Sample({{"reason", fallback.reason}, {"remedy", fallback.remedy}}, 1);
  }
  AddControl(control, &out);
  if (engine != nullptr) {
    AddPolling(*engine, &out);
    AddEngine(*engine, &out);
  }
  return out.text();
}

}  // namespace rocksdb_uring
