// What a process holds, and whether it grows.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace rocksdb_uring {

struct Resources {
  uint64_t resident_bytes = 0;
  uint64_t engine_bytes = 0;
  uint64_t descriptors = 0;
};

// Of this process now.
Resources MeasureResources(uint64_t engine_bytes);

// Whether the last quarter holds more than the first by a generous margin:
// empty, or what has grown.
std::string Growth(const std::vector<Resources>& rounds);

}  // namespace rocksdb_uring
