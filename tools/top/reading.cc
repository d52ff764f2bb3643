// From JSON to numbers, whatever the file contains.
//
// SPDX-License-Identifier: Apache-2.0
#include "tools/top/reading.h"

#include <sys/stat.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

namespace rocksdb_uring {

namespace {

using Json = nlohmann::json;

// The value, or the default if it is missing or of another type.
uint64_t Number(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_number_unsigned()
             ? found->get<uint64_t>()
             : 0;
}

std::string Text(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string()
             ? Printable(found->get<std::string>())
             : std::string();
}

Json Object(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_object() ? *found : Json::object();
}

void AddRows(const Json& json, bool outside, Reading* reading) {
  const Json operations = Object(json, "ops");
  const Json latencies = Object(json, "latency");
  for (const auto& kind : operations.items()) {
    for (const auto& path : kind.value().items()) {
      Reading::Row row;
      row.count = Number(path.value(), "count");
      if (row.count == 0) {
        continue;
      }
      row.bytes = Number(path.value(), "bytes");
      row.errors = Number(path.value(), "errors");
      const Json times =
          Object(Object(latencies, kind.key().c_str()), path.key().c_str());
      row.timed = Number(times, "count");
      row.mean_ns = Number(times, "mean_ns");
      row.p50_ns = Number(times, "p50_ns");
      row.p95_ns = Number(times, "p95_ns");
      row.p99_ns = Number(times, "p99_ns");
      row.p999_ns = Number(times, "p999_ns");
      row.max_ns = Number(times, "max_ns");
      reading->rows[{outside, Printable(kind.key()), Printable(path.key())}] =
          row;
    }
  }
}

void AddInFlight(const Json& json, Reading* reading) {
  Reading::InFlight* const out = &reading->in_flight;
  out->operations = Number(json, "operations");
  out->queued = Number(json, "queued");
  out->abandoned = Number(json, "abandoned");
  out->oldest_us = Number(json, "oldest_us");
  out->oldest_offset = Number(json, "oldest_offset");
  out->oldest_kind = Text(json, "oldest_kind");
  out->oldest_file = Text(json, "oldest_file");
}

void AddAll(const Json& json, Reading* reading) {
  reading->pid = Number(json, "pid");
  reading->uptime_ms = Number(json, "uptime_ms");
  reading->opens = Number(json, "opens");
  const Json engine = Object(json, "engine");
  reading->engine = Text(engine, "kind");
  reading->memory_bytes = Number(engine, "memory_bytes");
  reading->rings = Number(engine, "rings");
  const Json fallback = Object(json, "fallback");
  reading->fallback_reason = Text(fallback, "reason");
  reading->fallback_remedy = Text(fallback, "remedy");
  reading->fallback_active = fallback.value("active", Json()) == Json(true);
  const Json share = Object(json, "share");
  if (share.contains("percent")) {
    reading->share_percent = Number(share, "percent");
  }
  reading->control_error = Text(Object(json, "control"), "error");
  AddInFlight(Object(json, "in_flight"), reading);
  AddRows(json, /*outside=*/false, reading);
  AddRows(Object(json, "posix_share"), /*outside=*/true, reading);
}

double SecondsSince(const timespec& then) {
  timespec now = {};
  clock_gettime(CLOCK_REALTIME, &now);
  return std::max(0.0,
                  static_cast<double>(now.tv_sec - then.tv_sec) +
                      static_cast<double>(now.tv_nsec - then.tv_nsec) / 1e9);
}

}  // namespace

std::string Printable(std::string text) {
  std::replace_if(
      text.begin(), text.end(),
      [](unsigned char c) { return c < ' ' || c == 127; }, '?');
  return text;
}

bool ReadStatistics(const std::string& file, Reading* reading,
                    std::string* error) {
  struct stat attributes = {};
  std::ifstream stream(file);
  if (stat(file.c_str(), &attributes) != 0 || !stream) {
    *error = file + ": " + strerror(errno) +
             "; the program writes it if its options have stats_file=, "
             "at intervals of stats_interval_s";
    return false;
  }
  const std::string text{std::istreambuf_iterator<char>(stream),
                         std::istreambuf_iterator<char>()};
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("ops") || !json.contains("opens")) {
    *error = file +
             ": is no statistics file of rocksdb-uring; name the one of "
             "the option stats_file";
    return false;
  }
  *reading = Reading();
  reading->file = file;
  reading->age_s = SecondsSince(attributes.st_mtim);
  AddAll(json, reading);
  return true;
}

}  // namespace rocksdb_uring
