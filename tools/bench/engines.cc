// SPDX-License-Identifier: Apache-2.0

#include "tools/bench/engines.h"

#include <fcntl.h>

#include <filesystem>
#include <string>
#include <utility>

#include "env/base/file_descriptor.h"
#include "env/engine/async_shard.h"
#include "env/engine/breaker.h"
#include "env/engine/posix_engine.h"
#include "env/ring/features.h"

namespace rocksdb_uring {

namespace {

// Completes everything at once: what is left is the cost of this program.
class NullEngine final : public IoEngine {
 public:
  explicit NullEngine(Statistics* statistics) : statistics_(statistics) {}

  void Run(IoOp* ops, size_t count, const RunOptions&) override {
    for (size_t i = 0; i < count; ++i) {
      ops[i].result = static_cast<int64_t>(ops[i].length);
      ops[i].set_state(IoState::kCompleted);
    }
  }
  size_t Submit(IoOp* const* ops, size_t count) override {
    for (size_t i = 0; i < count; ++i) {
      Run(ops[i], 1, RunOptions());
    }
    return count;
  }
  bool Wait(IoOp* op, uint64_t) override { return op->completed(); }
  size_t Poll() override { return 0; }
  void Cancel(IoOp*) override {}
  bool asynchronous() override { return true; }
  Statistics* statistics() override { return statistics_; }

 private:
  Statistics* const statistics_;
};

// All threads on one ring: a batch is submitted and then waited for, and each
// waiting thread reaps completions for all.
class OneRingEngine final : public IoEngine {
 public:
  OneRingEngine(const EngineOptions& options, Statistics* statistics,
                MemoryAccount* account)
      : posix_(options.system_calls, statistics),
        rings_{options.ring_factory, &breaker_, statistics, account},
        shard_(ShardOptions(options), Completer(&posix_, statistics), &rings_),
        statistics_(statistics) {}

  void Run(IoOp* ops, size_t count, const RunOptions& options) override {
    std::vector<IoOp*> pointers(count);
    for (size_t i = 0; i < count; ++i) {
      pointers[i] = &ops[i];
    }
    for (size_t done = 0; done < count;) {
      const size_t taken = shard_.Submit(&pointers[done], count - done);
      if (taken == 0) {
        posix_.Run(&ops[done], count - done, options);
        return;
      }
      for (size_t i = done; i < done + taken; ++i) {
        shard_.Wait(&ops[i], kNoTimeout);
      }
      done += taken;
    }
  }
  size_t Submit(IoOp* const* ops, size_t count) override {
    return shard_.Submit(ops, count);
  }
  bool Wait(IoOp* op, uint64_t timeout_us) override {
    return shard_.Wait(op, timeout_us);
  }
  size_t Poll() override { return shard_.Poll(); }
  void Cancel(IoOp* op) override { shard_.Cancel(op); }
  bool asynchronous() override { return breaker_.MayAllow(); }
  Statistics* statistics() override { return statistics_; }

 private:
  static AsyncShard::Options ShardOptions(const EngineOptions& options) {
    AsyncShard::Options shard;
    shard.ring.entries = options.queue_depth;
    shard.ring.completion_entries =
        UringEngine::InFlightMax(options.queue_depth);
    shard.backlog_max = shard.ring.completion_entries;
    return shard;
  }

  PosixEngine posix_;
  Breaker breaker_;
  const RingEnvironment rings_;
  AsyncShard shard_;
  Statistics* const statistics_;
};

// Of the directory of the file, which need not be there yet.
std::string WhyNotPolled(const BenchOptions& options, SharedEngine* engine) {
  const std::string directory =
      std::filesystem::absolute(options.file).parent_path();
  const FileDescriptor fd(
      open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.valid()) {
    (void)engine->PollsDevice(fd.get());
  }
  const PollingState state = engine->polling();
  return state.active ? "" : state.reason + "; " + state.remedy;
}

}  // namespace

std::unique_ptr<BenchEngines> BenchEngines::Create(const BenchOptions& options,
                                                   std::string* error) {
  std::unique_ptr<BenchEngines> self(new BenchEngines());
  if (options.engine == BenchEngine::kUring) {
    const RingFeatures features = DetectRingFeatures();
    if (features.verdict != RingVerdict::kUsable) {
      *error = "no io_uring: " + features.reason + "; " + features.remedy;
      return nullptr;
    }
    self->CreateUring(options, features);
    if (options.polling != Polling::kOff) {
      *error = WhyNotPolled(options, self->shared_[0].get());
      if (!error->empty()) {
        return nullptr;
      }
    }
  } else if (options.engine == BenchEngine::kPosix) {
    self->owned_.push_back(std::make_unique<PosixEngine>(&self->system_calls_,
                                                         &self->statistics_));
  } else {
    self->owned_.push_back(std::make_unique<NullEngine>(&self->statistics_));
  }
  for (const auto& shared : self->shared_) {
    self->engines_.push_back(shared->engine());
  }
  for (const auto& owned : self->owned_) {
    self->engines_.push_back(owned.get());
  }
  return self;
}

void BenchEngines::CreateUring(const BenchOptions& options,
                               const RingFeatures& features) {
  EngineOptions engine;
  engine.queue_depth = options.queue_depth;
  engine.polling = options.polling;
  engine.ring_factory = CountingRingFactory(&counter_);
  engine.system_calls = &system_calls_;
  if (options.layout == RingLayout::kShared) {
    owned_.push_back(
        std::make_unique<OneRingEngine>(engine, &statistics_, &account_));
    return;
  }
  // A private engine has one batch at a time, and so one ring.
  const size_t count =
      options.layout == RingLayout::kThread ? options.threads : 1;
  for (size_t i = 0; i < count; ++i) {
    shared_.push_back(std::make_unique<SharedEngine>(engine, features));
  }
}

EngineCounts BenchEngines::Counts() const {
  EngineCounts counts;
  counts.calls = counter_.Sum();
  const auto add = [&counts](const StatisticsSnapshot& snapshot) {
    for (const auto& kind : snapshot.ops) {
      for (size_t path = 0; path < kIoPathCount; ++path) {
        counts.paths[path] += kind[path].count;
      }
    }
  };
  add(statistics_.Snapshot());
  for (const auto& shared : shared_) {
    add(shared->statistics()->Snapshot());
  }
  return counts;
}

uint64_t BenchEngines::memory_bytes() const {
  uint64_t bytes = account_.bytes();
  for (const auto& shared : shared_) {
    bytes += shared->memory_bytes();
  }
  return bytes;
}

}  // namespace rocksdb_uring
