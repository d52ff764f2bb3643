// RocksDB's naming of files.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/file/file_kind.h"

#include <algorithm>
#include <cctype>

namespace rocksdb_uring {

namespace {

bool IsNumber(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return std::isdigit(static_cast<unsigned char>(c)) != 0;
  });
}

}  // namespace

FileKind ClassifyFile(const std::string& path) {
  const std::string name = path.substr(path.find_last_of('/') + 1);
  constexpr char kManifestPrefix[] = "MANIFEST-";
  if (name.compare(0, sizeof(kManifestPrefix) - 1, kManifestPrefix) == 0) {
    return FileKind::kManifest;
  }
  const size_t dot = name.find('.');
  if (dot == std::string::npos) {
    return FileKind::kOther;
  }
  const std::string stem = name.substr(0, dot);
  const std::string suffix = name.substr(dot);
  if (suffix == ".sst" || suffix == ".ldb") {
    return FileKind::kTable;
  }
  if (suffix == ".blob") {
    return FileKind::kBlob;
  }
  return suffix == ".log" && IsNumber(stem) ? FileKind::kWal : FileKind::kOther;
}

}  // namespace rocksdb_uring
