// The engines under test: those that are shipped, put together as the ring
// layout asks, and one that does nothing.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "env/base/memory_account.h"
#include "env/engine/io_engine.h"
#include "env/engine/shared_engine.h"
#include "tools/bench/call_counter.h"
#include "tools/bench/options.h"

namespace rocksdb_uring {

// What engines have done so far.
struct EngineCounts {
  CallCounter::Counts calls = {};
  std::array<uint64_t, kIoPathCount> paths = {};
};

class BenchEngines {
 public:
  // Null, with `*error` set, if rings are wanted and the kernel allows none.
  static std::unique_ptr<BenchEngines> Create(const BenchOptions& options,
                                              std::string* error);

  // The engine that the `thread`th thread is to use.
  IoEngine* ForThread(size_t thread) {
    return engines_[thread % engines_.size()];
  }
  EngineCounts Counts() const;
  // Memory that the engines hold; rings of --layout=shared included.
  uint64_t memory_bytes() const;

 private:
  BenchEngines() : system_calls_(&counter_) {}
  void CreateUring(const BenchOptions& options, const RingFeatures& features);

  CallCounter counter_;
  CountingSystemCalls system_calls_;
  MemoryAccount account_;
  Statistics statistics_;  // of engines that are not in shared_
  std::vector<std::unique_ptr<SharedEngine>> shared_;
  std::vector<std::unique_ptr<IoEngine>> owned_;
  std::vector<IoEngine*> engines_;
};

}  // namespace rocksdb_uring
