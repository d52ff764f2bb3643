// Lines and a table.
//
// SPDX-License-Identifier: Apache-2.0
#include "tools/top/screen.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <fstream>

#include "env/base/format.h"

namespace rocksdb_uring {

namespace {

// The file is written every 10 seconds unless the options say otherwise.
constexpr double kStaleSeconds = 60;

double Microseconds(uint64_t ns) { return static_cast<double>(ns) / 1000; }

std::string Duration(uint64_t us) {
  if (us < 10000) {
    return Format("%" PRIu64 " us", us);
  }
  return us < 10000000 ? Format("%" PRIu64 " ms", us / 1000)
                       : Format("%" PRIu64 " s", us / 1000000);
}

std::string Uptime(uint64_t ms) {
  const uint64_t s = ms / 1000;
  return Format("%" PRIu64 ":%02" PRIu64 ":%02" PRIu64, s / 3600, s / 60 % 60,
                s % 60);
}

// One look tells whether the plugin works.
std::string Verdict(const Reading& now) {
  if (now.engine == "off") {
    return "switched off";
  }
  if (now.opens == 0) {
    return "NOT USED: no file was opened through the plugin";
  }
  return now.fallback_active ? "POSIX in use" : "io_uring in use";
}

std::string Head(const Reading& now, const std::string& program) {
  std::string head =
      program.empty()
          ? Format("process %" PRIu64 " (does not run here)", now.pid)
          : Format("%s (%" PRIu64 ")", program.c_str(), now.pid);
  head += ": " + Verdict(now) + ", up " + Uptime(now.uptime_ms) + "\n";
  head += "  " + Printable(now.file) +
          Format(now.age_s > kStaleSeconds ? ", STALE: written %.0f s ago\n"
                                           : ", written %.1f s ago\n",
                 now.age_s);
  if (!now.fallback_reason.empty()) {
    head += now.fallback_active ? "  POSIX, because "
                                : "  POSIX served at times, because ";
    head += now.fallback_reason + "\n  remedy: " + now.fallback_remedy + "\n";
  }
  return head;
}

std::string State(const Reading& now) {
  std::string state =
      Format("  opens %" PRIu64 ", rings %" PRIu64
             ", memory %.0f KiB, share %" PRIu64 " %%\n",
             now.opens, now.rings, static_cast<double>(now.memory_bytes) / 1024,
             now.share_percent);
  if (!now.control_error.empty()) {
    state += "  " + now.control_error + "\n";
  }
  const Reading::InFlight& in_flight = now.in_flight;
  state += Format("  in flight %" PRIu64 ", queued %" PRIu64,
                  in_flight.operations, in_flight.queued);
  if (in_flight.abandoned > 0) {
    state +=
        Format(", abandoned at their deadline %" PRIu64, in_flight.abandoned);
  }
  if (!in_flight.oldest_kind.empty()) {
    state += ", oldest " + Duration(in_flight.oldest_us) + ": " +
             in_flight.oldest_kind + " of " + in_flight.oldest_file +
             Format(" at offset %" PRIu64, in_flight.oldest_offset);
  }
  return state + "\n";
}

// Of what was timed in between; of all if nothing was.
double MeanNs(const Reading::Row& now, const Reading::Row& before) {
  if (now.timed <= before.timed) {
    return static_cast<double>(now.mean_ns);
  }
  const auto sum = [](const Reading::Row& row) {
    return static_cast<double>(row.mean_ns) * static_cast<double>(row.timed);
  };
  return std::max(0.0, sum(now) - sum(before)) /
         static_cast<double>(now.timed - before.timed);
}

std::string Line(const Reading::Key& key, const Reading::Row& now,
                 const Reading::Row& before, double seconds) {
  const std::string path = key.outside ? "outside share" : key.path;
  std::string line = Format(
      "  %-15s %-13s %10.1f %9.2f %7" PRIu64, key.kind.c_str(), path.c_str(),
      static_cast<double>(now.count - before.count) / seconds,
      static_cast<double>(now.bytes - before.bytes) / (1 << 20) / seconds,
      now.errors);
  if (now.timed > 0) {
    line += Format(" %9.1f %9.1f %9.1f %9.1f %9.1f %11.1f",
                   MeanNs(now, before) / 1000, Microseconds(now.p50_ns),
                   Microseconds(now.p95_ns), Microseconds(now.p99_ns),
                   Microseconds(now.p999_ns), Microseconds(now.max_ns));
  }
  return line + "\n";
}

std::string Table(const Reading& now, const Reading* before, double seconds,
                  const std::string& period) {
  std::string table =
      Format("  %-29s %-27s | %9s | %s\n", "", ("rates " + period).c_str(),
             "us, now", "us, since the start") +
      Format("  %-15s %-13s %10s %9s %7s %9s %9s %9s %9s %9s %11s\n", "kind",
             "path", "ops/s", "MiB/s", "errors", "mean", "p50", "p95", "p99",
             "p99.9", "max");
  for (const auto& [key, row] : now.rows) {
    Reading::Row earlier;
    if (before != nullptr) {
      const auto found = before->rows.find(key);
      earlier = found == before->rows.end() ? Reading::Row() : found->second;
    }
    table += Line(key, row, earlier, seconds);
  }
  return table;
}

// Whether `before` is an earlier state of the same engine.
bool IsEarlier(const Reading& now, const Reading* before) {
  return before != nullptr && before->pid == now.pid &&
         before->uptime_ms < now.uptime_ms;
}

}  // namespace

std::string FormatReading(const Reading& now, const Reading* before,
                          const std::string& program) {
  const bool between = IsEarlier(now, before);
  const uint64_t ms =
      between ? now.uptime_ms - before->uptime_ms : now.uptime_ms;
  const double seconds = static_cast<double>(ms == 0 ? 1 : ms) / 1000;
  std::string text = Head(now, program) + State(now);
  if (now.rows.empty()) {
    return text + "  no operations\n";
  }
  return text +
         Table(now, between ? before : nullptr, seconds,
               between ? Format("of %.1f s", seconds) : "since the start");
}

std::string ProgramOf(uint64_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/comm");
  std::string name;
  std::getline(file, name);
  return Printable(name);
}

}  // namespace rocksdb_uring
