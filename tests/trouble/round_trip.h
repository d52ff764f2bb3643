// A database that is made, closed, opened again and read.
#pragma once

#include <string>

#include "rocksdb/env.h"

namespace rocksdb_uring {

// Writes, flushes, compacts and reads in every way. Empty if all is well.
std::string RoundTrip(rocksdb::Env* env, const std::string& path);

}  // namespace rocksdb_uring
