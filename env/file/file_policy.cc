// Which files are in a share.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/file/file_policy.h"

#include <cstddef>

namespace rocksdb_uring {

// FNV-1a, and the finalizer of MurmurHash3: names of RocksDB differ in one
// digit, and FNV alone would put neighbours into neighbouring hundredths. The
// values must never change, or a restart would move files between the halves.
uint8_t HundredthOf(const std::string& path) {
  const size_t last = path.find_last_not_of('/');
  const size_t end = last == std::string::npos ? 0 : last + 1;
  const size_t slash = path.find_last_of('/', last);
  const size_t begin = end == 0 || slash == std::string::npos ? 0 : slash + 1;
  uint64_t hash = 0xcbf29ce484222325;
  for (size_t i = begin; i < end; ++i) {
    hash ^= static_cast<unsigned char>(path[i]);
    hash *= 0x100000001b3;
  }
  hash ^= hash >> 33;
  hash *= 0xff51afd7ed558ccd;
  hash ^= hash >> 33;
  return static_cast<uint8_t>(hash % 100);
}

}  // namespace rocksdb_uring
