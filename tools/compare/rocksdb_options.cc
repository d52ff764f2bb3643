// SPDX-License-Identifier: Apache-2.0

#include "tools/compare/rocksdb_options.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

namespace rocksdb_uring {

namespace {

namespace fs = std::filesystem;

// Finds where the value of an option starts and ends. Lines are "  name=value".
bool FindValue(const std::string& text, const std::string& name, size_t* start,
               size_t* end) {
  const std::string line = "\n  " + name + "=";
  const size_t at = text.find(line);
  if (at == std::string::npos) return false;
  *start = at + line.size();
  *end = text.find('\n', *start);
  if (*end == std::string::npos) *end = text.size();
  return true;
}

bool Fail(const std::string& name, std::string* error) {
  *error = "this RocksDB has no option " + name;
  return false;
}

// The numbers in the names have leading zeros.
bool ReadNewest(const std::string& db, std::string* text, std::string* error) {
  fs::path newest;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(db, ignored)) {
    const bool is_options =
        entry.path().filename().string().compare(0, 8, "OPTIONS-") == 0 &&
        entry.path().extension() != ".dbtmp";
    if (is_options && entry.path() > newest) newest = entry.path();
  }
  std::ifstream file(newest);
  text->assign(std::istreambuf_iterator<char>(file), {});
  if (!text->empty()) return true;
  *error = db + " holds no OPTIONS file";
  return false;
}

bool Save(const std::string& path, const std::string& text,
          std::string* error) {
  std::ofstream file(path);
  file << text;
  file.close();
  if (!file.fail()) return true;
  *error = "cannot write " + path;
  return false;
}

}  // namespace

bool SetOptions(const RocksDbOptions& options, std::string* text,
                std::string* error) {
  for (const auto& [name, value] : options) {
    size_t start = 0;
    size_t end = 0;
    if (!FindValue(*text, name, &start, &end)) return Fail(name, error);
    text->replace(start, end - start, value);
  }
  return true;
}

bool WriteOptionsFiles(const std::string& db, const RocksDbOptions& options,
                       const std::string& without, const std::string& with,
                       std::string* error) {
  std::string text;
  return ReadNewest(db, &text, error) && Save(without, text, error) &&
         SetOptions(options, &text, error) && Save(with, text, error);
}

bool CheckOptions(const std::string& db, const RocksDbOptions& options,
                  std::string* error) {
  std::string text;
  if (!ReadNewest(db, &text, error)) return false;
  for (const auto& [name, value] : options) {
    size_t start = 0;
    size_t end = 0;
    if (!FindValue(text, name, &start, &end)) return Fail(name, error);
    const std::string found = text.substr(start, end - start);
    if (found == value) continue;
    *error = "RocksDB replaced " + name + "=" + value + " by " + found;
    return false;
  }
  return true;
}

std::string Describe(const RocksDbOptions& options) {
  std::string text;
  for (const auto& [name, value] : options) {
    text += (text.empty() ? "" : ", ") + name + "=" + value;
  }
  return text;
}

}  // namespace rocksdb_uring
