// The environment for RocksDB's C API.
//
// SPDX-License-Identifier: Apache-2.0
#include "rocksdb_uring/c.h"

#include <cstdlib>
#include <cstring>
#include <memory>

#include "rocksdb/env.h"
#include "rocksdb_uring/uring.h"

// A copy of RocksDB's private type: rocksdb_env_destroy deletes `rep` and the
// struct. A test compares it with what RocksDB's library creates.
struct rocksdb_env_t {
  ROCKSDB_NAMESPACE::Env* rep;
  bool is_default;
};

extern "C" rocksdb_env_t* rocksdb_uring_create_env(const char* options,
                                                   char** errptr) {
  std::unique_ptr<ROCKSDB_NAMESPACE::Env> env;
  const ROCKSDB_NAMESPACE::Status status = rocksdb_uring::NewUringEnv(
      options == nullptr ? std::string() : std::string(options), &env);
  if (!status.ok()) {
    free(*errptr);
    *errptr = strdup(status.ToString().c_str());
    return nullptr;
  }
  return new rocksdb_env_t{env.release(), false};
}
