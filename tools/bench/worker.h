// One thread of the measurement.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "env/base/aligned_buffer.h"
#include "env/engine/io_engine.h"
#include "tools/bench/histogram.h"
#include "tools/bench/options.h"
#include "tools/bench/target_file.h"

namespace rocksdb_uring {

enum class Phase { kWarmup, kMeasure, kStop };

// What was done while the phase was kMeasure.
struct WorkerResult {
  uint64_t ops = 0;
  uint64_t errors = 0;
  // Negated errno of the first failure, in any phase; 0 if there was none.
  int64_t first_error = 0;
  // Nanoseconds of an operation, or of a batch.
  Histogram latency;
};

class Worker {
 public:
  // Nothing is owned. `index` of `options.threads`: sequential patterns give
  // each thread a part of the file.
  Worker(const BenchOptions& options, const TargetFile& target, size_t index,
         IoEngine* engine);

  // Until the phase is kStop. On return nothing is in flight.
  void Run(const std::atomic<Phase>* phase);
  const WorkerResult& result() const { return result_; }

 private:
  void RunBatches();
  void Sync(const RunOptions& run);
  void RunAsynchronously();
  void StartAll();
  void WaitForSome();
  void Prepare(IoOp* op);
  void Finish(const IoOp& op);
  uint64_t NextRandom();
  uint64_t NextOffset();
  bool measuring() const {
    return phase_->load(std::memory_order_relaxed) == Phase::kMeasure;
  }
  bool stopped() const {
    return phase_->load(std::memory_order_relaxed) == Phase::kStop;
  }

  const BenchOptions& options_;
  IoEngine* const engine_;
  const std::atomic<Phase>* phase_ = nullptr;

  const size_t op_count_;
  AlignedBuffer buffer_;
  std::unique_ptr<IoOp[]> ops_;
  // By position of the operation in ops_.
  std::vector<uint64_t> started_ns_;
  // In the order of submission.
  std::vector<IoOp*> in_flight_;
  std::vector<IoOp*> to_start_;

  uint64_t first_block_;
  uint64_t block_count_;
  uint64_t next_block_ = 0;
  uint64_t random_;
  WorkerResult result_;
};

}  // namespace rocksdb_uring
