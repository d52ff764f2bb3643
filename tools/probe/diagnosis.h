// All that uring_probe finds out, and the verdict that follows from it.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "env/ring/features.h"
#include "tools/probe/kernel.h"
#include "tools/probe/path_trials.h"
#include "tools/probe/storage.h"

namespace rocksdb_uring {

// A variable of the environment that the plugin reads.
struct EnvironmentSetting {
  std::string name;
  std::optional<std::string> value;
  // What the value does; empty when unset.
  std::string effect;
};

struct Diagnosis {
  std::string path;
  KernelInfo kernel;
  RingFeatures features;
  RingTrial rings;  // all zero when io_uring is not usable
  Storage storage;
  PathTrials trials;
  std::vector<EnvironmentSetting> environment;

  // Whether the plugin, loaded here and now, uses rings.
  bool usable = false;
  // Why not, and what to change; empty when usable.
  std::string reason;
  std::string remedy;
};

// REQUIRES: `path` is a file or a directory.
Diagnosis Diagnose(const std::string& path);

// For people, and for programs.
std::string FormatText(const Diagnosis& diagnosis);
std::string FormatJson(const Diagnosis& diagnosis);

}  // namespace rocksdb_uring
