// Names, ranges and parsing of options, by RocksDB's OptionTypeInfo.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/fs/options.h"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <map>
#include <utility>

#include "env/base/cpu_count.h"
#include "env/fs/settings.h"
#include "rocksdb/convenience.h"

namespace rocksdb_uring {

using rocksdb::ConfigOptions;
using rocksdb::OptionType;
using rocksdb::OptionTypeFlags;
using rocksdb::OptionTypeInfo;
using rocksdb::OptionVerificationType;
using rocksdb::Status;

namespace {

Status BadValue(const std::string& name, const std::string& value,
                const std::string& allowed) {
  return Status::InvalidArgument(
      "option " + name + "=" + value + " of the uring file system",
      "not a valid value; write " + allowed);
}

// Accepts only a whole number, optionally with one of RocksDB's suffixes (K, M,
// G, T). RocksDB's own parser also accepts "-5" and "12abc".
bool IsPlainNumber(const std::string& value) {
  const size_t digits = static_cast<size_t>(
      std::find_if(value.begin(), value.end(),
                   [](unsigned char c) { return std::isdigit(c) == 0; }) -
      value.begin());
  return digits > 0 &&
         (digits == value.size() ||
          (digits + 1 == value.size() &&
           std::string("kKmMgGtT").find(value.back()) != std::string::npos));
}

Status ParseNumber(const ConfigOptions& config, const std::string& name,
                   const std::string& value, uint64_t min, uint64_t max,
                   uint64_t* number) {
  const OptionTypeInfo parser(0, OptionType::kUInt64T);
  if (!IsPlainNumber(value) ||
      !parser.Parse(config, name, value, number).ok() || *number < min ||
      *number > max) {
    return BadValue(name, value,
                    std::to_string(min) + " to " + std::to_string(max));
  }
  return Status::OK();
}

template <typename T>
bool EqualValues(const ConfigOptions& /*config*/, const std::string& /*name*/,
                 const void* left, const void* right,
                 std::string* /*mismatch*/) {
  return *static_cast<const T*>(left) == *static_cast<const T*>(right);
}

// A number that may be unset: an unset engine option accepts any running
// engine.
template <typename T>
OptionTypeInfo OptionalNumber(int offset, T min, T max, T default_value) {
  return OptionTypeInfo(
      offset, OptionType::kUnknown, OptionVerificationType::kNormal,
      OptionTypeFlags::kNone,
      [min, max](const ConfigOptions& config, const std::string& name,
                 const std::string& value, void* address) {
        uint64_t number = 0;
        const Status status =
            ParseNumber(config, name, value, min, max, &number);
        if (status.ok()) {
          *static_cast<std::optional<T>*>(address) = static_cast<T>(number);
        }
        return status;
      },
      [default_value](const ConfigOptions&, const std::string&,
                      const void* address, std::string* value) {
        *value = std::to_string(
            static_cast<const std::optional<T>*>(address)->value_or(
                default_value));
        return Status::OK();
      },
      EqualValues<std::optional<T>>);
}

template <typename T>
OptionTypeInfo Number(int offset, T min, T max) {
  OptionTypeInfo info(offset, sizeof(T) == sizeof(uint64_t)
                                  ? OptionType::kUInt64T
                                  : OptionType::kUInt32T);
  info.SetParseFunc([min, max](const ConfigOptions& config,
                               const std::string& name,
                               const std::string& value, void* address) {
    uint64_t number = 0;
    const Status status = ParseNumber(config, name, value, min, max, &number);
    if (status.ok()) {
      *static_cast<T*>(address) = static_cast<T>(number);
    }
    return status;
  });
  return info;
}

// One of a few words. `Stored` is T, or a std::optional of it that stands for
// `default_value` while it is unset.
template <typename Stored, typename T>
OptionTypeInfo Choice(int offset, const std::map<std::string, T>& words,
                      T default_value) {
  std::string allowed;
  for (const auto& word : words) {
    allowed += (allowed.empty() ? "" : ", ") + word.first;
  }
  return OptionTypeInfo(
      offset, OptionType::kUnknown, OptionVerificationType::kNormal,
      OptionTypeFlags::kNone,
      [words, allowed](const ConfigOptions&, const std::string& name,
                       const std::string& value, void* address) {
        const auto word = words.find(value);
        if (word == words.end()) {
          return BadValue(name, value, "one of " + allowed);
        }
        *static_cast<Stored*>(address) = word->second;
        return Status::OK();
      },
      [words, default_value](const ConfigOptions&, const std::string&,
                             const void* address, std::string* value) {
        const std::optional<T> stored = *static_cast<const Stored*>(address);
        for (const auto& word : words) {
          if (word.second == stored.value_or(default_value)) {
            *value = word.first;
          }
        }
        return Status::OK();
      },
      EqualValues<Stored>);
}

// A setting of the policy, which is shared with the files that are open.
OptionTypeInfo SettingOption(int offset, const std::string& setting) {
  using Policy = std::shared_ptr<FilePolicy>;
  return OptionTypeInfo(
      offset, OptionType::kUnknown, OptionVerificationType::kNormal,
      OptionTypeFlags::kNone,
      [setting](const ConfigOptions&, const std::string&,
                const std::string& value, void* address) {
        FilePolicy* const policy = static_cast<Policy*>(address)->get();
        FileSettings settings = policy->settings();
        if (!ParseSetting(setting, value, &settings)) {
          return BadValue(setting, value, AllowedValues(setting));
        }
        policy->Set(settings);
        return Status::OK();
      },
      [setting](const ConfigOptions&, const std::string&, const void* address,
                std::string* value) {
        *value = SettingText(
            setting, (*static_cast<const Policy*>(address))->settings());
        return Status::OK();
      },
      [setting](const ConfigOptions&, const std::string&, const void* left,
                const void* right, std::string*) {
        const auto text = [&](const void* address) {
          return SettingText(
              setting, (*static_cast<const Policy*>(address))->settings());
        };
        return text(left) == text(right);
      });
}

// Offset of a member of FileSystemOptions. offsetof is defined for
// standard-layout types only; the compilers that we support take it for any
// class without virtual bases, and RocksDB relies on the same.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Winvalid-offsetof"
#define URING_OFFSET(member) \
  static_cast<int>(offsetof(FileSystemOptions, member))

using TypeInfo = std::unordered_map<std::string, OptionTypeInfo>;

constexpr uint64_t kBytesMax = uint64_t{1} << 40;

// Those that the first file system fixes for all.
TypeInfo EngineTypeInfo() {
  const EngineOptions defaults;
  std::map<std::string, Polling> pollings;
  for (const Polling polling :
       {Polling::kOff, Polling::kSubmission, Polling::kDevice}) {
    pollings.emplace(PollingName(polling), polling);
  }
  const auto bytes = [](int offset, uint64_t default_bytes) {
    return OptionalNumber<uint64_t>(offset, 0, kBytesMax, default_bytes);
  };
  return {
      {"queue_depth", OptionalNumber<uint32_t>(URING_OFFSET(engine.queue_depth),
                                               EngineOptions::kQueueDepthMin,
                                               EngineOptions::kQueueDepthMax,
                                               defaults.queue_depth)},
      {"rings_max", OptionalNumber<uint32_t>(URING_OFFSET(engine.rings_max),
                                             EngineOptions::kRingsMaxMin,
                                             EngineOptions::kRingsMaxMax,
                                             defaults.rings_max)},
      {"readahead_bytes",
       bytes(URING_OFFSET(engine.readahead_bytes), defaults.readahead_bytes)},
      {"write_buffer_bytes", bytes(URING_OFFSET(engine.write_buffer_bytes),
                                   defaults.write_buffer_bytes)},
      {"deadline_buffer_bytes",
       bytes(URING_OFFSET(engine.deadline_buffer_bytes),
             defaults.deadline_buffer_bytes)},
      {"total_buffer_bytes", bytes(URING_OFFSET(engine.total_buffer_bytes),
                                   defaults.total_buffer_bytes)},
      {"abandoned_max",
       OptionalNumber<uint32_t>(
           URING_OFFSET(engine.abandoned_max), EngineOptions::kAbandonedMaxMin,
           EngineOptions::kAbandonedMaxMax, defaults.abandoned_max)},
      {"polling", Choice<std::optional<Polling>>(URING_OFFSET(engine.polling),
                                                 pollings, defaults.polling)},
  };
}

TypeInfo MakeTypeInfo() {
  const std::map<std::string, Fallback> fallbacks = {
      {"auto", Fallback::kAuto}, {"require", Fallback::kRequire}};
  TypeInfo info = {
      {"write_out_bytes",
       Number<uint64_t>(URING_OFFSET(write_out_bytes), 0, kBytesMax)},
      {"executor_threads",
       Number<uint32_t>(URING_OFFSET(executor_threads), 0,
                        FileSystemOptions::kExecutorThreadsMax)},
      {"fallback",
       Choice<Fallback>(URING_OFFSET(fallback), fallbacks, Fallback::kAuto)},
      {"stats_file",
       OptionTypeInfo(URING_OFFSET(stats_file), OptionType::kString)},
      {"control_file",
       OptionTypeInfo(URING_OFFSET(control_file), OptionType::kString)},
      {"prometheus_file",
       OptionTypeInfo(URING_OFFSET(prometheus_file), OptionType::kString)},
      {"stats_log_interval_s",
       Number<uint32_t>(URING_OFFSET(stats_log_interval_s), 0,
                        FileSystemOptions::kStatsIntervalMax)},
      {"stats_interval_s",
       Number<uint32_t>(URING_OFFSET(stats_interval_s), 0,
                        FileSystemOptions::kStatsIntervalMax)},
  };
  for (const auto& option : EngineTypeInfo()) {
    info.insert(option);
  }
  for (const std::string& name : SettingNames()) {
    info.emplace(name, SettingOption(URING_OFFSET(policy), name));
  }
  return info;
}

#undef URING_OFFSET
#pragma GCC diagnostic pop

// The part behind `uring://`: "" or "?a=1&b=2".
Status ParseUriQuery(const std::string& uri, std::string rest,
                     std::unordered_map<std::string, std::string>* options) {
  if (rest.empty()) {
    return Status::OK();
  }
  if (rest[0] != '?') {
    return Status::InvalidArgument(
        "the URI " + uri + " has a path, and the uring file system takes none",
        "write uring:// or uring://?option=value&option=value");
  }
  rest.erase(0, 1);
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('&'), rest.size());
    const std::string pair = rest.substr(0, end);
    const size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0) {
      return Status::InvalidArgument(
          "\"" + pair + "\" in the URI " + uri + " is not an option",
          "write option=value");
    }
    if (!options->emplace(pair.substr(0, equals), pair.substr(equals + 1))
             .second) {
      return Status::InvalidArgument("the URI " + uri + " sets option " +
                                         pair.substr(0, equals) + " twice",
                                     "remove one of them");
    }
    rest.erase(0, std::min(end + 1, rest.size()));
  }
  return Status::OK();
}

}  // namespace

