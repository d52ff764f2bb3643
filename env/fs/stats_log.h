// What the engine did lately, for RocksDB's LOG.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "env/base/clock.h"
#include "env/engine/shared_engine.h"

namespace rocksdb_uring {

// REQUIRES: external synchronization.
class StatsLog {
 public:
  // `engine` is not owned and must outlive this object.
  explicit StatsLog(const SharedEngine* engine);

  // What was done since the last call, or since this object was made: rates
  // and times by kind and path, what is in flight, and why POSIX serves if it
  // does. Empty if nothing was done and nothing is in flight.
  std::string Report();

 private:
  // Of one kind and path.
  struct Done {
    OperationCount operations;
    LatencySnapshot times;
  };
  using All = std::array<Done, kStatKindCount * kIoPathCount>;

  void Read(All* all) const;
  static std::string Line(StatKind kind, IoPath path, const Done& now,
                          const Done& before, uint64_t elapsed_ns);

  const SharedEngine* const engine_;
  StartTime since_;
  // Of the last call. On the heap: 120 KiB.
  std::unique_ptr<All> before_;
  std::unique_ptr<All> now_;
};

}  // namespace rocksdb_uring
