// Which engine the process shares, and what becomes of it in a forked child.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/engine/shared_engine.h"

#include <pthread.h>
#include <time.h>

#include <new>
#include <utility>

#include "env/base/debug_log.h"
#include "env/base/mutex.h"
#include "env/engine/fork_generation.h"

namespace rocksdb_uring {

namespace {

struct Registry {
  Mutex mutex;
  std::weak_ptr<SharedEngine> engine URING_GUARDED_BY(mutex);
};

void LockRegistry() URING_NO_THREAD_SAFETY_ANALYSIS;
void UnlockRegistry() URING_NO_THREAD_SAFETY_ANALYSIS;

// Never destroyed: file systems may outlive static objects.
Registry* TheRegistry() {
  static auto* registry = new Registry();
  // A child must not find the lock held by a thread that it does not have.
  static const int registered =
      pthread_atfork(LockRegistry, UnlockRegistry, UnlockRegistry);
  (void)registered;
  return registry;
}

void LockRegistry() { TheRegistry()->mutex.Lock(); }
void UnlockRegistry() { TheRegistry()->mutex.Unlock(); }

// In a forked child the parent's rings, and locks that its threads may have
// held, must not be touched: the copy is left alone.
void DestroyUnlessForked(SharedEngine* engine) {
  if (!engine->forked()) {
    delete engine;
  }
}

template <typename T>
std::string TextOf(T number) {
  return std::to_string(number);
}
std::string TextOf(Polling polling) { return PollingName(polling); }

// An option that was not asked for agrees with every engine: it is the first
// that opens who decides.
template <typename T>
bool Agrees(const char* name, const std::optional<T>& wanted, T present,
            std::string* conflict) {
  if (!wanted.has_value() || *wanted == present) {
    return true;
  }
  *conflict = std::string(name) + "=" + TextOf(*wanted) +
              " was asked for, but the engine that the process shares already "
              "runs with " +
              name + "=" + TextOf(present) +
              "; use the same value, or leave it out";
  return false;
}

// None where the budgets' own limits do: to add them up costs three loads.
BufferLimit* LimitOf(const EngineOptions& options, BufferLimit* limit) {
  const uint64_t sum = options.readahead_bytes + options.write_buffer_bytes +
                       options.deadline_buffer_bytes;
  return options.total_buffer_bytes < sum ? limit : nullptr;
}

EngineOptions OptionsFor(const EngineRequest& request) {
  EngineOptions options;
  options.queue_depth = request.queue_depth.value_or(options.queue_depth);
  options.rings_max = request.rings_max.value_or(options.rings_max);
  options.readahead_bytes =
      request.readahead_bytes.value_or(options.readahead_bytes);
  options.write_buffer_bytes =
      request.write_buffer_bytes.value_or(options.write_buffer_bytes);
  options.deadline_buffer_bytes =
      request.deadline_buffer_bytes.value_or(options.deadline_buffer_bytes);
  options.total_buffer_bytes =
      request.total_buffer_bytes.value_or(options.total_buffer_bytes);
  options.abandoned_max = request.abandoned_max.value_or(options.abandoned_max);
  options.polling = request.polling.value_or(options.polling);
  return options;
}

}  // namespace

std::shared_ptr<SharedEngine> SharedEngine::Acquire(
    const EngineRequest& request, std::string* conflict) {
  try {
    return FindOrMake(request, conflict);
  } catch (const std::bad_alloc&) {
    *conflict = "not enough memory for the engine";
    return nullptr;
  }
}

// With the lock held while the engine is made, some hundred microseconds: two
// threads that open the first database at once must not get an engine each.
std::shared_ptr<SharedEngine> SharedEngine::FindOrMake(
    const EngineRequest& request, std::string* conflict) {
  Registry* const registry = TheRegistry();
  MutexLock lock(&registry->mutex);
  std::shared_ptr<SharedEngine> engine = registry->engine.lock();
  if (engine != nullptr && !engine->forked()) {
    const EngineOptions& present = engine->options();
    const bool agrees =
        Agrees("queue_depth", request.queue_depth, present.queue_depth,
               conflict) &&
        Agrees("rings_max", request.rings_max, present.rings_max, conflict) &&
        Agrees("readahead_bytes", request.readahead_bytes,
               present.readahead_bytes, conflict) &&
        Agrees("write_buffer_bytes", request.write_buffer_bytes,
               present.write_buffer_bytes, conflict) &&
        Agrees("deadline_buffer_bytes", request.deadline_buffer_bytes,
               present.deadline_buffer_bytes, conflict) &&
        Agrees("total_buffer_bytes", request.total_buffer_bytes,
               present.total_buffer_bytes, conflict) &&
        Agrees("abandoned_max", request.abandoned_max, present.abandoned_max,
               conflict) &&
        Agrees("polling", request.polling, present.polling, conflict);
    return agrees ? engine : nullptr;
  }
  engine.reset(new SharedEngine(OptionsFor(request), DetectRingFeatures()),
               DestroyUnlessForked);
  registry->engine = engine;
  return engine;
}

void SharedEngine::RegisterForkHandler() { TheRegistry(); }

void SharedEngine::InstallForTests(
    const std::shared_ptr<SharedEngine>& engine) {
  Registry* const registry = TheRegistry();
  MutexLock lock(&registry->mutex);
  registry->engine = engine;
}

SharedEngine::SharedEngine(const EngineOptions& options, RingFeatures features)
    : options_(options),
      features_(std::move(features)),
      generation_(ForkGeneration::AtBirth()),
      buffer_limit_(options.total_buffer_bytes),
      read_ahead_budget_(BufferBudget::Use::kForReads, options.readahead_bytes,
                         options.cpus, LimitOf(options, &buffer_limit_)),
      write_budget_(BufferBudget::Use::kForWrites, options.write_buffer_bytes,
                    options.cpus, LimitOf(options, &buffer_limit_)),
      deadline_budget_(BufferBudget::Use::kForReads,
                       options.deadline_buffer_bytes, options.cpus,
                       LimitOf(options, &buffer_limit_)),
      statistics_(options.cpus) {
  account_.Add(sizeof(*this));
  if (!features_.reason.empty()) {
    DebugLog("%s; remedy: %s", features_.reason.c_str(),
             features_.remedy.c_str());
  }
  if (features_.verdict == RingVerdict::kRefused) {
    DebugLog("engine: POSIX");
    engine_ =
        std::make_unique<PosixEngine>(options_.system_calls, &statistics_);
    return;
  }
  DebugLog("engine: io_uring, queue depth %u, at most %u rings",
           options_.queue_depth, options_.rings_max);
  auto uring = std::make_unique<UringEngine>(options_, &statistics_, &account_);
  account_.Add(sizeof(UringEngine));
  uring_ = uring.get();
  engine_ = std::move(uring);
}

// On demand, because the counters take memory and few processes have files
// outside the share.
struct SharedEngine::Plain {
  explicit Plain(const EngineOptions& options)
      : statistics(options.cpus),
        engine(options.system_calls, &statistics,
               PosixEngine::Batches::kOneByOne) {}

