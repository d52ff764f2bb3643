// SPDX-License-Identifier: Apache-2.0

#include "tools/compare/database.h"

#include <errno.h>
#include <string.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <system_error>

namespace rocksdb_uring {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr unsigned kCreateLimit_s = 3600;
constexpr double kSpaceFactor = 2.2;

fs::path ShapePath(const std::string& db) {
  return fs::path(db) / "uring_compare.json";
}

bool HasSpaceFor(const std::string& db, const DatabaseShape& shape,
                 std::string* error) {
  std::error_code code;
  const fs::space_info space = fs::space(db, code);
  if (code) {
    *error = db + ": " + code.message();
    return false;
  }
  const double needed = kSpaceFactor * static_cast<double>(shape.bytes());
  if (static_cast<double>(space.available) >= needed) return true;
  const auto mib = [](double bytes) {
    return std::to_string(static_cast<int64_t>(bytes / (1 << 20))) + " MiB";
  };
  *error = "making the database takes " + mib(needed) + " and " + db + " has " +
           mib(static_cast<double>(space.available)) + " free";
  return false;
}

}  // namespace

std::vector<std::string> ShapeArgs(const DatabaseShape& shape) {
  return {"--num=" + std::to_string(shape.num),
          "--key_size=" + std::to_string(shape.key_size),
          "--value_size=" + std::to_string(shape.value_size),
          "--block_size=" + std::to_string(shape.block_size),
          "--compression_type=none"};
}

bool ReadShape(const std::string& db, DatabaseShape* shape) {
  std::ifstream file(ShapePath(db));
  const json note = json::parse(file, nullptr, /*allow_exceptions=*/false);
  if (!note.is_object()) return false;
  const auto read = [&note](const char* key, int64_t* value) {
    if (note.contains(key) && note[key].is_number()) *value = note[key];
  };
  read("num", &shape->num);
  read("key_size", &shape->key_size);
  read("value_size", &shape->value_size);
  read("block_size", &shape->block_size);
  return shape->num > 0;
}

bool WriteShape(const std::string& db, const DatabaseShape& shape,
                std::string* error) {
  std::ofstream file(ShapePath(db));
  file << json{{"num", shape.num},
               {"key_size", shape.key_size},
               {"value_size", shape.value_size},
               {"block_size", shape.block_size}}
       << "\n";
  file.close();
  if (!file.fail()) return true;
  *error = ShapePath(db).string() + ": " + strerror(errno);
  return false;
}

void RemoveLeftovers(const std::string& db) {
  DatabaseShape shape;
  if (!ReadShape(db, &shape)) return;
  std::vector<fs::path> leftovers;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(db, ignored)) {
    const fs::path& path = entry.path();
    const bool is_old_log =
        path.filename().string().compare(0, 8, "LOG.old.") == 0;
    const bool is_empty_wal =
        path.extension() == ".log" && entry.file_size(ignored) == 0;
    if (is_old_log || is_empty_wal) leftovers.push_back(path);
  }
  for (const fs::path& path : leftovers) fs::remove(path, ignored);
}

Command CreateCommand(const std::string& db_bench, const std::string& db,
                      const DatabaseShape& shape) {
  // Keys arrive in random order on purpose: flushed files then overlap, and the
  // compaction must merge them into one instead of moving them down as they
  // are.
  Command command;
  command.argv = {
      db_bench, "--db=" + db, "--benchmarks=filluniquerandom,flush,compact",
      "--seed=7", "--disable_wal=1", "--write_buffer_size=134217728",
      "--max_write_buffer_number=3", "--max_background_jobs=2",
      "--bytes_per_sync=8388608",
      // Nothing is compacted before all is there, and then into one file.
      "--disable_auto_compactions=1",
      "--level0_file_num_compaction_trigger=1000000",
      "--level0_slowdown_writes_trigger=1000000",
      "--level0_stop_writes_trigger=1000000",
      "--target_file_size_base=1099511627776",
      "--max_bytes_for_level_base=1099511627776",
      "--max_compaction_bytes=1099511627776"};
  for (const std::string& arg : ShapeArgs(shape)) command.argv.push_back(arg);
  command.limit_s = kCreateLimit_s;
  return command;
}

bool CreateDatabase(const std::string& db_bench, const std::string& db,
                    const DatabaseShape& shape, std::string* error) {
  std::error_code code;
  fs::create_directories(db, code);
  if (code) {
    *error = db + ": " + code.message();
    return false;
  }
  if (!HasSpaceFor(db, shape, error)) return false;
  const Command command = CreateCommand(db_bench, db, shape);
  Outcome outcome;
  if (!RunCommand(command, &outcome, error)) return false;
  if (!outcome.ok()) {
    *error = DescribeFailure(command, outcome);
    return false;
  }
  return WriteShape(db, shape, error);
}

}  // namespace rocksdb_uring
