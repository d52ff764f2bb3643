// What the writing threads write. Every batch follows from the seed, its
// thread and its number, so that the test knows what a database must hold from
// the number of each thread's newest batch. Threads have keys of their own.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "rocksdb/write_batch.h"

namespace rocksdb_uring {

struct Change {
  std::string key;
  bool deletes;
  uint64_t length;  // of the value, at least
};

// The changes of the `number`th batch (from 1) of a thread, in order. The batch
// also stores its number under the thread's NewestKey.
std::vector<Change> ChangesOf(uint64_t seed, size_t thread, uint64_t number);
std::string NewestKeyOf(size_t thread);
bool IsNewestKey(const std::string& key);
rocksdb::WriteBatch MakeBatch(uint64_t seed, size_t thread, uint64_t number);

// The value that batch `number` gives a key.
std::string ValueOf(uint64_t seed, const std::string& key, uint64_t number,
                    uint64_t length);
// What a value says about itself: its length, its batch, and whether it is
// damaged.
std::string DescribeValue(uint64_t seed, const std::string& key,
                          const std::string& value);

}  // namespace rocksdb_uring
