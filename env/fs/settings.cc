// One table of the settings: options, control file and messages use it.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/fs/settings.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>

namespace rocksdb_uring {

namespace {

struct Setting {
  const char* name;
  const char* allowed;
  // False if the value is none of the allowed ones.
  bool (*parse)(const std::string& value, FileSettings* settings);
  std::string (*text)(const FileSettings& settings);
};

constexpr const char* kPathNames[] = {"auto", "uring", "posix"};
constexpr char kPathsAllowed[] = "one of auto, posix, uring";

constexpr const char* kBackgroundNames[] = {"low", "idle", "same"};

// One of `names`, which are in the order of the enumeration.
template <typename T, size_t kCount>
bool ParseWord(const std::string& value, const char* const (&names)[kCount],
               T* result) {
  const auto* const word = std::find(std::begin(names), std::end(names), value);
  if (word == std::end(names)) {
    return false;
  }
  *result = static_cast<T>(word - std::begin(names));
  return true;
}

const char* PathName(PathChoice path) {
  return kPathNames[static_cast<size_t>(path)];
}

// A whole number of percent: no sign, no space, no unit.
bool ParseShare(const std::string& value, FileSettings* settings) {
  constexpr size_t kDigitsMax = 3;
  uint32_t share = 0;
  for (const char c : value) {
    if (c < '0' || c > '9') {
      return false;
    }
    share = 10 * share + static_cast<uint32_t>(c - '0');
  }
  if (value.empty() || value.size() > kDigitsMax ||
      share > FileSettings::kShareMax) {
    return false;
  }
  settings->share = share;
  return true;
}

constexpr Setting kSettings[] = {
    {"background_priority", "one of idle, low, same",
     [](const std::string& value, FileSettings* settings) {
       return ParseWord(value, kBackgroundNames, &settings->background);
     },
     [](const FileSettings& settings) -> std::string {
       return kBackgroundNames[static_cast<size_t>(settings.background)];
     }},
    {"log", "one of off, on",
     [](const std::string& value, FileSettings* settings) {
       settings->debug_log = value == "off" ? false : settings->debug_log;
       settings->debug_log = value == "on" ? true : settings->debug_log;
       return value == "on" || value == "off";
     },
     [](const FileSettings& settings) -> std::string {
       return settings.debug_log ? "on" : "off";
     }},
    {"reads", kPathsAllowed,
     [](const std::string& value, FileSettings* settings) {
       return ParseWord(value, kPathNames, &settings->paths.reads);
     },
     [](const FileSettings& settings) -> std::string {
       return PathName(settings.paths.reads);
     }},
    {"share", "0 to 100", ParseShare,
     [](const FileSettings& settings) {
       return std::to_string(settings.share);
     }},
    {"syncs", kPathsAllowed,
     [](const std::string& value, FileSettings* settings) {
       return ParseWord(value, kPathNames, &settings->paths.syncs);
     },
     [](const FileSettings& settings) -> std::string {
       return PathName(settings.paths.syncs);
     }},
    {"writes", kPathsAllowed,
     [](const std::string& value, FileSettings* settings) {
       return ParseWord(value, kPathNames, &settings->paths.writes);
     },
     [](const FileSettings& settings) -> std::string {
       return PathName(settings.paths.writes);
     }},
};

const Setting* Find(const std::string& name) {
  const Setting* const end = std::end(kSettings);
  const Setting* const found = std::find_if(
      std::begin(kSettings), end,
      [&](const Setting& setting) { return name == setting.name; });
  return found == end ? nullptr : found;
}

}  // namespace

const std::vector<std::string>& SettingNames() {
  // Never destroyed: file systems outlive static objects.
  static const auto* const names = [] {
    auto* const all = new std::vector<std::string>();
    for (const Setting& setting : kSettings) {
      all->push_back(setting.name);
    }
    return all;
  }();
  return *names;
}

std::string SettingNamesText() {
  std::string text;
  for (const Setting& setting : kSettings) {
    text += (text.empty() ? "" : ", ") + std::string(setting.name);
  }
  return text;
}

bool IsSetting(const std::string& name) { return Find(name) != nullptr; }

bool ParseSetting(const std::string& name, const std::string& value,
                  FileSettings* settings) {
  return Find(name)->parse(value, settings);
}

std::string AllowedValues(const std::string& name) {
  return Find(name)->allowed;
}

std::string SettingText(const std::string& name, const FileSettings& settings) {
  return Find(name)->text(settings);
}

std::string Differences(const FileSettings& from, const FileSettings& to) {
  std::string text;
  for (const Setting& setting : kSettings) {
    const std::string before = setting.text(from);
    const std::string after = setting.text(to);
    if (before != after) {
      text += (text.empty() ? "" : ", ") + std::string(setting.name) + " " +
              before + " -> " + after;
    }
  }
  return text;
}

}  // namespace rocksdb_uring
