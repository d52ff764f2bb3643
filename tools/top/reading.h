// One statistics file as it was at a moment.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>

namespace rocksdb_uring {

struct Reading {
  // Kind and path as in the file, and whether the files are outside the share.
  struct Key {
    bool outside = false;
    std::string kind;
    std::string path;
    bool operator<(const Key& other) const {
      return std::tie(outside, kind, path) <
             std::tie(other.outside, other.kind, other.path);
    }
  };
  struct Row {
    uint64_t count = 0;
    uint64_t bytes = 0;
    uint64_t errors = 0;
    // Of `timed` operations, in nanoseconds.
    uint64_t timed = 0;
    uint64_t mean_ns = 0;
    uint64_t p50_ns = 0;
    uint64_t p95_ns = 0;
    uint64_t p99_ns = 0;
    uint64_t p999_ns = 0;
    uint64_t max_ns = 0;
  };
  struct InFlight {
    uint64_t operations = 0;
    uint64_t queued = 0;
    uint64_t abandoned = 0;
    uint64_t oldest_us = 0;
    uint64_t oldest_offset = 0;
    std::string oldest_kind;
    std::string oldest_file;
  };

  std::string file;
  // Seconds since the file was written.
  double age_s = 0;
  uint64_t pid = 0;
  uint64_t uptime_ms = 0;
  uint64_t opens = 0;
  // uring, posix or off.
  std::string engine;
  uint64_t memory_bytes = 0;
  uint64_t rings = 0;
  std::string fallback_reason;
  std::string fallback_remedy;
  bool fallback_active = false;
  uint64_t share_percent = 100;
  std::string control_error;
  InFlight in_flight;
  // Those with a count.
  std::map<Key, Row> rows;
};

// With `?` for control characters: names of files and programs may contain what
// a terminal would obey.
std::string Printable(std::string text);

// Reads a statistics file of this version or an older one, which lacks what is
// not set then. Returns false with `*error`, which says what to do, if the file
// cannot be read or is no such file. Texts contain no control characters.
bool ReadStatistics(const std::string& file, Reading* reading,
                    std::string* error);

}  // namespace rocksdb_uring
