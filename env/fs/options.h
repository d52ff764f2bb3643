// The options of the file system, and parsing them from text.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "env/engine/io_engine.h"
#include "env/engine/shared_engine.h"
#include "env/file/file_policy.h"
#include "env/file/rocksdb_compat.h"
#include "rocksdb/utilities/options_type.h"

namespace rocksdb_uring {

// The name of the file system in URIs and in `id=`.
constexpr char kFileSystemId[] = "uring";

enum class Fallback : uint8_t {
  kAuto,     // without io_uring, serve through POSIX
  kRequire,  // without io_uring, fail to open the file system
};

// plugin/README.md has the table with meanings, ranges and defaults.
struct FileSystemOptions {
  static constexpr uint32_t kStatsIntervalMax = 86400;

  // Options of the engine that all file systems of the process share.
  EngineRequest engine;
  // What may change while the file system is in use.
  std::shared_ptr<FilePolicy> policy = std::make_shared<FilePolicy>();
  // Bytes that a buffered table or blob file grows between two write-outs; 0
  // leaves all of it to the sync.
  uint64_t write_out_bytes = 4 << 20;
  Fallback fallback = Fallback::kAuto;
  // Empty: no statistics file. `%p` stands for the process id.
  std::string stats_file;
  // The same for a file in Prometheus' text format.
  std::string prometheus_file;
  // Seconds between two writes of both files; 0: at the end only.
  uint32_t stats_interval_s = 10;
  // Seconds between two reports in RocksDB's LOG; 0: none.
  uint32_t stats_log_interval_s = 0;
  // Threads that run RocksDB's coroutines (read_executor.h), at the least; 0:
  // none, and its GetAsync is Get. By default one for each processor, at most
  // 8: each does the work of lookups, and has the reads of hundreds in flight.
  static constexpr uint32_t kExecutorThreadsMax = 128;
  static uint32_t DefaultExecutorThreads();
  uint32_t executor_threads = DefaultExecutorThreads();
  // Empty: no control file (control_file.h). `%p` stands for the process id.
  std::string control_file;
  // Not an option: ROCKSDB_URING=off in the environment. The file system below
  // serves everything.
  bool switched_off = false;
};

// For Configurable::RegisterOptions on a FileSystemOptions. A bad value is
// InvalidArgument that names the option, the value and the allowed values.
const std::unordered_map<std::string, rocksdb::OptionTypeInfo>*
FileSystemOptionsTypeInfo();

// Returns the names of all options, separated by commas, for messages.
std::string FileSystemOptionNames();

// Parses options in any form that users write: nothing, `uring`,
// `uring://?a=1&b=2`, `a=1;b=2` and `id=uring;a=1;b=2`.
rocksdb::Status ParseOptionText(
    const std::string& text,
    std::unordered_map<std::string, std::string>* options);

}  // namespace rocksdb_uring
