// SPDX-License-Identifier: Apache-2.0

#include "tools/compare/page_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <random>
#include <system_error>

namespace rocksdb_uring {

namespace {

// The unit that is cached or not. Blocks of RocksDB are not aligned to pages:
// with single pages a 4 KiB block would be cached half of the time at percent^2
// only. At 256 KiB the blocks that lie across a border are 2 %, and a 64 KiB
// block is still whole mostly.
constexpr size_t kChunk = 256 << 10;
constexpr double kDroppedShare = 0.01;
constexpr double kCachedShare = 0.995;
constexpr int kWarmPasses = 3;

class File {
 public:
  explicit File(const std::string& path)
      : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    struct stat info;
    if (fd_ >= 0 && fstat(fd_, &info) == 0) {
      size_ = static_cast<size_t>(info.st_size);
    }
  }
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  bool ok() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  size_t size() const { return size_; }

 private:
  const int fd_;
  size_t size_ = 0;
};

// Calls `work` for each file, stops at the first that fails and names it.
bool ForEach(const std::vector<std::string>& paths,
             const std::function<bool(const File&)>& work, std::string* error) {
  for (const std::string& path : paths) {
    const File file(path);
    if (file.ok() && work(file)) continue;
    *error = path + ": " + strerror(errno);
    return false;
  }
  return true;
}

bool ReadRange(const File& file, size_t offset, size_t length) {
  std::vector<char> buffer(kChunk);
  const size_t end = std::min(file.size(), offset + length);
  while (offset < end) {
    const ssize_t n =
        pread(file.fd(), buffer.data(), std::min(kChunk, end - offset), offset);
    if (n <= 0) return false;
    offset += static_cast<size_t>(n);
  }
  return true;
}

bool CountResident(const File& file, size_t* resident, size_t* total) {
  if (file.size() == 0) return true;
  void* map = mmap(nullptr, file.size(), PROT_READ, MAP_SHARED, file.fd(), 0);
  if (map == MAP_FAILED) return false;
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  std::vector<unsigned char> pages((file.size() + page - 1) / page);
  const bool ok = mincore(map, file.size(), pages.data()) == 0;
  munmap(map, file.size());
  *total += pages.size();
  *resident += static_cast<size_t>(
      std::count_if(pages.begin(), pages.end(),
                    [](unsigned char p) { return (p & 1) != 0; }));
  return ok;
}

// A dirty page cannot be dropped, so what a load left behind is written first.
bool DropFile(const File& file) {
  if (fdatasync(file.fd()) != 0) return false;
  errno = posix_fadvise(file.fd(), 0, 0, POSIX_FADV_DONTNEED);
  return errno == 0;
}

bool DropSystem(std::string* error) {
  const char* kPath = "/proc/sys/vm/drop_caches";
  const int fd = open(kPath, O_WRONLY | O_CLOEXEC);
  const bool ok = fd >= 0 && write(fd, "3", 1) == 1;
  if (!ok) *error = std::string(kPath) + ": " + strerror(errno);
  if (fd >= 0) close(fd);
  return ok;
}

std::string Percent(double share) {
  char text[16];
  snprintf(text, sizeof(text), "%.1f %%", share * 100);
  return text;
}

}  // namespace

bool ParseDropMethod(const std::string& name, DropMethod* method) {
  if (name == "auto")
    *method = DropMethod::kAuto;
  else if (name == "files")
    *method = DropMethod::kFiles;
  else if (name == "system")
    *method = DropMethod::kSystem;
  else
    return false;
  return true;
}

std::vector<std::string> DataFiles(const std::string& db) {
  std::vector<std::string> files;
  std::error_code ignored;  // a missing directory has no files
  for (const auto& entry : std::filesystem::directory_iterator(db, ignored)) {
    const std::string extension = entry.path().extension();
    if (extension == ".sst" || extension == ".blob") {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

double ResidentShare(const std::vector<std::string>& files) {
  size_t resident = 0;
  size_t total = 0;
  std::string ignored;
  const bool ok = ForEach(
      files,
      [&](const File& file) { return CountResident(file, &resident, &total); },
      &ignored);
  if (!ok || total == 0) return -1;
  return static_cast<double>(resident) / static_cast<double>(total);
}

bool DropFromCache(const std::vector<std::string>& files, DropMethod method,
                   std::string* error) {
  if (!ForEach(files, DropFile, error)) return false;
  const bool enough = ResidentShare(files) <= kDroppedShare;
  if (method == DropMethod::kSystem ||
      (method == DropMethod::kAuto && !enough)) {
    std::string system_error;
    if (!DropSystem(&system_error) && method == DropMethod::kSystem) {
      *error = system_error;
      return false;
    }
  }
  const double left = ResidentShare(files);
  if (left <= kDroppedShare) return true;
  *error = "the page cache still holds " + Percent(left) +
           " of the database: another program uses it, or this filesystem "
           "ignores POSIX_FADV_DONTNEED (then run as root)";
  return false;
}

bool ReadIntoCache(const std::vector<std::string>& files, std::string* error) {
  double resident = ResidentShare(files);
  // More than once, because reclaim (memory control groups, DAMON) takes single
  // pages meanwhile.
  for (int pass = 0; pass < kWarmPasses && resident < kCachedShare; ++pass) {
    const auto read_all = [](const File& file) {
      return ReadRange(file, 0, file.size());
    };
    if (!ForEach(files, read_all, error)) return false;
    resident = ResidentShare(files);
  }
  if (resident >= kCachedShare) return true;
  *error = "only " + Percent(resident) +
           " of the database stays in the page cache: it is too large for "
           "this machine's memory (make a smaller one with --size_mb)";
  return false;
}

bool ReadShareIntoCache(const std::vector<std::string>& files, int percent,
                        uint64_t seed, std::string* error) {
  std::mt19937_64 random(seed);
  const auto read_share = [&](const File& file) {
    // Without this the kernel's read-ahead would bring in the gaps as well.
    errno = posix_fadvise(file.fd(), 0, 0, POSIX_FADV_RANDOM);
    if (errno != 0) return false;
    for (size_t offset = 0; offset < file.size(); offset += kChunk) {
      const bool chosen = static_cast<int>(random() % 100) < percent;
      if (chosen && !ReadRange(file, offset, kChunk)) return false;
    }
    return true;
  };
  return ForEach(files, read_share, error);
}

}  // namespace rocksdb_uring
