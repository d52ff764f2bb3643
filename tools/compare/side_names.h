// What the sides of a comparison are called in tables, legends and progress.
//
// SPDX-License-Identifier: Apache-2.0
#ifndef ROCKSDB_URING_TOOLS_COMPARE_SIDE_NAMES_H_
#define ROCKSDB_URING_TOOLS_COMPARE_SIDE_NAMES_H_

#include <string>

namespace rocksdb_uring {

struct SideNames {
  std::string a;
  std::string b;
};

}  // namespace rocksdb_uring

#endif  // ROCKSDB_URING_TOOLS_COMPARE_SIDE_NAMES_H_
