// SPDX-License-Identifier: Apache-2.0

#include "tests/faults/power/recorder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

namespace rocksdb_uring {

namespace {

// An id holds the recording in its upper half, so that a completion that comes
// after Stop meets no entry of the next recording.
constexpr int kGenerationShift = 32;

// Recording must not change what the caller sees.
class ErrnoKeeper {
 public:
  ~ErrnoKeeper() { errno = errno_; }

 private:
  const int errno_ = errno;
};

std::string Simplified(const std::string& path) {
  std::string out;
  for (const char c : path) {
    if (c != '/' || out.empty() || out.back() != '/') {
      out.push_back(c);
    }
  }
  while (out.size() > 1 && out.back() == '/') {
    out.pop_back();
  }
  return out;
}

std::string Joined(const iovec* iov, int count) {
  std::string data;
  for (int i = 0; i < count; ++i) {
    data.append(static_cast<const char*>(iov[i].iov_base), iov[i].iov_len);
  }
  return data;
}

}  // namespace

Recorder* Recorder::Instance() {
  // Never destroyed: libc's functions are called to the very end.
  static auto* recorder = new Recorder();
  return recorder;
}

void Recorder::Start(const std::string& root) {
  MutexLock lock(&mutex_);
  root_ = Simplified(root);
  ++generation_;
  position_ = 0;
  files_made_ = 0;
  entries_.clear();
  names_.clear();
  open_.clear();
  recording_ = true;
}

IoLog Recorder::Stop() {
  MutexLock lock(&mutex_);
  recording_ = false;
  IoLog log;
  log.entries = std::move(entries_);
  log.end = ++position_;
  ++generation_;
  entries_.clear();
  open_.clear();
  late_suffix_.clear();
  late_.clear();
  return log;
}

void Recorder::CompleteLate(const std::string& suffix) {
  MutexLock lock(&mutex_);
  late_suffix_ = suffix;
}

LogPosition Recorder::Mark() {
  MutexLock lock(&mutex_);
  return ++position_;
}

bool Recorder::Relative(int directory, const char* path,
                        std::string* relative) {
  std::string full = path;
  if (full.empty() || full[0] != '/') {
    const auto found = open_.find(directory);
    if (directory == AT_FDCWD || found == open_.end()) {
      return false;
    }
    full = root_ + "/" + found->second.path + "/" + full;
  }
  full = Simplified(full);
  if (full == root_) {
    relative->clear();
    return true;
  }
  if (full.compare(0, root_.size() + 1, root_ + "/") != 0) {
    return false;
  }
  *relative = full.substr(root_.size() + 1);
  return true;
}

LogEntry* Recorder::Append(LogEntry entry) {
  entry.submitted = ++position_;
  entries_.push_back(std::move(entry));
  return &entries_.back();
}

void Recorder::AppendName(LogOp op, FileId file, const std::string& path,
                          const std::string& target) {
  LogEntry entry;
  entry.op = op;
  entry.file = file;
  entry.path = path;
  entry.target = target;
  LogEntry* const appended = Append(std::move(entry));
  appended->completed = appended->submitted;
}

Recorder::EntryId Recorder::IdOfLast() const {
  return generation_ << kGenerationShift | entries_.size();
}

LogEntry* Recorder::Find(EntryId id) {
  if (id >> kGenerationShift != generation_) {
    return nullptr;
  }
  const uint64_t number = id & ((uint64_t{1} << kGenerationShift) - 1);
  return number == 0 || number > entries_.size() ? nullptr
                                                 : &entries_[number - 1];
}

void Recorder::Opened(int fd, const std::string& path, int flags) {
  struct stat info = {};
  OpenFile file;
  file.path = path;
  file.is_directory = fstat(fd, &info) == 0 && S_ISDIR(info.st_mode);
  file.appends = (flags & O_APPEND) != 0;
  if (!file.is_directory) {
    const auto added = names_.emplace(path, files_made_ + 1);
    file.file = added.first->second;
    if (added.second) {
      ++files_made_;
      AppendName(LogOp::kCreate, file.file, path);
    } else if ((flags & O_TRUNC) != 0) {
      AppendName(LogOp::kTruncate, file.file, path);
    }
  }
  open_[fd] = std::move(file);
}

int64_t Recorder::Open(int directory, const char* path, int flags,
                       const Call& real) {
  if (!recording_) {
    return real();
  }
  MutexLock lock(&mutex_);
  std::string relative;
  const bool watched = Relative(directory, path, &relative);
  const int64_t fd = real();
  const ErrnoKeeper keeper;
  if (fd >= 0) {
    // What stdio has closed behind our back leaves its descriptor here.
    open_.erase(static_cast<int>(fd));
    if (watched) {
      Opened(static_cast<int>(fd), relative, flags);
    }
  }
  return fd;
}

int64_t Recorder::Close(int fd, const Call& real) {
  if (recording_) {
    // Before the kernel can give the number to another thread.
    MutexLock lock(&mutex_);
    open_.erase(fd);
  }
  return real();
}

int64_t Recorder::AddName(LogOp op, int from_directory, const char* from,
                          int to_directory, const char* to, const Call& real) {
  if (!recording_) {
    return real();
  }
  MutexLock lock(&mutex_);
  std::string source;
  std::string target;
  const bool watched = Relative(from_directory, from, &source) &&
                       Relative(to_directory, to, &target);
  const int64_t result = real();
  const ErrnoKeeper keeper;
  const auto found = names_.find(source);
  if (result == 0 && watched && found != names_.end()) {
    const FileId file = found->second;
    if (op == LogOp::kRename) {
      names_.erase(found);
    }
    names_[target] = file;
    AppendName(op, file, source, target);
  }
  return result;
}

int64_t Recorder::Rename(int from_directory, const char* from, int to_directory,
                         const char* to, const Call& real) {
  return AddName(LogOp::kRename, from_directory, from, to_directory, to, real);
}

int64_t Recorder::Link(int from_directory, const char* from, int to_directory,
                       const char* to, const Call& real) {
  return AddName(LogOp::kLink, from_directory, from, to_directory, to, real);
}

int64_t Recorder::ChangeName(LogOp op, int directory, const char* path,
                             const Call& real) {
  if (!recording_) {
    return real();
  }
  MutexLock lock(&mutex_);
  std::string relative;
  const bool watched = Relative(directory, path, &relative);
  const int64_t result = real();
  const ErrnoKeeper keeper;
  if (result == 0 && watched) {
    const auto found = names_.find(relative);
    const FileId file = found == names_.end() ? 0 : found->second;
    if (found != names_.end()) {
      names_.erase(found);
    }
    AppendName(op, file, relative);
  }
  return result;
}

int64_t Recorder::Unlink(int directory, const char* path, const Call& real) {
  return ChangeName(LogOp::kUnlink, directory, path, real);
}

int64_t Recorder::MakeDirectory(int directory, const char* path,
                                const Call& real) {
  return ChangeName(LogOp::kMakeDirectory, directory, path, real);
}

int64_t Recorder::RemoveDirectory(int directory, const char* path,
                                  const Call& real) {
  return ChangeName(LogOp::kRemoveDirectory, directory, path, real);
}

bool Recorder::FindOpen(int fd, OpenFile* file) {
  MutexLock lock(&mutex_);
  const auto found = open_.find(fd);
  if (found == open_.end()) {
    return false;
  }
  *file = found->second;
  return true;
}

int64_t Recorder::Record(int fd, LogEntry entry, const Call& real) {
  const EntryId id = Begin(fd, std::move(entry));
  const int64_t result = real();
  End(id, result);
  return result;
}

int64_t Recorder::Write(int fd, const iovec* iov, int count, int64_t offset,
                        const Call& real) {
  OpenFile file;
  // Sockets and terminals have no position to be asked for.
  if (!recording_ || !FindOpen(fd, &file)) {
    return real();
  }
  LogEntry entry;
  entry.op = LogOp::kWrite;
  entry.offset = static_cast<uint64_t>(offset);
  // One thread at a time writes to a file of RocksDB's. With O_APPEND Linux
  // ignores the offset of pwrite(2), too.
  if (file.appends) {
    struct stat info = {};
    fstat(fd, &info);
    entry.offset = static_cast<uint64_t>(info.st_size);
  } else if (offset == kFilePosition) {
    entry.offset = static_cast<uint64_t>(lseek(fd, 0, SEEK_CUR));
  }
  entry.data = Joined(iov, count);
  return Record(fd, std::move(entry), real);
}

int64_t Recorder::Truncate(int fd, uint64_t size, const Call& real) {
  LogEntry entry;
  entry.op = LogOp::kTruncate;
  entry.offset = size;
  return Record(fd, std::move(entry), real);
}

int64_t Recorder::TruncatePath(const char* path, uint64_t size,
                               const Call& real) {
  if (!recording_) {
    return real();
  }
  MutexLock lock(&mutex_);
  std::string relative;
  const bool watched = Relative(AT_FDCWD, path, &relative);
  const int64_t result = real();
  const ErrnoKeeper keeper;
  const auto found = names_.find(relative);
  if (result == 0 && watched && found != names_.end()) {
    AppendName(LogOp::kTruncate, found->second, relative);
    entries_.back().offset = size;
  }
  return result;
}

int64_t Recorder::Allocate(int fd, uint32_t mode, uint64_t offset,
                           uint64_t length, const Call& real) {
  LogEntry entry;
  entry.op = LogOp::kAllocate;
  entry.offset = offset;
  entry.length = length;
  entry.flags = mode;
  return Record(fd, std::move(entry), real);
}

int64_t Recorder::Sync(int fd, LogOp op, const Call& real) {
  if (skip_syncs_) {
    return 0;
  }
  LogEntry entry;
  entry.op = op;
  return Record(fd, std::move(entry), real);
}

Recorder::EntryId Recorder::Begin(int fd, LogEntry entry) {
  if (!recording_) {
    return kNotRecorded;
  }
  MutexLock lock(&mutex_);
  const auto found = open_.find(fd);
  if (found == open_.end()) {
    return kNotRecorded;
  }
  entry.file = found->second.file;
  entry.path = found->second.path;
  if (found->second.is_directory) {
    entry.op = LogOp::kDirectorySync;
  }
  const LogOp op = entry.op;
  const FileId file = entry.file;
  Append(std::move(entry));
  if (op == LogOp::kSync || op == LogOp::kDataSync) {
    const auto late = late_.equal_range(file);
    for (auto item = late.first; item != late.second; ++item) {
      Complete(Find(item->second.first), item->second.second);
    }
    late_.erase(file);
  }
  return IdOfLast();
}

void Recorder::BeginAgain(EntryId id) {
  MutexLock lock(&mutex_);
  LogEntry* const entry = Find(id);
  if (entry != nullptr) {
    entry->submitted = ++position_;
  }
}

void Recorder::End(EntryId id, int64_t result) {
  if (id == kNotRecorded) {
    return;
  }
  const ErrnoKeeper keeper;
  MutexLock lock(&mutex_);
  LogEntry* const entry = Find(id);
  if (entry != nullptr && IsLate(*entry)) {
    late_.emplace(entry->file, std::make_pair(id, result));
  } else if (entry != nullptr) {
    Complete(entry, result);
  }
}

bool Recorder::IsLate(const LogEntry& entry) const {
  return entry.op == LogOp::kWrite && !late_suffix_.empty() &&
         entry.path.size() > late_suffix_.size() &&
         entry.path.compare(entry.path.size() - late_suffix_.size(),
                            late_suffix_.size(), late_suffix_) == 0;
}

void Recorder::Complete(LogEntry* entry, int64_t result) {
  entry->completed = ++position_;
  entry->failed = result < 0;
  if (entry->op == LogOp::kWrite && !entry->failed) {
    entry->data.resize(static_cast<size_t>(result));
  }
}

}  // namespace rocksdb_uring