uint32_t FileSystemOptions::DefaultExecutorThreads() {
  return static_cast<uint32_t>(std::clamp<size_t>(CpuCount(), 1, 8));
}

const std::unordered_map<std::string, OptionTypeInfo>*
FileSystemOptionsTypeInfo() {
  // Never destroyed: objects that outlive static destruction point to it.
  static const auto* info = new TypeInfo(MakeTypeInfo());
  return info;
}

std::string FileSystemOptionNames() {
  std::map<std::string, int> sorted;
  for (const auto& option : *FileSystemOptionsTypeInfo()) {
    sorted.emplace(option.first, 0);
  }
  std::string names;
  for (const auto& option : sorted) {
    names += (names.empty() ? "" : ", ") + option.first;
  }
  return names;
}

Status ParseOptionText(const std::string& text,
                       std::unordered_map<std::string, std::string>* options) {
  if (text.empty() || text == kFileSystemId) {
    return Status::OK();
  }
  const size_t scheme = text.find("://");
  if (scheme < text.find('=')) {
    return ParseUriQuery(text, text.substr(scheme + 3), options);
  }
  if (text.find('=') == std::string::npos) {
    return Status::InvalidArgument("\"" + text + "\" is not an option",
                                   "write option=value;option=value");
  }
  const Status status = rocksdb::StringToMap(text, options);
  const auto id = options->find("id");
  if (!status.ok() || id == options->end()) {
    return status;
  }
  if (id->second != kFileSystemId) {
    return Status::InvalidArgument(
        "id=" + id->second + " names another file system",
        std::string("write id=") + kFileSystemId + ", or remove it");
  }
  options->erase(id);
  return Status::OK();
}

}  // namespace rocksdb_uring
