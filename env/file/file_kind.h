// What RocksDB uses a file for, by its name: no other source tells, since
// IOOptions::type is never set (RocksDB 7.8) or nearly never (11.x).
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace rocksdb_uring {

enum class FileKind : uint8_t {
  kTable,  // .sst, .ldb: never changes once it can be read
  kBlob,   // .blob: as a table, but may be read while it grows
  kWal,    // .log with a number
  kManifest,
  kOther,
};

// `path` may hold directories.
FileKind ClassifyFile(const std::string& path);

}  // namespace rocksdb_uring
