// What is to be measured: the flags, checked.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "env/engine/io_engine.h"
#include "env/engine/polling.h"

namespace rocksdb_uring {

enum class BenchEngine { kUring, kPosix, kNone };

// How threads get at rings.
enum class RingLayout {
  kLease,   // a ring of the shared pool for each batch: as shipped
  kShared,  // one ring for all threads, on which any thread reaps
  kThread,  // a private ring for each thread
};

struct BenchOptions {
  std::string file;
  bool write = false;
  // Reads and writes; of ten operations, three are writes.
  bool mixed = false;
  bool random = true;
  // Writes grow the file from nothing, again and again.
  bool append = false;
  // Of the file that is used; 0: all of it.
  uint64_t size_bytes = 0;
  uint32_t block_size = 4096;
  // Asynchronous operations in flight per thread. 1: synchronous batches.
  uint32_t depth = 1;
  // Operations in one call of IoEngine::Run.
  uint32_t batch = 1;
  uint32_t threads = 1;
  // An fdatasync after each batch, measured with it.
  bool sync = false;
  bool direct = true;
  bool overwrite = false;
  BenchEngine engine = BenchEngine::kUring;
  RingLayout layout = RingLayout::kLease;
  PathChoice path = PathChoice::kAuto;
  uint32_t queue_depth = 0;
  Polling polling = Polling::kOff;
  double runtime_s = 0;
  double warmup_s = 0;
  std::string json;
  // All benchmarks of bench/suite.h, each in so many pairs of runs.
  bool suite = false;
  uint32_t pairs = 0;

  bool asynchronous() const { return depth > 1; }
};

// From the flags. False: `*error` names the flag, its value and what it takes.
bool ReadOptions(BenchOptions* options, std::string* error);

// The options' values as they are written in flags.
std::string PatternName(const BenchOptions& options);
const char* EngineName(BenchEngine engine);
const char* LayoutName(RingLayout layout);
const char* PathChoiceName(PathChoice path);

}  // namespace rocksdb_uring
