// SPDX-License-Identifier: Apache-2.0

#include "tools/bench/target_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <random>
#include <vector>

#include "env/base/errno_code.h"
#include "tools/probe/storage.h"

namespace rocksdb_uring {

namespace {

constexpr size_t kFillBytes = 1 << 20;
// Sectors of a device that does not tell its own.
constexpr uint32_t kSectorBytes = 512;

std::string Failure(const std::string& what, const std::string& file) {
  return what + " " + file + ": " + Errno::FromErrno(errno).message();
}

bool Fill(int fd, uint64_t bytes) {
  std::mt19937_64 random(1);
  std::vector<uint64_t> block(kFillBytes / sizeof(uint64_t));
  for (uint64_t done = 0; done < bytes;) {
    std::generate(block.begin(), block.end(), std::ref(random));
    const size_t size = std::min<uint64_t>(kFillBytes, bytes - done);
    const ssize_t written =
        pwrite(fd, block.data(), size, static_cast<off_t>(done));
    if (written <= 0) {
      return false;
    }
    done += static_cast<uint64_t>(written);
  }
  return fsync(fd) == 0;
}

bool MakeFile(const BenchOptions& options, std::string* error) {
  const FileDescriptor fd(open(options.file.c_str(),
                               O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!fd.valid()) {
    *error = Failure("cannot create", options.file);
    return false;
  }
  if (!Fill(fd.get(), options.append ? 0 : options.size_bytes)) {
    *error = Failure("cannot fill", options.file);
    unlink(options.file.c_str());
    return false;
  }
  return true;
}

// The part of a file of `file_bytes` that is used.
bool SetSize(const BenchOptions& options, uint64_t file_bytes,
             TargetFile* target, std::string* error) {
  if (options.append) {
    file_bytes = options.size_bytes;
  }
  if (options.size_bytes > file_bytes) {
    *error = "--size_mb: " + std::to_string(options.size_bytes >> 20) +
             " is more than the file holds (" +
             std::to_string(file_bytes >> 20) + ")";
    return false;
  }
  const uint64_t bytes =
      options.size_bytes == 0 ? file_bytes : options.size_bytes;
  const uint64_t needed =
      static_cast<uint64_t>(options.block_size) * options.threads;
  if (bytes < needed) {
    *error = "--file: " + options.file + " has " + std::to_string(bytes) +
             " bytes; a block for each thread needs " + std::to_string(needed);
    return false;
  }
  target->bytes = bytes - bytes % options.block_size;
  return true;
}

bool SetAlignment(const BenchOptions& options, TargetFile* target,
                  std::string* error) {
  if (!options.direct) {
    return true;
  }
  const Storage storage = DescribeStorage(options.file);
  target->alignment = std::max(
      {kSectorBytes, storage.logical_block_bytes, storage.dio_offset_align});
  if (options.block_size % target->alignment != 0) {
    *error = "--block_size: " + std::to_string(options.block_size) +
             " is no multiple of " + std::to_string(target->alignment) +
             ", which direct I/O on this file needs";
    return false;
  }
  return true;
}

}  // namespace

OpenOutcome OpenTarget(const BenchOptions& options, TargetFile* target,
                       std::string* error) {
  struct stat info = {};
  const bool exists = stat(options.file.c_str(), &info) == 0;
  if (exists && !S_ISREG(info.st_mode)) {
    *error = "--file: " + options.file + " is not a regular file";
    return OpenOutcome::kBadUsage;
  }
  if (exists && options.write && !options.overwrite) {
    *error = "--file: " + options.file +
             " exists, and --pattern=" + PatternName(options) +
             " would destroy it; --overwrite allows that";
    return OpenOutcome::kBadUsage;
  }
  if (options.append && options.size_bytes == 0) {
    *error = "--size_mb: 0, but --pattern=append needs a size to grow to";
    return OpenOutcome::kBadUsage;
  }
  if (!exists && options.size_bytes == 0) {
    *error = "--size_mb: 0, but " + options.file +
             " does not exist; say how large it is to be";
    return OpenOutcome::kBadUsage;
  }
  if (!exists && !MakeFile(options, error)) {
    return OpenOutcome::kFailed;
  }
  target->fd = FileDescriptor(open(
      options.file.c_str(), (options.write ? O_RDWR : O_RDONLY) | O_CLOEXEC |
                                (options.direct ? O_DIRECT : 0)));
  if (!target->fd.valid() || fstat(target->fd.get(), &info) != 0) {
    *error = Failure("cannot open", options.file);
    return OpenOutcome::kFailed;
  }
  return SetSize(options, static_cast<uint64_t>(info.st_size), target, error) &&
                 SetAlignment(options, target, error)
             ? OpenOutcome::kOpened
             : OpenOutcome::kBadUsage;
}

}  // namespace rocksdb_uring
