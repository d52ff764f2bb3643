// Option strings, URIs and control files. What is accepted is in range and
// comes back from its own text; what is refused says why, and never crashes.
//
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

#include "env/fs/live_control.h"
#include "env/fs/options.h"
#include "env/fs/settings.h"
#include "env/fs/uring_file_system.h"
#include "rocksdb/convenience.h"

namespace rocksdb_uring {
namespace {

using rocksdb::ConfigOptions;
using rocksdb::Status;

void Require(bool holds, const std::string& what, const std::string& input) {
  if (!holds) {
    fprintf(stderr, "property violated: %s\ninput: %s\n", what.c_str(),
            input.c_str());
    abort();
  }
}

ConfigOptions Config() {
  ConfigOptions config;
  config.ignore_unknown_options = false;
  config.ignore_unsupported_options = false;
  config.invoke_prepare_options = false;
  return config;
}

const FileSystemOptions& OptionsOf(const UringFileSystem& file_system) {
  return *file_system.GetOptions<FileSystemOptions>("UringFileSystemOptions");
}

template <typename T>
bool InRange(const std::optional<T>& value, uint64_t min, uint64_t max) {
  return !value.has_value() || (*value >= min && *value <= max);
}

void CheckRanges(const FileSystemOptions& options, const std::string& input) {
  Require(InRange(options.engine.queue_depth, EngineOptions::kQueueDepthMin,
                  EngineOptions::kQueueDepthMax),
          "queue_depth is in range", input);
  Require(InRange(options.engine.rings_max, EngineOptions::kRingsMaxMin,
                  EngineOptions::kRingsMaxMax),
          "rings_max is in range", input);
  Require(InRange(options.engine.readahead_bytes, 0, uint64_t{1} << 40),
          "readahead_bytes is in range", input);
  Require(InRange(options.engine.write_buffer_bytes, 0, uint64_t{1} << 40),
          "write_buffer_bytes is in range", input);
  Require(InRange(options.engine.deadline_buffer_bytes, 0, uint64_t{1} << 40),
          "deadline_buffer_bytes is in range", input);
  Require(InRange(options.engine.total_buffer_bytes, 0, uint64_t{1} << 40),
          "total_buffer_bytes is in range", input);
  Require(InRange(options.engine.abandoned_max, EngineOptions::kAbandonedMaxMin,
                  EngineOptions::kAbandonedMaxMax),
          "abandoned_max is in range", input);
  Require(options.write_out_bytes <= uint64_t{1} << 40,
          "write_out_bytes is in range", input);
  Require(options.stats_interval_s <= FileSystemOptions::kStatsIntervalMax,
          "stats_interval_s is in range", input);
  Require(options.stats_log_interval_s <= FileSystemOptions::kStatsIntervalMax,
          "stats_log_interval_s is in range", input);
  Require(options.policy->settings().share <= FileSettings::kShareMax,
          "share is in range", input);
}

// Whether RocksDB's text of options cannot hold it: it escapes nothing.
bool HasSyntax(const std::string& path) {
  return path.find_first_of(";{}") != std::string::npos;
}

void CheckRoundTrip(const UringFileSystem& file_system,
                    const std::string& input) {
  const FileSystemOptions& options = OptionsOf(file_system);
  if (HasSyntax(options.stats_file) || HasSyntax(options.control_file) ||
      HasSyntax(options.prometheus_file)) {
    return;
  }
  std::string text;
  Require(file_system.GetOptionString(Config(), &text).ok(),
          "accepted options have a text", input);
  UringFileSystem again(nullptr);
  const Status status = again.ConfigureFromString(Config(), text);
  Require(status.ok(), "text " + text + ": " + status.ToString(), input);
  const FileSystemOptions& a = OptionsOf(file_system);
  const FileSystemOptions& b = OptionsOf(again);
  const EngineOptions defaults;
  Require(
      a.engine.queue_depth.value_or(defaults.queue_depth) ==
              b.engine.queue_depth.value_or(0) &&
          a.engine.rings_max.value_or(defaults.rings_max) ==
              b.engine.rings_max.value_or(0) &&
          a.engine.readahead_bytes.value_or(defaults.readahead_bytes) ==
              b.engine.readahead_bytes.value_or(1) &&
          a.engine.deadline_buffer_bytes.value_or(
              defaults.deadline_buffer_bytes) ==
              b.engine.deadline_buffer_bytes.value_or(1) &&
          a.engine.total_buffer_bytes.value_or(defaults.total_buffer_bytes) ==
              b.engine.total_buffer_bytes.value_or(1) &&
          a.engine.abandoned_max.value_or(defaults.abandoned_max) ==
              b.engine.abandoned_max.value_or(0) &&
          a.engine.polling.value_or(defaults.polling) == b.engine.polling &&
          a.write_out_bytes == b.write_out_bytes &&
          a.policy->settings() == b.policy->settings() &&
          a.fallback == b.fallback && a.stats_file == b.stats_file &&
          a.control_file == b.control_file &&
          a.prometheus_file == b.prometheus_file &&
          a.stats_log_interval_s == b.stats_log_interval_s &&
          a.stats_interval_s == b.stats_interval_s,
      "text " + text + " means the same", input);
}

// RocksDB's own parser takes the string apart before there is any option, and
// looks for a target; it says what is wrong, and not where.
bool IsSyntax(const Status& status) {
  for (const char* text :
       {"Mismatched key value pair", "Empty key found", "Mismatched curly",
        "Unexpected chars after nested", "Unexpected char in key",
        "Could not load FileSystem"}) {
    if (status.ToString().find(text) != std::string::npos) {
      return true;
    }
  }
  return false;
}

// How an error names the part. RocksDB's parser trims it, but for one character
// where all is white space, which alone would be found in any text.
std::string NameOf(const std::string& part) {
  const char* const kSpace = " \t\n\v\f\r";
  const size_t first = part.find_first_not_of(kSpace);
  if (first == std::string::npos) {
    return part.empty() ? part : "option: : " + part.substr(part.size() - 1);
  }
  return part.substr(first, part.find_last_not_of(kSpace) - first + 1);
}

// A part of the input between two of `separators` is in the text.
bool NamesPart(const std::string& text, const std::string& input,
               const std::string& separators) {
  size_t start = 0;
  for (size_t i = 0; i <= input.size(); ++i) {
    if (i == input.size() || separators.find(input[i]) != std::string::npos) {
      const std::string name = NameOf(input.substr(start, i - start));
      if (!name.empty() && text.find(name) != std::string::npos) {
        return true;
      }
      start = i + 1;
    }
  }
  return false;
}

// One of the names that the input gives, or a part of it, is in the text, or
// all of it in quotes. What separates the options of a URI is part of a name in
// an option string.
bool Names(const Status& status, const std::string& input) {
  const std::string text = status.ToString();
  return NamesPart(text, input, "=;&?{}") || NamesPart(text, input, "=;{}") ||
         text.find('"' + input + '"') != std::string::npos;
}

void Check(const Status& status, const UringFileSystem& file_system,
           const std::string& input) {
  if (status.ok()) {
    CheckRanges(OptionsOf(file_system), input);
    CheckRoundTrip(file_system, input);
    return;
  }
  Require(IsSyntax(status) || Names(status, input),
          "the error names what is wrong: " + status.ToString(), input);
}

// A control file: what is accepted comes back from its own text, and what is
// refused changes nothing and names file and line.
void CheckControlText(const std::string& text) {
  const FileSettings before;
  FileSettings settings = before;
  const Status status = ParseControlText("/control", text, &settings);
  if (!status.ok()) {
    Require(settings == before, "a refused file changes nothing", text);
    Require(status.ToString().find("/control, line ") != std::string::npos &&
                status.ToString().find(": ") != std::string::npos,
            "the error names file and line: " + status.ToString(), text);
    return;
  }
  Require(settings.share <= FileSettings::kShareMax, "share is in range", text);
  std::string lines;
  for (const std::string& name : SettingNames()) {
    lines += name + "=" + SettingText(name, settings) + "\n";
  }
  FileSettings again;
  Require(ParseControlText("/control", lines, &again).ok() && again == settings,
          "the text " + lines + " means the same", text);
  Require(FilePolicy(settings).settings() == settings,
          "a policy keeps the settings", text);
}

}  // namespace
}  // namespace rocksdb_uring

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using rocksdb_uring::UringFileSystem;
  if (size == 0) {
    return 0;
  }
  // A string of C, as an environment or a URI gives it.
  std::string input(reinterpret_cast<const char*>(data + 1), size - 1);
  input.resize(std::min(input.size(), input.find('\0')));
  if (data[0] % 8 == 7) {
    rocksdb_uring::CheckControlText(
        std::string(reinterpret_cast<const char*>(data + 1), size - 1));
    return 0;
  }
  UringFileSystem file_system(nullptr);
  if (data[0] % 2 == 0) {
    const std::string uri = "uring://" + input;
    rocksdb_uring::Check(file_system.Configure(uri, /*ready=*/false),
                         file_system, uri);
  } else if (data[0] % 4 == 1) {
    rocksdb_uring::Check(
        file_system.ConfigureFromString(rocksdb_uring::Config(), input),
        file_system, input);
  } else {
    rocksdb_uring::Check(file_system.Configure(input, /*ready=*/false),
                         file_system, input);
  }
  return 0;
}
