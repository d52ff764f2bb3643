// Records what the process does to the files below one directory.
//
// Two things feed it. interpose.cc defines libc's file functions, so that the
// calls of librocksdb, of libstdc++ and of the plugin pass through here before
// they reach libc. RecordingRing does the same for requests on rings. What
// neither sees (mmap, stdio's own writes) is noticed by tests that compare the
// state with nothing lost to the directory itself.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/uio.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "env/base/mutex.h"
#include "tests/faults/power/io_log.h"

namespace rocksdb_uring {

// Safe for concurrent use. The functions that take `real` call it exactly
// once, unless they say otherwise, and return its result with its errno.
class Recorder {
 public:
  using Call = std::function<int64_t()>;
  // An entry that waits for its completion.
  using EntryId = uint64_t;
  static constexpr EntryId kNotRecorded = 0;

  // The only one: libc's functions are, too.
  static Recorder* Instance();

  // Starts a new log of what happens below `root`, an absolute path of an
  // empty directory.
  void Start(const std::string& root) URING_EXCLUDES(mutex_);
  IoLog Stop() URING_EXCLUDES(mutex_);
  // Takes the next position for an event of the caller's own.
  LogPosition Mark() URING_EXCLUDES(mutex_);

  // From now on syncs succeed without reaching the device, for files that are
  // thrown away anyway: opening a crash state syncs ten times.
  void SkipSyncs(bool skip) { skip_syncs_ = skip; }

  // Writes to files whose name ends in `suffix` count as completed only after
  // the next sync of the file was submitted, as if the engine had not waited
  // for them; until Stop.
  void CompleteLate(const std::string& suffix) URING_EXCLUDES(mutex_);

  // The real call of what changes names is made with the recorder locked, so
  // that the log has the order of the file system.
  int64_t Open(int directory, const char* path, int flags, const Call& real)
      URING_EXCLUDES(mutex_);
  int64_t Close(int fd, const Call& real) URING_EXCLUDES(mutex_);
  int64_t Rename(int from_directory, const char* from, int to_directory,
                 const char* to, const Call& real) URING_EXCLUDES(mutex_);
  int64_t Link(int from_directory, const char* from, int to_directory,
               const char* to, const Call& real) URING_EXCLUDES(mutex_);
  int64_t Unlink(int directory, const char* path, const Call& real)
      URING_EXCLUDES(mutex_);
  int64_t MakeDirectory(int directory, const char* path, const Call& real)
      URING_EXCLUDES(mutex_);
  int64_t RemoveDirectory(int directory, const char* path, const Call& real)
      URING_EXCLUDES(mutex_);

  // `offset` is kFilePosition for write(2).
  static constexpr int64_t kFilePosition = -1;
  int64_t Write(int fd, const iovec* iov, int count, int64_t offset,
                const Call& real) URING_EXCLUDES(mutex_);
  int64_t Truncate(int fd, uint64_t size, const Call& real)
      URING_EXCLUDES(mutex_);
  int64_t TruncatePath(const char* path, uint64_t size, const Call& real)
      URING_EXCLUDES(mutex_);
  int64_t Allocate(int fd, uint32_t mode, uint64_t offset, uint64_t length,
                   const Call& real) URING_EXCLUDES(mutex_);
  // kSync, kDataSync or kRangeSync. Makes no call while syncs are skipped.
  int64_t Sync(int fd, LogOp op, const Call& real) URING_EXCLUDES(mutex_);

  // The same in two steps. Begin completes the entry (op, offset, length,
  // flags, data) with file and position; `result` is bytes, 0, or negative.
  EntryId Begin(int fd, LogEntry entry) URING_EXCLUDES(mutex_);
  // It was not taken up yet, and is submitted now.
  void BeginAgain(EntryId id) URING_EXCLUDES(mutex_);
  void End(EntryId id, int64_t result) URING_EXCLUDES(mutex_);

 private:
  struct OpenFile {
    bool is_directory = false;
    bool appends = false;
    FileId file = 0;
    std::string path;
  };

  Recorder() = default;

  // False for a path outside of the root.
  bool Relative(int directory, const char* path, std::string* relative)
      URING_REQUIRES(mutex_);
  LogEntry* Append(LogEntry entry) URING_REQUIRES(mutex_);
  // An entry that is complete when it is made.
  void AppendName(LogOp op, FileId file, const std::string& path,
                  const std::string& target = "") URING_REQUIRES(mutex_);
  EntryId IdOfLast() const URING_REQUIRES(mutex_);
  LogEntry* Find(EntryId id) URING_REQUIRES(mutex_);
  bool IsLate(const LogEntry& entry) const URING_REQUIRES(mutex_);
  void Complete(LogEntry* entry, int64_t result) URING_REQUIRES(mutex_);
  void Opened(int fd, const std::string& path, int flags)
      URING_REQUIRES(mutex_);
  int64_t AddName(LogOp op, int from_directory, const char* from,
                  int to_directory, const char* to, const Call& real)
      URING_EXCLUDES(mutex_);
  int64_t ChangeName(LogOp op, int directory, const char* path,
                     const Call& real) URING_EXCLUDES(mutex_);
  bool FindOpen(int fd, OpenFile* file) URING_EXCLUDES(mutex_);
  int64_t Record(int fd, LogEntry entry, const Call& real);

  std::atomic<bool> recording_{false};
  std::atomic<bool> skip_syncs_{false};
  Mutex mutex_;
  std::string root_ URING_GUARDED_BY(mutex_);
  uint64_t generation_ URING_GUARDED_BY(mutex_) = 0;
  LogPosition position_ URING_GUARDED_BY(mutex_) = 0;
  FileId files_made_ URING_GUARDED_BY(mutex_) = 0;
  std::vector<LogEntry> entries_ URING_GUARDED_BY(mutex_);
  std::string late_suffix_ URING_GUARDED_BY(mutex_);
  // Entries of writes that wait for a sync, with their results.
  std::multimap<FileId, std::pair<EntryId, int64_t>> late_
      URING_GUARDED_BY(mutex_);
  std::map<std::string, FileId> names_ URING_GUARDED_BY(mutex_);
  std::unordered_map<int, OpenFile> open_ URING_GUARDED_BY(mutex_);
};

}  // namespace rocksdb_uring
