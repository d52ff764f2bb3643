// SPDX-License-Identifier: Apache-2.0

#include "tools/bench/runner.h"

#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "env/base/lock_waits.h"
#include "tools/bench/worker.h"

namespace rocksdb_uring {

namespace {

using Clock = std::chrono::steady_clock;

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) +
         static_cast<double>(time.tv_usec) / 1e6;
}

void Sleep(double seconds) {
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
}

// Everything that is read at both ends of the measurement.
struct Moment {
  explicit Moment(const BenchEngines& engines)
      : time(Clock::now()), counts(engines.Counts()), waits(LockWait::SoFar()) {
    getrusage(RUSAGE_SELF, &usage);
  }

  Clock::time_point time;
  EngineCounts counts;
  LockWaits waits;
  rusage usage = {};
};

// What has been waited since, by count and microseconds.
void Waited(const Moment& begin, const Moment& end, WaitsFor what,
            double* count, double* us) {
  const LockWaits::Sum& from = begin.waits[what];
  const LockWaits::Sum& to = end.waits[what];
  *count = static_cast<double>(to.count - from.count);
  *us = static_cast<double>(to.ns - from.ns) / 1000;
}

template <typename T, size_t kCount>
void Subtract(const std::array<T, kCount>& from, std::array<T, kCount>* to) {
  for (size_t i = 0; i < kCount; ++i) {
    (*to)[i] -= from[i];
  }
}

BenchResult Between(const Moment& begin, const Moment& end) {
  BenchResult out;
  out.seconds = std::chrono::duration<double>(end.time - begin.time).count();
  out.counts = end.counts;
  Subtract(begin.counts.calls, &out.counts.calls);
  Subtract(begin.counts.paths, &out.counts.paths);
  out.user_s = Seconds(end.usage.ru_utime) - Seconds(begin.usage.ru_utime);
  out.system_s = Seconds(end.usage.ru_stime) - Seconds(begin.usage.ru_stime);
  out.context_switches =
      static_cast<uint64_t>(end.usage.ru_nvcsw + end.usage.ru_nivcsw -
                            begin.usage.ru_nvcsw - begin.usage.ru_nivcsw);
  Waited(begin, end, WaitsFor::kLock, &out.lock_waits, &out.lock_wait_us);
  Waited(begin, end, WaitsFor::kOtherThread, &out.thread_waits,
         &out.thread_wait_us);
  return out;
}

void Merge(const WorkerResult& from, BenchResult* to) {
  to->ops += from.ops;
  to->errors += from.errors;
  to->latency.Merge(from.latency);
  if (to->first_error == 0) {
    to->first_error = from.first_error;
  }
}

}  // namespace

BenchResult RunBench(const BenchOptions& options, const TargetFile& target,
                     BenchEngines* engines) {
  std::atomic<Phase> phase{Phase::kWarmup};
  std::vector<std::unique_ptr<Worker>> workers;
  std::vector<std::thread> threads;
  for (size_t i = 0; i < options.threads; ++i) {
    workers.push_back(
        std::make_unique<Worker>(options, target, i, engines->ForThread(i)));
  }
  std::atomic<size_t> started{0};
  for (const auto& worker : workers) {
    threads.emplace_back([&worker, &phase, &started] {
      ++started;
      worker->Run(&phase);
    });
  }
  // Time counts once all are there.
  while (started < workers.size()) {
    std::this_thread::yield();
  }
  Sleep(options.warmup_s);
  const Moment begin(*engines);
  phase = Phase::kMeasure;
  Sleep(options.runtime_s);
  phase = Phase::kStop;
  const Moment end(*engines);
  for (std::thread& thread : threads) {
    thread.join();
  }
  BenchResult result = Between(begin, end);
  for (const auto& worker : workers) {
    Merge(worker->result(), &result);
  }
  result.engine_memory_bytes = engines->memory_bytes();
  return result;
}

}  // namespace rocksdb_uring
