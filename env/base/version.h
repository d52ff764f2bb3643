// The version of rocksdb-uring: the one place that says it.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace rocksdb_uring {

// CMakeLists.txt reads it from this line, for the soname, the packages and
// pkg-config. A header, so that builds inside RocksDB have it without CMake.
inline constexpr char kVersion[] = "0.9.0";

}  // namespace rocksdb_uring
