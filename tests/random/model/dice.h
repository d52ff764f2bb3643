// Random choices that a seed repeats.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>

namespace rocksdb_uring {

class Dice {
 public:
  explicit Dice(uint64_t seed) : random_(seed) {}

  // Less than `bound`, which is not 0.
  uint64_t Below(uint64_t bound) { return random_() % bound; }
  bool OneIn(uint64_t bound) { return Below(bound) == 0; }
  template <typename Container>
  auto& Pick(Container& from) {
    return from[Below(from.size())];
  }

 private:
  std::mt19937_64 random_;
};

}  // namespace rocksdb_uring
