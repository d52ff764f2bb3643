// What one thread's share of the keys must hold.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "rocksdb/db.h"

namespace rocksdb_uring {

// Numbers from 0 on name the keys of the share; each has a version, and the
// value follows from both.
class Expectation {
 public:
  Expectation(unsigned share, uint64_t keys) : share_(share), versions_(keys) {}

  uint64_t keys() const { return versions_.size(); }
  std::string Key(uint64_t number) const;
  // The value of the key's present version.
  std::string Value(uint64_t number) const {
    return ValueOf(number, versions_[number]);
  }
  std::string ValueOf(uint64_t number, uint32_t version) const;
  // 0: there is no such key.
  uint32_t version(uint64_t number) const { return versions_[number]; }
  void set_version(uint64_t number, uint32_t version) {
    versions_[number] = version;
  }

  // Each is empty, or what is wrong.
  std::string CheckGet(uint64_t number, const rocksdb::Status& status,
                       const rocksdb::Slice& value) const;
  // Goes through at most `count` keys from `first` on, backwards if so asked.
  std::string CheckScan(rocksdb::DB* db, rocksdb::ReadOptions options,
                        uint64_t first, uint64_t count, bool backwards) const;

 private:
  unsigned share_;
  std::vector<uint32_t> versions_;
};

}  // namespace rocksdb_uring