  Statistics statistics;
  PosixEngine engine;
};

SharedEngine::~SharedEngine() {
  delete deadline_reads_.load();
  delete plain_.load();
}

// Two threads may both make one, and one of them is thrown away: with a lock, a
// forked child could find it held.
template <typename T, typename Make>
T* SharedEngine::MadeOnce(std::atomic<T*>* place, const Make& make) {
  if (T* const present = place->load(std::memory_order_acquire)) {
    return present;
  }
  try {
    std::unique_ptr<T> made = make();
    T* present = nullptr;
    if (place->compare_exchange_strong(present, made.get(),
                                       std::memory_order_acq_rel)) {
      account_.Add(sizeof(T));
      present = made.release();
    }
    return present;
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

IoEngine* SharedEngine::plain_engine() {
  Plain* const plain =
      MadeOnce(&plain_, [this] { return std::make_unique<Plain>(options_); });
  return plain == nullptr ? engine() : &plain->engine;
}

DeadlineReads* SharedEngine::deadline_reads() {
  if (!has_rings() || deadline_budget_.bytes_max() == 0 || forked()) {
    return nullptr;
  }
  return MadeOnce(&deadline_reads_, [this] {
    DeadlineReads::Options options;
    options.abandoned_max = options_.abandoned_max;
    return std::make_unique<DeadlineReads>(engine(), &deadline_budget_,
                                           options);
  });
}

const Statistics* SharedEngine::plain_statistics() const {
  const Plain* const plain = plain_.load(std::memory_order_acquire);
  return plain == nullptr ? nullptr : &plain->statistics;
}

// The last failure counts for more than what detection found: detection was
// asked once, at the beginning, and a limit may have been reached since.
FallbackState SharedEngine::fallback() const {
  const RingFailure failure =
      uring_ == nullptr ? RingFailure() : uring_->last_failure();
  if (failure.call != nullptr) {
    RingFeatures refusal = ExplainRefusal(failure.call, failure.error);
    return {std::move(refusal.reason), std::move(refusal.remedy),
            failure.current};
  }
  const bool refused_now =
      features_.verdict == RingVerdict::kRefusedNow &&
      statistics_.Snapshot().event(StatEvent::kRingCreated) == 0;
  return {features_.reason, features_.remedy, uring_ == nullptr || refused_now};
}

FallbackState SharedEngine::TryRing() {
  // The kernel gives the memory of a destroyed ring, such as the one that
  // detection made, back a little later.
  constexpr int kAttempts = 20;
  constexpr timespec kPause = {0, 5 * 1000 * 1000};
  for (int attempt = 0; uring_ != nullptr && attempt < kAttempts; ++attempt) {
    if (uring_->TryRing()) {
      return {};
    }
    nanosleep(&kPause, nullptr);
  }
  return fallback();
}

InFlightReport SharedEngine::InFlight() const {
  InFlightReport report;
  engine_->AddInFlight(&report);
  // A device that hangs does so for files outside the share as well.
  if (const Statistics* const plain = plain_statistics()) {
    plain->in_flight().AddTo(&report);
  }
  if (const DeadlineReads* const reads =
          deadline_reads_.load(std::memory_order_acquire)) {
    report.abandoned = reads->abandoned();
    report.abandoned_bytes = reads->abandoned_bytes();
  }
  return report;
}

size_t SharedEngine::rings() const {
  return uring_ == nullptr ? 0 : uring_->rings();
}

uint64_t SharedEngine::memory_bytes() const {
  const Statistics* const plain = plain_statistics();
  return account_.bytes() + statistics_.memory_bytes() +
         (plain == nullptr ? 0 : plain->memory_bytes());
}

}  // namespace rocksdb_uring
