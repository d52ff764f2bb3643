// The functions of the public C++ header.
//
// SPDX-License-Identifier: Apache-2.0
#include "rocksdb_uring/uring.h"

#include <utility>

#include "env/fs/stats_file.h"
#include "env/fs/uring_file_system.h"
#include "rocksdb/convenience.h"

namespace rocksdb_uring {

using rocksdb::Env;
using rocksdb::FileSystem;
using rocksdb::Status;

namespace {

// The file system itself, or the one that it wraps.
Status FindUring(FileSystem* file_system, UringFileSystem** result) {
  *result = file_system == nullptr
                ? nullptr
                : file_system->CheckedCast<UringFileSystem>();
  if (*result != nullptr) {
    return Status::OK();
  }
  return Status::InvalidArgument(
      std::string(file_system == nullptr ? "a null pointer"
                                         : file_system->Name()) +
          " is not a uring file system, nor does it wrap one",
      "pass the file system of an Env made by NewUringEnv or a URI uring://");
}

}  // namespace

Status NewUringFileSystem(const std::string& options,
                          std::shared_ptr<FileSystem>* result) {
  std::unique_ptr<UringFileSystem> file_system;
  const Status status =
      UringFileSystem::Create(options, /*ready=*/true, &file_system);
  if (status.ok()) {
    *result = std::move(file_system);
  }
  return status;
}

Status NewUringEnv(const std::string& options, std::unique_ptr<Env>* result) {
  std::shared_ptr<FileSystem> file_system;
  const Status status = NewUringFileSystem(options, &file_system);
  if (status.ok()) {
    *result = rocksdb::NewCompositeEnv(file_system);
  }
  return status;
}

Status ChangeUringSettings(FileSystem* file_system,
                           const std::string& settings) {
  UringFileSystem* uring = nullptr;
  const Status status = FindUring(file_system, &uring);
  return status.ok()
             ? uring->ConfigureFromString(rocksdb::ConfigOptions(), settings)
             : status;
}

Status GetUringStatisticsJson(FileSystem* file_system, std::string* json) {
  UringFileSystem* uring = nullptr;
  const Status status = FindUring(file_system, &uring);
  if (status.ok()) {
    *json = uring->StatisticsJson();
  }
  return status;
}

Status GetUringStatisticsPrometheus(FileSystem* file_system,
                                    std::string* text) {
  UringFileSystem* uring = nullptr;
  const Status status = FindUring(file_system, &uring);
  if (status.ok()) {
    *text = uring->PrometheusText();
  }
  return status;
}

Status GetUringStatistics(FileSystem* file_system,
                          std::map<std::string, uint64_t>* statistics) {
  std::string json;
  const Status status = GetUringStatisticsJson(file_system, &json);
  if (status.ok()) {
    *statistics = FlattenStats(json);
  }
  return status;
}

}  // namespace rocksdb_uring
