// SPDX-License-Identifier: Apache-2.0

#include "tools/probe/path_trials.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "env/base/errno_code.h"
#include "env/base/file_descriptor.h"
#include "env/engine/shared_engine.h"

namespace rocksdb_uring {

namespace {

constexpr size_t kReadBytes = 4096;
// Entries of a directory that are looked at.
constexpr int kEntriesMax = 10000;

std::string ErrnoText() { return Errno::FromErrno(errno).message(); }

Trial Yes(const std::string& detail) { return {Answer::kYes, detail}; }
Trial No(const std::string& detail) { return {Answer::kNo, detail}; }

// O_NONBLOCK: should the name be a FIFO by now, do not wait for its writer.
FileDescriptor OpenRegular(const std::string& path, int flags) {
  FileDescriptor file(
      open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | flags));
  struct stat info = {};
  if (file.valid() &&
      (fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode))) {
    errno = EINVAL;
    return FileDescriptor();
  }
  return file;
}

uint64_t ReadableBytes(const std::string& path) {
  struct stat info = {};
  const FileDescriptor file = OpenRegular(path, 0);
  return file.valid() && fstat(file.get(), &info) == 0
             ? static_cast<uint64_t>(info.st_size)
             : 0;
}

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};

// A file of at least one block if there is one, else any that is not empty.
std::string FindFile(const std::string& directory_path) {
  const std::unique_ptr<DIR, CloseDirectory> directory(
      opendir(directory_path.c_str()));
  std::string found;
  for (int i = 0; directory != nullptr && i < kEntriesMax; ++i) {
    // Only this thread reads the stream.
    const dirent* entry = readdir(directory.get());  // NOLINT
    if (entry == nullptr) {
      break;
    }
    if (entry->d_type != DT_REG && entry->d_type != DT_UNKNOWN) {
      continue;
    }
    const std::string path = directory_path +
                             (directory_path.back() == '/' ? "" : "/") +
                             entry->d_name;
    const uint64_t bytes = ReadableBytes(path);
    if (bytes >= kReadBytes) {
      return path;
    }
    if (bytes > 0) {
      found = path;
    }
  }
  return found;
}

Trial TryDirectRead(const std::string& path) {
  const FileDescriptor file = OpenRegular(path, O_DIRECT);
  if (!file.valid()) {
    return No("open with O_DIRECT: " + ErrnoText());
  }
  alignas(kReadBytes) char buffer[kReadBytes];
  if (pread(file.get(), buffer, sizeof(buffer), 0) < 0) {
    return No("read with O_DIRECT: " + ErrnoText());
  }
  return Yes("");
}

Trial TryNoWaitRead(const std::string& path) {
  const FileDescriptor file = OpenRegular(path, 0);
  char buffer[kReadBytes];
  const iovec iov = {buffer, sizeof(buffer)};
  if (file.valid() &&
      (preadv2(file.get(), &iov, 1, 0, RWF_NOWAIT) >= 0 || errno == EAGAIN)) {
    return Yes("");
  }
  return No("preadv2 with RWF_NOWAIT: " + ErrnoText());
}

// A private engine: the process has none that this could disturb.
Trial TryRingRead(const std::string& path) {
  const FileDescriptor file = OpenRegular(path, 0);
  if (!file.valid()) {
    return No("open: " + ErrnoText());
  }
  RingFeatures usable;
  usable.verdict = RingVerdict::kUsable;
  SharedEngine shared(EngineOptions(), usable);
  char buffer[kReadBytes];
  IoOp op;
  op.fd = file.get();
  op.buffer = buffer;
  op.length = sizeof(buffer);
  RunOptions options;
  options.path = PathChoice::kUring;
  shared.engine()->Run(&op, 1, options);
  if (shared.rings() == 0) {
    return No("no ring could be created");
  }
  if (op.path != IoPath::kRing || op.result < 0) {
    return No("the ring failed the read" +
              (op.result < 0 ? ": " + Errno::FromResult(op.result).message()
                             : std::string()));
  }
  return Yes("");
}

}  // namespace

PathKind ClassifyPath(const std::string& path, std::string* reason) {
  struct stat info = {};
  if (stat(path.c_str(), &info) != 0) {
    *reason = ErrnoText();
    return PathKind::kMissing;
  }
  return S_ISREG(info.st_mode)   ? PathKind::kFile
         : S_ISDIR(info.st_mode) ? PathKind::kDirectory
                                 : PathKind::kOther;
}

PathTrials TryPath(const std::string& path, bool with_ring) {
  PathTrials trials;
  std::string ignored;
  trials.file = ClassifyPath(path, &ignored) == PathKind::kDirectory
                    ? FindFile(path)
                    : path;
  if (trials.file.empty() || !OpenRegular(trials.file, 0).valid()) {
    const std::string why =
        trials.file.empty()
            ? "this directory has no readable file that is not empty"
            : "the file cannot be opened: " + ErrnoText();
    trials.direct_read.detail = why;
    trials.nowait_read.detail = why;
    trials.ring_read.detail = why;
    trials.file.clear();
    return trials;
  }
  trials.direct_read = TryDirectRead(trials.file);
  trials.nowait_read = TryNoWaitRead(trials.file);
  if (with_ring) {
    trials.ring_read = TryRingRead(trials.file);
  } else {
    trials.ring_read.detail = "io_uring is not usable";
  }
  return trials;
}

const char* AnswerName(Answer answer) {
  switch (answer) {
    case Answer::kYes:
      return "yes";
    case Answer::kNo:
      return "no";
    case Answer::kNotTested:
      break;
  }
  return "not tested";
}

}  // namespace rocksdb_uring
