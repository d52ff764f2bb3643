// SPDX-License-Identifier: Apache-2.0

#include "tools/compare/database_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <filesystem>
#include <set>
#include <system_error>

namespace rocksdb_uring {

namespace {

namespace fs = std::filesystem;

bool IsImmutable(const fs::path& file) {
  static const std::set<std::string> kExtensions = {".sst", ".ldb", ".blob"};
  return kExtensions.count(file.extension().string()) > 0;
}

// What RocksDB makes anew, or was about to remove.
bool IsLeftOut(const fs::path& file) {
  const std::string name = file.filename().string();
  const std::string extension = file.extension().string();
  return name == "LOCK" || name == "LOG" ||
         name.compare(0, 8, "LOG.old.") == 0 || extension == ".trash" ||
         extension == ".dbtmp";
}

// RocksDB holds a lock of fcntl on this file while a database is open. Without
// it, files could change while they are copied.
bool CheckClosed(const fs::path& db, std::string* error) {
  const int fd = open((db / "LOCK").c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return true;  // never opened, or a copy without it
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  const bool asked = fcntl(fd, F_GETLK, &lock) == 0;
  close(fd);
  if (!asked || lock.l_type == F_UNLCK) return true;
  *error = db.string() + " is open in process " + std::to_string(lock.l_pid) +
           ": end that process first, or copy a checkpoint of the database";
  return false;
}

bool CopyFile(const fs::path& from, const fs::path& to, std::string* error) {
  std::error_code code;
  if (IsImmutable(from)) {
    fs::create_hard_link(from, to, code);
    if (code.value() == EXDEV) {
      *error = to.parent_path().string() +
               " is on another filesystem than the database: name a directory "
               "beside it with --scratch";
      return false;
    }
  } else {
    fs::copy_file(from, to, code);
  }
  if (!code) return true;
  *error = "cannot copy " + from.string() + " to " + to.string() + ": " +
           code.message();
  return false;
}

}  // namespace

bool CopyDatabase(const std::string& from, const std::string& to,
                  std::string* error) {
  std::error_code code;
  if (!fs::exists(fs::path(from) / "CURRENT", code)) {
    *error = from + " holds no database";
    return false;
  }
  if (!CheckClosed(from, error)) return false;
  fs::remove_all(to, code);
  fs::create_directories(to, code);
  for (const auto& entry : fs::directory_iterator(from, code)) {
    if (!entry.is_regular_file() || IsLeftOut(entry.path())) continue;
    if (!CopyFile(entry.path(), fs::path(to) / entry.path().filename(),
                  error)) {
      return false;
    }
  }
  if (!code) return true;
  *error = "cannot copy " + from + " to " + to + ": " + code.message();
  return false;
}

}  // namespace rocksdb_uring
