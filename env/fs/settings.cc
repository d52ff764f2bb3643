// One table of the settings: options, control file and messages use it.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/fs/settings.h"

#include <algorithm>

namespace rocksdb_uring {

using rocksdb::Status;

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

bool ParsePath(const std::string& value, PathChoice* path) {
  const auto* const end = std::end(kPathNames);
  const auto* const word = std::find(std::begin(kPathNames), end, value);
  if (word == end) {
    return false;
  }
  *path = static_cast<PathChoice>(word - std::begin(kPathNames));
  return true;
}

const char* PathName(PathChoice path) {
  return kPathNames[static_cast<size_t>(path)];
}

constexpr Setting kSettings[] = {
    {"reads", kPathsAllowed,
     [](const std::string& value, FileSettings* settings) {
       return ParsePath(value, &settings->paths.reads);
     },
     [](const FileSettings& settings) -> std::string {
       return PathName(settings.paths.reads);
     }},
    {"writes", kPathsAllowed,
     [](const std::string& value, FileSettings* settings) {
       return ParsePath(value, &settings->paths.writes);
     },
     [](const FileSettings& settings) -> std::string {
       return PathName(settings.paths.writes);
     }},
    {"syncs", kPathsAllowed,
     [](const std::string& value, FileSettings* settings) {
       return ParsePath(value, &settings->paths.syncs);
     },
     [](const FileSettings& settings) -> std::string {
       return PathName(settings.paths.syncs);
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

bool IsSetting(const std::string& name) { return Find(name) != nullptr; }

Status BadValue(const std::string& name, const std::string& value,
                const std::string& allowed) {
  return Status::InvalidArgument(
      "option " + name + "=" + value + " of the uring file system",
      "not a valid value; write " + allowed);
}

Status ParseSetting(const std::string& name, const std::string& value,
                    FileSettings* settings) {
  const Setting* const setting = Find(name);
  return setting->parse(value, settings)
             ? Status::OK()
             : BadValue(name, value, setting->allowed);
}

std::string SettingText(const std::string& name, const FileSettings& settings) {
  return Find(name)->text(settings);
}

}  // namespace rocksdb_uring
