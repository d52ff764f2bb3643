// A table of the last interval.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/fs/stats_log.h"

#include <cinttypes>
#include <cstdio>
#include <utility>

#include "env/base/format.h"
#include "env/fs/stats_file.h"

namespace rocksdb_uring {

namespace {

double Microseconds(uint64_t ns) { return static_cast<double>(ns) / 1000; }

std::string InFlightLine(const InFlightReport& report) {
  std::string line =
      Format("  in flight %" PRIu64 ", queued %" PRIu64 ", abandoned %" PRIu64,
             report.operations, report.queued, report.abandoned);
  if (report.oldest.has_value()) {
    const InFlightOperation& oldest = report.oldest->operation;
    line += Format(", oldest %.0f us: %s at offset %" PRIu64 " of ",
                   Microseconds(report.oldest->age_ns),
                   StatKindName(oldest.kind), oldest.offset) +
            FileOfDescriptor(oldest.fd);
  }
  return line;
}

}  // namespace

StatsLog::StatsLog(const SharedEngine* engine)
    : engine_(engine),
      since_(StartTime::Exact()),
      before_(std::make_unique<All>()),
      now_(std::make_unique<All>()) {
  Read(before_.get());
}

void StatsLog::Read(All* all) const {
  const Statistics& statistics = *engine_->statistics();
  const StatisticsSnapshot snapshot = statistics.Snapshot();
  Done* out = all->data();
  for (size_t kind = 0; kind < kStatKindCount; ++kind) {
    for (size_t path = 0; path < kIoPathCount; ++path, ++out) {
      out->operations =
          snapshot.op(static_cast<StatKind>(kind), static_cast<IoPath>(path));
      out->times = statistics.Latency(static_cast<StatKind>(kind),
                                      static_cast<IoPath>(path));
    }
  }
}

std::string StatsLog::Line(StatKind kind, IoPath path, const Done& now,
                           const Done& before, uint64_t elapsed_ns) {
  const uint64_t count = now.operations.count - before.operations.count;
  if (count == 0) {
    return "";
  }
  const double seconds = static_cast<double>(elapsed_ns) / 1e9;
  const auto bytes =
      static_cast<double>(now.operations.bytes - before.operations.bytes);
  std::string line =
      Format("\n  %s/%s: %.1f ops/s, %.2f MiB/s, %" PRIu64 " errors",
             StatKindName(kind), IoPathName(path),
             static_cast<double>(count) / seconds, bytes / (1 << 20) / seconds,
             now.operations.errors - before.operations.errors);
  const LatencySnapshot times = now.times.Since(before.times);
  if (times.count() > 0) {
    line +=
        Format(", mean %.1f us, p50 %.1f, p99 %.1f, p99.9 %.1f",
               Microseconds(times.mean_ns()), Microseconds(times.Quantile(0.5)),
               Microseconds(times.Quantile(0.99)),
               Microseconds(times.Quantile(0.999)));
  }
  return line;
}

std::string StatsLog::Report() {
  Read(now_.get());
  const uint64_t elapsed_ns = since_.ElapsedNs() + 1;
  since_ = StartTime::Exact();
  std::string lines;
  size_t at = 0;
  for (size_t kind = 0; kind < kStatKindCount; ++kind) {
    for (size_t path = 0; path < kIoPathCount; ++path, ++at) {
      lines += Line(static_cast<StatKind>(kind), static_cast<IoPath>(path),
                    (*now_)[at], (*before_)[at], elapsed_ns);
    }
  }
  std::swap(now_, before_);
  const InFlightReport in_flight = engine_->InFlight();
  if (lines.empty() && in_flight.operations == 0) {
    return "";
  }
  const FallbackState fallback = engine_->fallback();
  return Format("the last %.1f s, %s:", static_cast<double>(elapsed_ns) / 1e9,
                fallback.active ? "POSIX in use" : "io_uring in use") +
         lines + "\n" + InFlightLine(in_flight) +
         (fallback.active ? "\n  POSIX, because " + fallback.reason : "");
}

}  // namespace rocksdb_uring
