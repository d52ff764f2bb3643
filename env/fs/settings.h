// Names and values of the settings that can change while a file system is in
// use.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "env/file/file_policy.h"

namespace rocksdb_uring {

// In alphabetical order.
const std::vector<std::string>& SettingNames();
// The same, separated by commas, for messages.
std::string SettingNamesText();
bool IsSetting(const std::string& name);

// The functions below REQUIRE IsSetting(name).

// Sets one of them. False if the value is none of the allowed ones; then
// nothing is changed.
bool ParseSetting(const std::string& name, const std::string& value,
                  FileSettings* settings);
// The allowed values, for messages.
std::string AllowedValues(const std::string& name);
std::string SettingText(const std::string& name, const FileSettings& settings);

// "share 5 -> 100, reads auto -> posix"; empty if nothing differs.
std::string Differences(const FileSettings& from, const FileSettings& to);

}  // namespace rocksdb_uring
