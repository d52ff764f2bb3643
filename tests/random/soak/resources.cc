// SPDX-License-Identifier: Apache-2.0

#include "tests/random/soak/resources.h"

#include <algorithm>

#include "tests/support/engine/sanitizers.h"
#include "tests/support/engine/test_support.h"

namespace rocksdb_uring {

namespace {

// The largest of a quarter, from `first` on.
uint64_t Largest(const std::vector<Resources>& rounds, size_t first,
                 uint64_t Resources::*what) {
  uint64_t largest = 0;
  const size_t end = first + std::max<size_t>(rounds.size() / 4, 1);
  for (size_t i = first; i < end; ++i) {
    largest = std::max(largest, rounds[i].*what);
  }
  return largest;
}

}  // namespace

Resources MeasureResources(uint64_t engine_bytes) {
  Resources now;
  now.resident_bytes = ResidentBytes();
  now.engine_bytes = engine_bytes;
  now.descriptors = OpenDescriptors();
  return now;
}

std::string Growth(const std::vector<Resources>& rounds) {
  // The first round warms up.
  if (rounds.size() < 5) {
    return "";
  }
  const std::vector<Resources> warm(rounds.begin() + 1, rounds.end());
  struct Limit {
    const char* name;
    uint64_t Resources::*what;
    uint64_t slack;
  };
  const Limit limits[] = {
      // A sanitizer keeps freed memory back.
      {"resident bytes", &Resources::resident_bytes,
       uint64_t{kAddressSanitizer || kThreadSanitizer ? 2048 : 64} << 20},
      {"bytes of the engine", &Resources::engine_bytes, 256 << 10},
      {"descriptors", &Resources::descriptors, 8}};
  for (const Limit& limit : limits) {
    const uint64_t first = Largest(warm, 0, limit.what);
    const uint64_t last = Largest(
        warm, warm.size() - std::max<size_t>(warm.size() / 4, 1), limit.what);
    if (last > first + first / 4 + limit.slack) {
      return std::string(limit.name) + " have grown from " +
             std::to_string(first) + " to " + std::to_string(last);
    }
  }
  return "";
}

}  // namespace rocksdb_uring
