// What happened to the files below a directory, in the order in which it
// happened: the input of the crash model.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace rocksdb_uring {

// A place in the log. Everything that is submitted, completed or marked has
// one of its own; later is larger.
using LogPosition = uint64_t;
constexpr LogPosition kNever = std::numeric_limits<LogPosition>::max();

// A file whatever its names are: the inode.
using FileId = uint64_t;

enum class LogOp : uint8_t {
  // Names: they take effect at once, `submitted` is `completed`.
  kCreate,           // path, file
  kRename,           // path, target
  kLink,             // path, target
  kUnlink,           // path
  kMakeDirectory,    // path
  kRemoveDirectory,  // path
  // Contents of `file`.
  kWrite,     // offset, data
  kTruncate,  // offset: the new size; opening with O_TRUNC too
  kAllocate,  // offset, length, flags: mode of fallocate(2)
  // Barriers.
  kSync,           // file: fsync
  kDataSync,       // file: fdatasync
  kRangeSync,      // file: sync_file_range, which makes nothing certain
  kDirectorySync,  // path
};
constexpr size_t kLogOpCount = 13;
const char* LogOpName(LogOp op);

struct LogEntry {
  LogOp op = LogOp::kWrite;
  // It failed, and changed nothing.
  bool failed = false;
  LogPosition submitted = 0;
  LogPosition completed = kNever;
  FileId file = 0;
  // Relative to the recorded directory, which itself is "".
  std::string path;
  std::string target;
  uint64_t offset = 0;
  uint64_t length = 0;
  uint32_t flags = 0;
  std::string data;
};

struct IoLog {
  // By `submitted`, but for requests that a ring took up later than it was
  // asked to.
  std::vector<LogEntry> entries;
  // Behind everything.
  LogPosition end = 0;

  size_t Count(LogOp op) const;
};

// One line for messages.
std::string Describe(const LogEntry& entry);

// The directory of a path: "a" of "a/b", "" of "b".
std::string DirectoryOf(const std::string& path);

}  // namespace rocksdb_uring
