// A copy of a database that can be written to without harm to the database.
//
// SPDX-License-Identifier: Apache-2.0
#ifndef ROCKSDB_URING_TOOLS_COMPARE_DATABASE_COPY_H_
#define ROCKSDB_URING_TOOLS_COMPARE_DATABASE_COPY_H_

#include <string>

namespace rocksdb_uring {

// Makes the directory `to` a copy of the database `from`; replaces what is
// there. Tables and blob files never change once written: the copy has hard
// links to them, takes no space for them, and shares their pages in the page
// cache. RocksDB removes them by name, which leaves the database's own names.
// All other files are copied. Returns false with *error if `from` is open in a
// process, holds no database, or lies on another filesystem.
bool CopyDatabase(const std::string& from, const std::string& to,
                  std::string* error);

}  // namespace rocksdb_uring

#endif  // ROCKSDB_URING_TOOLS_COMPARE_DATABASE_COPY_H_
