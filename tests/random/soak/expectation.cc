// SPDX-License-Identifier: Apache-2.0

#include "tests/random/soak/expectation.h"

#include <cstdio>
#include <memory>

#include "tests/support/engine/test_support.h"

namespace rocksdb_uring {

using rocksdb::DB;
using rocksdb::ReadOptions;
using rocksdb::Slice;
using rocksdb::Status;

std::string Expectation::Key(uint64_t number) const {
  char key[48];
  snprintf(key, sizeof(key), "share%03u-%010llu", share_,
           static_cast<unsigned long long>(number));
  return key;
}

std::string Expectation::ValueOf(uint64_t number, uint32_t version) const {
  const uint64_t seed = (number << 32 | version) * 31 + share_;
  // Some are large enough to be blobs.
  const size_t size = seed % 50 == 0 ? 3000 + seed % 9000 : 20 + seed % 400;
  return RandomBytes(size, seed);
}

std::string Expectation::CheckGet(uint64_t number, const Status& status,
                                  const Slice& value) const {
  const bool wanted = version(number) != 0;
  if (wanted ? !status.ok() : !status.IsNotFound()) {
    return Key(number) + ": " + status.ToString() + ", version " +
           std::to_string(version(number)) + " expected";
  }
  return wanted && value != Slice(Value(number))
             ? Key(number) + ": not the value of version " +
                   std::to_string(version(number))
             : "";
}

std::string Expectation::CheckScan(DB* db, ReadOptions options, uint64_t first,
                                   uint64_t count, bool backwards) const {
  const std::unique_ptr<rocksdb::Iterator> iterator(db->NewIterator(options));
  if (backwards) {
    iterator->SeekForPrev(Key(first));
  } else {
    iterator->Seek(Key(first));
  }
  uint64_t number = first;
  for (uint64_t n = 0; n < count && number < keys(); ++n) {
    if (version(number) != 0) {
      if (!iterator->Valid() || iterator->key() != Slice(Key(number))) {
        return "a scan does not meet " + Key(number) + ": " +
               iterator->status().ToString();
      }
      const std::string mistake =
          CheckGet(number, Status::OK(), iterator->value());
      if (!mistake.empty()) {
        return "a scan: " + mistake;
      }
      if (backwards) {
        iterator->Prev();
      } else {
        iterator->Next();
      }
    }
    // Wraps below 0, which ends the loop.
    number += backwards ? ~uint64_t{0} : 1;
  }
  return iterator->status().ok() ? "" : iterator->status().ToString();
}

}  // namespace rocksdb_uring
