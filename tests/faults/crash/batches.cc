// SPDX-License-Identifier: Apache-2.0

#include "tests/faults/crash/batches.h"

#include <cstdio>
#include <cstdlib>

namespace rocksdb_uring {

namespace {

constexpr uint64_t kKeysPerThread = 800;
constexpr uint64_t kChangesMax = 6;

// A generator that costs nothing to make (splitmix64).
class Mixer {
 public:
  Mixer(uint64_t seed, uint64_t a, uint64_t b)
      : state_(seed ^ a * 0xd1342543de82ef95 ^ b * 0xaf251af3b0f025b5) {}
  uint64_t operator()() {
    uint64_t x = state_ += 0x9e3779b97f4a7c15;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
  }

 private:
  uint64_t state_;
};

std::string KeyOf(size_t thread, uint64_t key) {
  char text[32];
  snprintf(text, sizeof(text), "thread%zu.%06llu", thread,
           static_cast<unsigned long long>(key));
  return text;
}

// Mostly small; some are longer than a block of the WAL.
uint64_t LengthFrom(uint64_t random) {
  return random % 64 == 0 ? 1000 + random / 64 % 60000 : 20 + random / 64 % 500;
}

}  // namespace

std::vector<Change> ChangesOf(uint64_t seed, size_t thread, uint64_t number) {
  Mixer random(seed, thread + 1, number);
  std::vector<Change> changes(1 + random() % kChangesMax);
  for (Change& change : changes) {
    change.key = KeyOf(thread, random() % kKeysPerThread);
    change.deletes = random() % 8 == 0;
    change.length = LengthFrom(random());
  }
  return changes;
}

std::string ValueOf(uint64_t seed, const std::string& key, uint64_t number,
                    uint64_t length) {
  std::string value = std::to_string(number) + ":";
  uint64_t hash = 0;
  for (char c : key) {
    hash = hash * 31 + static_cast<unsigned char>(c);
  }
  Mixer random(seed, hash, number);
  while (value.size() < length) {
    const uint64_t word = random();
    value.append(reinterpret_cast<const char*>(&word), sizeof(word));
  }
  return value;
}

std::string DescribeValue(uint64_t seed, const std::string& key,
                          const std::string& value) {
  const uint64_t batch = strtoull(value.c_str(), nullptr, 10);
  const bool whole = value == ValueOf(seed, key, batch, value.size());
  return std::to_string(value.size()) + " bytes of batch " +
         std::to_string(batch) + (whole ? "" : ", damaged");
}

std::string NewestKeyOf(size_t thread) {
  return "newest" + std::to_string(thread);
}

bool IsNewestKey(const std::string& key) { return key.rfind("newest", 0) == 0; }

rocksdb::WriteBatch MakeBatch(uint64_t seed, size_t thread, uint64_t number) {
  rocksdb::WriteBatch batch;
  for (const Change& change : ChangesOf(seed, thread, number)) {
    if (change.deletes) {
      batch.Delete(change.key).PermitUncheckedError();
    } else {
      batch.Put(change.key, ValueOf(seed, change.key, number, change.length))
          .PermitUncheckedError();
    }
  }
  batch.Put(NewestKeyOf(thread), std::to_string(number)).PermitUncheckedError();
  return batch;
}

}  // namespace rocksdb_uring
