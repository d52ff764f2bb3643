// Paths of files that each process has for itself.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <unistd.h>

#include <filesystem>
#include <string>
#include <system_error>

namespace rocksdb_uring {

// `path` with the process id in place of `%p`.
inline std::string ExpandProcessId(const std::string& path) {
  std::string expanded = path;
  const size_t mark = expanded.find("%p");
  if (mark != std::string::npos) {
    expanded.replace(mark, 2, std::to_string(getpid()));
  }
  return expanded;
}

// The path stays valid if the process changes its directory.
inline std::string AbsolutePath(const std::string& path) {
  std::error_code ignored;
  const std::filesystem::path absolute =
      std::filesystem::absolute(path, ignored);
  return absolute.empty() ? path : absolute.string();
}

}  // namespace rocksdb_uring
