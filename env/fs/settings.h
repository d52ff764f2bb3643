// Names and values of the settings that can change while a file system is in
// use.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "env/file/file_policy.h"
#include "env/file/rocksdb_compat.h"

namespace rocksdb_uring {

// In the order in which messages name them.
const std::vector<std::string>& SettingNames();
bool IsSetting(const std::string& name);

// Sets one of them. On failure changes nothing, and the status names setting,
// value and the allowed values.
// REQUIRES: IsSetting(name).
rocksdb::Status ParseSetting(const std::string& name, const std::string& value,
                             FileSettings* settings);
std::string SettingText(const std::string& name, const FileSettings& settings);

// "not a valid value", for an option of any kind.
rocksdb::Status BadValue(const std::string& name, const std::string& value,
                         const std::string& allowed);

}  // namespace rocksdb_uring
