// Acquires the engine, reports on it, and takes part in forks.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/fs/file_system_engine.h"

#include <pthread.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "env/base/debug_log.h"
#include "env/fs/prometheus.h"
#include "env/fs/stats_log.h"

namespace rocksdb_uring {

using rocksdb::Status;

namespace {

// The engines of all existing file systems. A forked child continues to use
// them, and must not find one locked by a thread that exists only in the
// parent.
struct Registry {
  Mutex mutex;
  std::vector<FileSystemEngine*> engines URING_GUARDED_BY(mutex);
};

void LockAll() URING_NO_THREAD_SAFETY_ANALYSIS;
void UnlockAll() URING_NO_THREAD_SAFETY_ANALYSIS;

Registry* TheRegistry() {
  static auto* registry = [] {
    // Handlers that lock run in the reverse order of registration, and Start
    // takes the locks of these while it holds its own. That of LiveControl is
    // also taken under that of the statistics files, so it comes last.
    LiveControl::RegisterForkHandler();
    SharedEngine::RegisterForkHandler();
    StatsFile::RegisterForkHandler();
    pthread_atfork(LockAll, UnlockAll, UnlockAll);
    return new Registry();
  }();
  return registry;
}

void LockAll() {
  Registry* const registry = TheRegistry();
  registry->mutex.Lock();
  for (FileSystemEngine* engine : registry->engines) {
    engine->LockForFork();
  }
}

void UnlockAll() {
  Registry* const registry = TheRegistry();
  for (FileSystemEngine* engine : registry->engines) {
    engine->UnlockAfterFork();
  }
  registry->mutex.Unlock();
}

}  // namespace

FileSystemEngine::FileSystemEngine(FileSystemOptions* options)
    : options_(options), control_(options->policy) {
  Registry* const registry = TheRegistry();
  MutexLock lock(&registry->mutex);
  registry->engines.push_back(this);
}

FileSystemEngine::~FileSystemEngine() {
#if ROCKSDB_URING_COROUTINES
  // Not under the lock: coroutines may end here, and ask for the executor.
  if (ReadExecutor* const executor = read_executor_.load();
      executor != nullptr && !executor->forked()) {
    delete executor;
  }
#endif
  {
    Registry* const registry = TheRegistry();
    MutexLock lock(&registry->mutex);
    std::vector<FileSystemEngine*>* const all = &registry->engines;
    all->erase(std::find(all->begin(), all->end(), this));
  }
  // Outside the lock: the last reports call back into this object. The control
  // file, declared last, goes first.
  std::unique_ptr<Reports> last_reports;
  std::unique_ptr<ControlFile> watched;
  {
    MutexLock lock(&mutex_);
    last_reports = std::move(reports_);
    watched = std::move(control_file_);
  }
}

Status FileSystemEngine::Start() {
  // Only off: another file system of the process may have switched it off.
  if (!options_->policy->settings().debug_log) {
    SwitchDebugLog(false);
  }
  MutexLock lock(&mutex_);
  if (options_->switched_off) {
    StartReporting();
    return Status::OK();
  }
  return Acquire();
}

std::shared_ptr<SharedEngine> FileSystemEngine::Get(Status* status) {
  *status = Status::OK();
  if (options_->switched_off) {
    return nullptr;
  }
  MutexLock lock(&mutex_);
  if (engine_ == nullptr || engine_->forked()) {
    *status = Acquire();
    if (!status->ok()) {
      return nullptr;
    }
  }
  return engine_;
}

bool FileSystemEngine::asynchronous() {
  SharedEngine* engine = published_.load(std::memory_order_acquire);
  if (engine == nullptr || engine->forked()) {
    Status ignored;
    engine = Get(&ignored).get();
  }
  return engine != nullptr && engine->asynchronous();
}

#if ROCKSDB_URING_COROUTINES
folly::IOExecutor* FileSystemEngine::read_executor() {
  ReadExecutor* executor = read_executor_.load(std::memory_order_acquire);
  if (executor == nullptr || executor->forked()) {
    executor = StartReadExecutor();
  }
  return executor == nullptr ? nullptr : executor->executor();
}

ReadExecutor* FileSystemEngine::StartReadExecutor() {
  Status ignored;
  // A forked child gets its own engine here.
  const std::shared_ptr<SharedEngine> engine = Get(&ignored);
  MutexLock lock(&mutex_);
  if (engine == nullptr || options_->executor_threads == 0) {
    return nullptr;
  }
  ReadExecutor* executor = read_executor_.load(std::memory_order_relaxed);
  if (executor == nullptr || executor->forked()) {
    executor =
        ReadExecutor::Start(
            engine, std::max<size_t>(options_->executor_threads, read_threads_))
            .release();
    read_executor_.store(executor, std::memory_order_release);
  }
  return executor;
}

void FileSystemEngine::SetReadThreads(size_t threads) {
  MutexLock lock(&mutex_);
  read_threads_ = std::max(read_threads_, threads);
  ReadExecutor* const executor = read_executor_.load(std::memory_order_relaxed);
  if (executor != nullptr && !executor->forked()) {
    executor->Grow(read_threads_);
  }
}
#endif

Status FileSystemEngine::Acquire() {
  std::string conflict;
  std::shared_ptr<SharedEngine> engine =
      SharedEngine::Acquire(options_->engine, &conflict);
  if (engine == nullptr) {
    return Status::InvalidArgument(conflict);
  }
  if (options_->fallback == Fallback::kRequire) {
    const FallbackState refusal = engine->TryRing();
    if (!refusal.reason.empty()) {
      return Status::NotSupported(
          "fallback=require, and io_uring cannot be used: " + refusal.reason,
          refusal.remedy);
    }
  }
  if (engine != engine_) {
    // The first engine, or a forked child's own.
    reports_.reset();
    control_file_.reset();
    engine_ = std::move(engine);
    published_.store(engine_.get(), std::memory_order_release);
  }
  // From here on ToString shows the values in force.
  const EngineOptions& in_force = engine_->options();
  options_->engine.queue_depth = in_force.queue_depth;
  options_->engine.rings_max = in_force.rings_max;
  options_->engine.readahead_bytes = in_force.readahead_bytes;
  options_->engine.write_buffer_bytes = in_force.write_buffer_bytes;
  options_->engine.deadline_buffer_bytes = in_force.deadline_buffer_bytes;
  options_->engine.total_buffer_bytes = in_force.total_buffer_bytes;
  options_->engine.abandoned_max = in_force.abandoned_max;
  options_->engine.polling = in_force.polling;
  StartReporting();
  StartControl();
  return Status::OK();
}

void FileSystemEngine::StartReporting() {
  if (reports_ != nullptr || !Reports::AreWanted(*options_)) {
    return;
  }
  Reports::Sources sources;
  sources.json = [this, engine = engine_] { return Json(engine.get()); };
  // Files of several processes in one directory are told apart by a label.
  const bool label_process =
      options_->prometheus_file.find("%p") != std::string::npos;
  sources.prometheus = [this, engine = engine_, label_process] {
    return Prometheus(engine.get(), label_process);
  };
  sources.log = [] {};
  if (engine_ != nullptr && options_->stats_log_interval_s > 0) {
    sources.log = [this, engine = engine_,
                   log = std::make_shared<StatsLog>(engine_.get())] {
      const std::string text = log->Report();
      if (!text.empty()) {
        control_.Log(rocksdb::InfoLogLevel::INFO_LEVEL, text);
      }
    };
  }
  reports_ = std::make_unique<Reports>(*options_, sources);
}

void FileSystemEngine::StartControl() {
  if (control_file_ == nullptr && !options_->control_file.empty()) {
    control_file_ =
        std::make_unique<ControlFile>(options_->control_file, &control_);
  }
}

FallbackState FileSystemEngine::WhyPosix(const SharedEngine* engine) const {
  if (options_->switched_off) {
    return {"ROCKSDB_URING=off in the environment",
            "remove ROCKSDB_URING from the environment", /*active=*/true};
  }
  return engine == nullptr ? FallbackState() : engine->fallback();
}

std::string FileSystemEngine::Json(const SharedEngine* engine) const {
  return StatsToJson(engine, WhyPosix(engine), control_.report());
}

std::string FileSystemEngine::Prometheus(const SharedEngine* engine,
                                         bool label_process) const {
  return StatsToPrometheus(engine, WhyPosix(engine), control_.report(),
                           label_process);
}

std::string FileSystemEngine::StatisticsJson() {
  Status ignored;
  return Json(Get(&ignored).get());
}

std::string FileSystemEngine::PrometheusText() {
  Status ignored;
  return Prometheus(Get(&ignored).get(), /*label_process=*/false);
}

}  // namespace rocksdb_uring
