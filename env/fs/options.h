// The options of the file system, as a user writes them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "env/engine/io_engine.h"
#include "env/engine/shared_engine.h"
#include "env/file/rocksdb_compat.h"
#include "rocksdb/utilities/options_type.h"

namespace rocksdb_uring {

// What URIs and `id=` call the file system.
constexpr char kFileSystemId[] = "uring";

enum class Fallback : uint8_t {
  kAuto,     // POSIX where there is no io_uring
  kRequire,  // opening the file system fails then
};

// README.md has the table with meanings, ranges and defaults.
struct FileSystemOptions {
  static constexpr uint32_t kStatsIntervalMax = 86400;

  // Options of the engine that all file systems of the process share.
  EngineRequest engine;
  PathChoices paths;
  Fallback fallback = Fallback::kAuto;
  // Empty: no statistics file. `%p` stands for the process id.
  std::string stats_file;
  // Seconds between two writes of the statistics file; 0: at the end only.
  uint32_t stats_interval_s = 10;
};

// For Configurable::RegisterOptions on a FileSystemOptions. Bad values are
// InvalidArgument with the option, the value and what is allowed.
const std::unordered_map<std::string, rocksdb::OptionTypeInfo>*
FileSystemOptionsTypeInfo();

// Names of the options, for messages.
std::string FileSystemOptionNames();

// Turns any of the forms in which users write options into options: nothing,
// `uring`, `uring://?a=1&b=2`, `a=1;b=2` and `id=uring;a=1;b=2`.
rocksdb::Status ParseOptionText(
    const std::string& text,
    std::unordered_map<std::string, std::string>* options);

}  // namespace rocksdb_uring
