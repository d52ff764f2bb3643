// From the environment and from text to options.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/fs/configured_file_system.h"

#include <cstdlib>
#include <utility>

#include "env/base/debug_log.h"
#include "env/base/errno_code.h"
#include "rocksdb/convenience.h"

namespace rocksdb_uring {

using rocksdb::ConfigOptions;
using rocksdb::FileSystem;
using rocksdb::Status;

namespace {

constexpr char kSwitchVariable[] = "ROCKSDB_URING";
constexpr char kOptionsVariable[] = "ROCKSDB_URING_OPTIONS";
constexpr char kLogVariable[] = "ROCKSDB_URING_LOG";

// Empty for a program that has more rights than the user who started it
// (set-uid, set-gid, file capabilities): these variables name files and choose
// paths.
std::string Environment(const char* name) {
  const char* value = secure_getenv(name);
  return value == nullptr ? "" : value;
}

// Adds the source of a bad option, and the names of all options.
Status ExplainOptions(const Status& status, const std::string& source) {
  if (status.ok()) {
    return status;
  }
  return Status::InvalidArgument(
      source,
      status.ToString() + "; the options are " + FileSystemOptionNames());
}

// Objects of RocksDB have another layout in another version.
Status CheckRocksDBVersion() {
  const std::string running = rocksdb::GetRocksVersionAsString(false);
  if (running == RocksDBVersionOfHeaders()) {
    return Status::OK();
  }
  return Status::NotSupported("this librocksdb_uring was built for RocksDB " +
                                  RocksDBVersionOfHeaders() +
                                  ", but the program runs RocksDB " + running,
                              "build rocksdb-uring for RocksDB " + running);
}

Status ReadSwitch(bool* switched_off) {
  const std::string word = Environment(kSwitchVariable);
  *switched_off = word == "off";
  if (word.empty() || word == "on" || word == "off") {
    return Status::OK();
  }
  return Status::InvalidArgument(std::string(kSwitchVariable) + "=" + word +
                                     " in the environment is not a valid value",
                                 "write on or off");
}

Status CheckDebugLog() {
  if (DebugLogError() == 0) {
    return Status::OK();
  }
  return Status::InvalidArgument(
      "the debug log " + std::string(kLogVariable) + "=" +
          Environment(kLogVariable) + " of the environment cannot be opened: " +
          Errno::FromErrno(DebugLogError()).message(),
      "name a file in a writable directory, or unset the variable");
}

}  // namespace

ConfiguredFileSystem::ConfiguredFileSystem(
    const std::shared_ptr<FileSystem>& base)
    : VersionedFileSystem(base) {
  RegisterOptions("UringFileSystemOptions", &options_,
                  FileSystemOptionsTypeInfo());
}

Status ConfiguredFileSystem::Configure(const std::string& text, bool ready) {
  Status status = CheckRocksDBVersion();
  if (!status.ok()) {
    return status;
  }
  ConfigOptions config;
  config.ignore_unknown_options = false;
  config.ignore_unsupported_options = false;
  config.invoke_prepare_options = false;
  status = ConfigureFromEnvironment(config);
  if (status.ok()) {
    status = ExplainOptions(ConfigureFromText(config, text), text);
  }
  return status.ok() && ready ? PrepareOptions(config) : status;
}

Status ConfiguredFileSystem::ConfigureFromEnvironment(
    const ConfigOptions& config) {
  Status status = ReadSwitch(&options_.switched_off);
  // ROCKSDB_URING=off must work even if the log cannot be written.
  if (status.ok() && !options_.switched_off) {
    status = CheckDebugLog();
  }
  if (!status.ok()) {
    return status;
  }
  const std::string text = Environment(kOptionsVariable);
  return ExplainOptions(
      ConfigureFromText(config, text),
      std::string(kOptionsVariable) + "=" + text + " in the environment");
}

Status ConfiguredFileSystem::ConfigureFromText(const ConfigOptions& config,
                                               const std::string& text) {
  std::unordered_map<std::string, std::string> options;
  const Status status = ParseOptionText(text, &options);
  return status.ok() ? ConfigureFromMap(config, options) : status;
}

Status ConfiguredFileSystem::ParseStringOptions(const ConfigOptions& config,
                                                const std::string& text) {
  return ConfigureFromText(config, text);
}

// RocksDB undoes a failed configuration by configuring again, and then prepares
// the object whatever `config` says. That would write a statistics file for an
// object that is never returned.
Status ConfiguredFileSystem::ConfigureOptions(
    const ConfigOptions& config,
    const std::unordered_map<std::string, std::string>& options,
    std::unordered_map<std::string, std::string>* unused) {
  if (in_use_.load(std::memory_order_acquire) && !options.empty()) {
    return ChangeInUse(options);
  }
  ConfigOptions not_yet = config;
  not_yet.invoke_prepare_options = false;
  // RocksDB undoes a failure by calling this function from within itself.
  const bool outermost = !std::exchange(configuring_, true);
  const Status status =
      VersionedFileSystem::ConfigureOptions(not_yet, options, unused);
  if (!outermost) {
    return status;
  }
  configuring_ = false;
  return status.ok() && config.invoke_prepare_options ? PrepareOptions(config)
                                                      : status;
}

Status ConfiguredFileSystem::PrepareOptions(const ConfigOptions& config) {
  if (configuring_) {
    return Status::OK();
  }
  Status status = VersionedFileSystem::PrepareOptions(config);
  if (status.ok()) {
    status = Start();
  }
  if (status.ok()) {
    in_use_.store(true, std::memory_order_release);
  }
  return status;
}

// RocksDB would write to the options while other threads read them, and restore
// them one by one after an error.
Status ConfiguredFileSystem::ChangeInUse(
    std::unordered_map<std::string, std::string> options) {
  const auto id = options.find("id");
  if (id != options.end() && id->second == kFileSystemId) {
    options.erase(id);
  }
  return ChangeSettings(options);
}

// Where RocksDB sets a single option (ConfigureOption).
Status ConfiguredFileSystem::ParseOption(const ConfigOptions& config,
                                         const rocksdb::OptionTypeInfo& info,
                                         const std::string& name,
                                         const std::string& value,
                                         void* address) {
  return in_use_.load(std::memory_order_acquire)
             ? ChangeInUse({{name, value}})
             : VersionedFileSystem::ParseOption(config, info, name, value,
                                                address);
}

}  // namespace rocksdb_uring
