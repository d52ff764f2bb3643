// SPDX-License-Identifier: Apache-2.0

#include "tests/faults/power/io_log.h"

#include <algorithm>
#include <sstream>

namespace rocksdb_uring {

const char* LogOpName(LogOp op) {
  static const char* const kNames[kLogOpCount] = {"create",
                                                  "rename",
                                                  "link",
                                                  "unlink",
                                                  "mkdir",
                                                  "rmdir",
                                                  "write",
                                                  "truncate",
                                                  "fallocate",
                                                  "fsync",
                                                  "fdatasync",
                                                  "sync_file_range",
                                                  "fsync of directory"};
  return kNames[static_cast<size_t>(op)];
}

size_t IoLog::Count(LogOp op) const {
  return static_cast<size_t>(std::count_if(
      entries.begin(), entries.end(),
      [op](const LogEntry& e) { return e.op == op && !e.failed; }));
}

std::string Describe(const LogEntry& entry) {
  std::ostringstream out;
  out << "[" << entry.submitted << ", ";
  if (entry.completed == kNever) {
    out << "never";
  } else {
    out << entry.completed;
  }
  out << "] " << LogOpName(entry.op) << " file " << entry.file;
  if (!entry.path.empty()) {
    out << " " << entry.path;
  }
  if (!entry.target.empty()) {
    out << " -> " << entry.target;
  }
  if (entry.op >= LogOp::kWrite && entry.op <= LogOp::kAllocate) {
    out << " at " << entry.offset << ", "
        << (entry.op == LogOp::kWrite ? entry.data.size() : entry.length)
        << " bytes";
  }
  return out.str();
}

std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

}  // namespace rocksdb_uring
