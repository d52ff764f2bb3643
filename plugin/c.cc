// The environment for RocksDB's C API, and its statistics.
//
// SPDX-License-Identifier: Apache-2.0
#include "rocksdb_uring/c.h"

#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include "rocksdb/env.h"
#include "rocksdb_uring/uring.h"

// A copy of RocksDB's private type: rocksdb_env_destroy deletes `rep` and the
// struct. A test compares it with what RocksDB's library creates.
struct rocksdb_env_t {
  ROCKSDB_NAMESPACE::Env* rep;
  bool is_default;
};

namespace {

using ROCKSDB_NAMESPACE::FileSystem;
using ROCKSDB_NAMESPACE::Status;

void StoreError(const Status& status, char** errptr) {
  free(*errptr);
  *errptr = strdup(status.ToString().c_str());
}

char* Text(rocksdb_env_t* env, Status (*get)(FileSystem*, std::string*),
           char** errptr) {
  std::string text;
  const Status status = get(env->rep->GetFileSystem().get(), &text);
  if (!status.ok()) {
    StoreError(status, errptr);
    return nullptr;
  }
  return strdup(text.c_str());
}

}  // namespace

extern "C" rocksdb_env_t* rocksdb_uring_create_env(const char* options,
                                                   char** errptr) {
  std::unique_ptr<ROCKSDB_NAMESPACE::Env> env;
  const Status status = rocksdb_uring::NewUringEnv(
      options == nullptr ? std::string() : std::string(options), &env);
  if (!status.ok()) {
    StoreError(status, errptr);
    return nullptr;
  }
  return new rocksdb_env_t{env.release(), false};
}

extern "C" void rocksdb_uring_change_settings(rocksdb_env_t* env,
                                              const char* settings,
                                              char** errptr) {
  const Status status = rocksdb_uring::ChangeUringSettings(
      env->rep->GetFileSystem().get(), settings);
  if (!status.ok()) {
    StoreError(status, errptr);
  }
}

extern "C" char* rocksdb_uring_statistics_json(rocksdb_env_t* env,
                                               char** errptr) {
  return Text(env, rocksdb_uring::GetUringStatisticsJson, errptr);
}

extern "C" char* rocksdb_uring_statistics_prometheus(rocksdb_env_t* env,
                                                     char** errptr) {
  return Text(env, rocksdb_uring::GetUringStatisticsPrometheus, errptr);
}
