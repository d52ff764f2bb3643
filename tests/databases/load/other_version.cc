// Preloaded, makes any librocksdb one of another version, as far as it is
// asked.
//
// SPDX-License-Identifier: Apache-2.0
#include <string>

namespace rocksdb {

__attribute__((visibility("default"))) std::string GetRocksVersionAsString(
    bool /*with_patch*/) {
  return "99.1";
}

}  // namespace rocksdb
