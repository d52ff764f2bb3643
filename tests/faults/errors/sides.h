// The configurations of the plugin that are compared with the default file
// system.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "env/engine/shared_engine.h"
#include "rocksdb/env.h"
#include "tests/support/file/paths.h"

namespace rocksdb_uring {

enum class SideId : uint8_t { kAuto, kRings, kPosix };

struct Side {
  SideId id;
  DiskPath path;
};

constexpr Side kSides[] = {
    {SideId::kAuto, kDiskPaths[0]},
    {SideId::kRings, kDiskPaths[1]},
    {SideId::kPosix, {"Posix", "reads=posix;writes=posix;syncs=posix", false}}};

// The plugin on a new engine with injecting rings, so that statistics, rings
// and breaker start fresh in each cell.
class PluginSide {
 public:
  explicit PluginSide(const Side& side);

  rocksdb::Env* env() { return env_.get(); }
  // Fails the test if the statistics do not show the side's path.
  void ExpectEntered();

 private:
  const Side side_;
  std::shared_ptr<SharedEngine> engine_;
  std::unique_ptr<rocksdb::Env> env_;
};

}  // namespace rocksdb_uring
