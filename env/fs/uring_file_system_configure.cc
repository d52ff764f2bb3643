// The part of the file system that is configured: from the environment, a URI
// or options, and which engine follows from that.
//
// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <unordered_map>
#include <utility>

#include "env/base/debug_log.h"
#include "env/base/errno_code.h"
#include "env/file/rocksdb_compat.h"
#include "env/fs/options.h"
#include "env/fs/uring_file_system.h"
#include "rocksdb/convenience.h"

namespace rocksdb_uring {

using rocksdb::ConfigOptions;
using rocksdb::FileSystem;
using rocksdb::Status;

namespace {

constexpr char kSwitchVariable[] = "ROCKSDB_URING";
constexpr char kOptionsVariable[] = "ROCKSDB_URING_OPTIONS";

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

}  // namespace

Status UringFileSystem::Create(const std::string& text, bool ready,
                               std::unique_ptr<UringFileSystem>* result) {
  auto self = std::make_unique<UringFileSystem>(nullptr);
  Status status = self->Configure(text, ready);
  if (status.ok()) {
    *result = std::move(self);
  }
  return status;
}

Status UringFileSystem::Configure(const std::string& text, bool ready) {
  const std::string running = rocksdb::GetRocksVersionAsString(false);
  if (running != RocksDBVersionOfHeaders()) {
    return Status::NotSupported("this librocksdb_uring was built for RocksDB " +
                                    RocksDBVersionOfHeaders() +
                                    ", but the program runs RocksDB " + running,
                                "build rocksdb-uring for RocksDB " + running);
  }
  ConfigOptions config;
  config.ignore_unknown_options = false;
  config.ignore_unsupported_options = false;
  config.invoke_prepare_options = false;
  const std::string word = Environment(kSwitchVariable);
  if (!word.empty() && word != "on" && word != "off") {
    return Status::InvalidArgument(
        std::string(kSwitchVariable) + "=" + word +
            " in the environment is not a valid value",
        "write on or off");
  }
  switched_off_ = word == "off";
  // ROCKSDB_URING=off must work even if other variables are wrong.
  if (!switched_off_ && DebugLogError() != 0) {
    return Status::InvalidArgument(
        "the debug log ROCKSDB_URING_LOG=" + Environment("ROCKSDB_URING_LOG") +
            " of the environment cannot be opened: " +
            Errno::FromErrno(DebugLogError()).message(),
        "name a file in a writable directory, or unset the variable");
  }
  const std::string from_environment = Environment(kOptionsVariable);
  Status status = ExplainOptions(ConfigureFromText(config, from_environment),
                                 std::string(kOptionsVariable) + "=" +
                                     from_environment + " in the environment");
  if (status.ok()) {
    status = ExplainOptions(ConfigureFromText(config, text), text);
  }
  if (status.ok() && ready) {
    status = PrepareOptions(config);
  }
  return status;
}

Status UringFileSystem::ConfigureFromText(const ConfigOptions& config,
                                          const std::string& text) {
  std::unordered_map<std::string, std::string> options;
  const Status status = ParseOptionText(text, &options);
  return status.ok() ? ConfigureFromMap(config, options) : status;
}

Status UringFileSystem::ParseStringOptions(const ConfigOptions& config,
                                           const std::string& text) {
  return ConfigureFromText(config, text);
}

Status UringFileSystem::CheckBase() const {
  if (target()->CheckedCast<UringFileSystem>() != nullptr) {
    return Status::InvalidArgument(
        std::string("target=") + target()->Name() +
            ": the file system below is already a uring file system",
        "remove target=");
  }
  if (target()->IsInstanceOf("posix") ||
      target()->IsInstanceOf(FileSystem::kDefaultName())) {
    return Status::OK();
  }
  return Status::InvalidArgument(
      std::string("target=") + target()->Name() +
          ": the uring file system opens files itself and would bypass the "
          "file "
          "system below it",
      "put the uring file system on the default one, and the other above it");
}

// RocksDB undoes a failed configuration by configuring again, and then prepares
// the object whatever `config` says. That would write a statistics file for an
// object that is never returned.
Status UringFileSystem::ConfigureOptions(
    const ConfigOptions& config,
    const std::unordered_map<std::string, std::string>& options,
    std::unordered_map<std::string, std::string>* unused) {
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

Status UringFileSystem::PrepareOptions(const ConfigOptions& config) {
  if (configuring_) {
    return Status::OK();
  }
  Status status = VersionedFileSystem::PrepareOptions(config);
  if (status.ok()) {
    status = CheckBase();
  }
  if (!status.ok()) {
    return status;
  }
  MutexLock lock(&mutex_);
  if (switched_off()) {
    StartReporting();
    return status;
  }
  return AcquireEngine();
}

Status UringFileSystem::AcquireEngine() {
  std::string conflict;
  std::shared_ptr<SharedEngine> engine =
      SharedEngine::Acquire(options_.engine, &conflict);
  if (engine == nullptr) {
    return Status::InvalidArgument(conflict);
  }
  if (options_.fallback == Fallback::kRequire) {
    const FallbackState refusal = engine->TryRing();
    if (!refusal.reason.empty()) {
      return Status::NotSupported(
          "fallback=require, and io_uring cannot be used: " + refusal.reason,
          refusal.remedy);
    }
  }
  if (engine != engine_) {
    // The first engine, or a forked child's own.
    stats_file_.reset();
    engine_ = std::move(engine);
    published_engine_.store(engine_.get(), std::memory_order_release);
  }
  // From here on ToString shows the values in force.
  const EngineOptions& in_force = engine_->options();
  options_.engine.queue_depth = in_force.queue_depth;
  options_.engine.rings_max = in_force.rings_max;
  options_.engine.readahead_bytes = in_force.readahead_bytes;
  options_.engine.write_buffer_bytes = in_force.write_buffer_bytes;
  StartReporting();
  return Status::OK();
}

void UringFileSystem::StartReporting() {
  if (stats_file_ == nullptr && !options_.stats_file.empty()) {
    stats_file_ = std::make_unique<StatsFile>(
        options_.stats_file, options_.stats_interval_s,
        [this, engine = engine_] { return Report(engine.get()); });
  }
}

}  // namespace rocksdb_uring
