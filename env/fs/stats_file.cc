// The JSON of the statistics, and the files that reports are written to.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/fs/stats_file.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "env/base/process_path.h"
#include "env/base/version.h"
#include "env/engine/fork_generation.h"
#include "env/fs/replace_file.h"
#include "env/fs/settings.h"
// RocksDB's make checks no dependency before it compiles a plugin.
#if !__has_include("nlohmann/json.hpp")
#error "rocksdb-uring needs nlohmann/json.hpp: install nlohmann-json3-dev"
#endif
#include "nlohmann/json.hpp"

namespace rocksdb_uring {

namespace {

using Json = nlohmann::ordered_json;

Json OperationsToJson(const StatisticsSnapshot& snapshot) {
  Json kinds = Json::object();
  for (size_t kind = 0; kind < kStatKindCount; ++kind) {
    Json paths = Json::object();
    for (size_t path = 0; path < kIoPathCount; ++path) {
      const OperationCount& op =
          snapshot.op(static_cast<StatKind>(kind), static_cast<IoPath>(path));
      paths[IoPathName(static_cast<IoPath>(path))] = {
          {"count", op.count}, {"bytes", op.bytes}, {"errors", op.errors}};
    }
    kinds[StatKindName(static_cast<StatKind>(kind))] = std::move(paths);
  }
  return kinds;
}

// Kinds and paths that have been timed.
Json LatenciesToJson(const Statistics& statistics) {
  Json kinds = Json::object();
  for (size_t i = 0; i < kStatKindCount; ++i) {
    const auto kind = static_cast<StatKind>(i);
    for (size_t k = 0; k < kIoPathCount; ++k) {
      const auto path = static_cast<IoPath>(k);
      const LatencySnapshot times = statistics.Latency(kind, path);
      if (times.count() == 0) {
        continue;
      }
      kinds[StatKindName(kind)][IoPathName(path)] = {
          {"count", times.count()},         {"mean_ns", times.mean_ns()},
          {"p50_ns", times.Quantile(0.5)},  {"p95_ns", times.Quantile(0.95)},
          {"p99_ns", times.Quantile(0.99)}, {"p999_ns", times.Quantile(0.999)},
          {"max_ns", times.max_ns}};
    }
  }
  return kinds;
}

Json InFlightToJson(const InFlightReport& report) {
  Json json = {{"operations", report.operations},
               {"queued", report.queued},
               {"abandoned", report.abandoned},
               {"abandoned_bytes", report.abandoned_bytes},
               {"oldest_us", 0}};
  if (report.oldest.has_value()) {
    const InFlightOperation& oldest = report.oldest->operation;
    json["oldest_us"] = report.oldest->age_ns / 1000;
    json["oldest_kind"] = StatKindName(oldest.kind);
    json["oldest_offset"] = oldest.offset;
    json["oldest_fd"] = oldest.fd;
    json["oldest_file"] = FileOfDescriptor(oldest.fd);
  }
  return json;
}

Json EventsToJson(const StatisticsSnapshot& snapshot) {
  Json events = Json::object();
  for (size_t event = 0; event < kStatEventCount; ++event) {
    events[StatEventName(static_cast<StatEvent>(event))] =
        snapshot.events[event];
  }
  return events;
}

Json PollingToJson(const SharedEngine& engine) {
  const PollingState state = engine.polling();
  return {{"mode", PollingName(engine.options().polling)},
          {"active", state.active},
          {"reason", state.reason},
          {"remedy", state.remedy}};
}

Json EngineToJson(const SharedEngine& engine) {
  return {{"kind", engine.has_rings() ? "uring" : "posix"},
          {"queue_depth", engine.options().queue_depth},
          {"rings_max", engine.options().rings_max},
          {"readahead_bytes", engine.options().readahead_bytes},
          {"write_buffer_bytes", engine.options().write_buffer_bytes},
          {"deadline_buffer_bytes", engine.options().deadline_buffer_bytes},
          {"total_buffer_bytes", engine.options().total_buffer_bytes},
          {"abandoned_max", engine.options().abandoned_max},
          {"polling", PollingToJson(engine)},
          {"rings", engine.rings()},
          {"memory_bytes", engine.memory_bytes()},
          {"read_ahead_buffer_bytes", engine.read_ahead_bytes()},
          {"write_buffer_used_bytes", engine.write_bytes()}};
}

Json BatchesToJson(const StatisticsSnapshot& snapshot) {
  Json batches = Json::object();
  for (size_t i = 0; i < kBatchClassCount; ++i) {
    batches[BatchClassName(i)] = snapshot.batches[i];
  }
  return batches;
}

// What is counted, of the files in the share and of the others alike.
// `statistics` is null where there is no engine.
Json CountsToJson(const Statistics* statistics) {
  const StatisticsSnapshot snapshot =
      statistics == nullptr ? StatisticsSnapshot{} : statistics->Snapshot();
  return {{"ops", OperationsToJson(snapshot)},
          {"latency", statistics == nullptr ? Json::object()
                                            : LatenciesToJson(*statistics)},
          {"batch_sizes", BatchesToJson(snapshot)},
          {"events", EventsToJson(snapshot)}};
}

Json SettingsToJson(const FileSettings& settings) {
  Json json = {{"percent", settings.share}};
  for (const std::string& name : SettingNames()) {
    if (name != "share") {
      json[name] = SettingText(name, settings);
    }
  }
  return json;
}

// All statistics files, so that those of file systems that are never destroyed
// (RocksDB's default one) are written when the process ends.
struct Registry {
  Mutex mutex;
  // After `mutex`, if both are taken.
  Mutex write_mutex;
  std::vector<StatsFile*> files URING_GUARDED_BY(mutex);
};

void WriteAllAtExit();
void LockRegistry() URING_NO_THREAD_SAFETY_ANALYSIS;
void UnlockRegistry() URING_NO_THREAD_SAFETY_ANALYSIS;

Registry* TheRegistry() {
  static auto* registry = [] {
    std::atexit(WriteAllAtExit);
    // A child must not find the lock held by a thread of the parent.
    pthread_atfork(LockRegistry, UnlockRegistry, UnlockRegistry);
    return new Registry();
  }();
  return registry;
}

void LockRegistry() {
  TheRegistry()->mutex.Lock();
  TheRegistry()->write_mutex.Lock();
}
void UnlockRegistry() {
  TheRegistry()->write_mutex.Unlock();
  TheRegistry()->mutex.Unlock();
}

void WriteAllAtExit() {
  Registry* const registry = TheRegistry();
  MutexLock lock(&registry->mutex);
  for (StatsFile* file : registry->files) {
    file->Write();
  }
}

}  // namespace

std::string FileOfDescriptor(int fd) {
  std::error_code error;
  const std::filesystem::path name = std::filesystem::read_symlink(
      "/proc/self/fd/" + std::to_string(fd), error);
  return error ? std::string() : name.string();
}

std::string StatsToJson(const SharedEngine* engine,
                        const FallbackState& fallback,
                        const ControlReport& control) {
  Json json;
  json["version"] = kVersion;
  json["pid"] = static_cast<uint64_t>(getpid());
  json["uptime_ms"] =
      engine == nullptr ? 0 : engine->statistics()->uptime_ns() / 1000000;
  json["opens"] = engine == nullptr ? 0 : engine->opens();
  json["fallback"] = {{"reason", fallback.reason},
                      {"remedy", fallback.remedy},
                      {"active", fallback.active}};
  if (engine == nullptr) {
    json["engine"] = {{"kind", "off"}};
  } else {
    json["engine"] = EngineToJson(*engine);
  }
  json["share"] = SettingsToJson(control.settings);
  json["control"] = {{"file", control.file},
                     {"applied", control.applied},
                     {"applied_ms", control.applied_ms},
                     {"error", control.error}};
  json.update(CountsToJson(engine == nullptr ? nullptr : engine->statistics()));
  json["in_flight"] =
      InFlightToJson(engine == nullptr ? InFlightReport() : engine->InFlight());
  const Statistics* const plain =
      engine == nullptr ? nullptr : engine->plain_statistics();
  if (plain != nullptr) {
    json["posix_share"] = CountsToJson(plain);
  }
  // Texts of the C library may be in any encoding.
  return json.dump(2, ' ', /*ensure_ascii=*/false,
                   nlohmann::json::error_handler_t::replace) +
         "\n";
}

std::map<std::string, uint64_t> FlattenStats(const std::string& json) {
  std::map<std::string, uint64_t> numbers;
  const Json parsed = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object()) {
    return numbers;
  }
  const Json flat = parsed.flatten();
  for (const auto& item : flat.items()) {
    if (item.value().is_number_unsigned()) {
      std::string name = item.key().substr(1);
      std::replace(name.begin(), name.end(), '/', '.');
      numbers.emplace(std::move(name), item.value().get<uint64_t>());
    }
  }
  return numbers;
}

StatsFile::StatsFile(const std::string& path,
                     std::function<std::string()> content)
    : generation_(ForkGeneration::AtBirth()),
      path_(AbsolutePath(path)),
      content_(std::move(content)) {
  Registry* const registry = TheRegistry();
  MutexLock lock(&registry->mutex);
  registry->files.push_back(this);
}

StatsFile::~StatsFile() {
  Registry* const registry = TheRegistry();
  {
    MutexLock lock(&registry->mutex);
    registry->files.erase(
        std::remove(registry->files.begin(), registry->files.end(), this),
        registry->files.end());
  }
  Write();
}

void StatsFile::RegisterForkHandler() { TheRegistry(); }

void StatsFile::Write() {
  if (generation_ != ForkGeneration::Now()) {
    return;
  }
  // One at a time in this process: file systems may share a path.
  MutexLock lock(&TheRegistry()->write_mutex);
  const std::string content = content_();
  if (!content.empty()) {
    (void)ReplaceFile(ExpandProcessId(path_), content);
  }
}

}  // namespace rocksdb_uring
