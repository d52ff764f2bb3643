// Notices that the control file has changed, and reads it.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/fs/control_file.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <system_error>
#include <vector>

#include "env/base/file_descriptor.h"
#include "env/base/process_path.h"
#include "env/engine/fork_generation.h"
#include "env/fs/ticker.h"

namespace rocksdb_uring {

namespace {

constexpr std::chrono::seconds kInterval{1};
// More is no control file.
constexpr size_t kFileBytesMax = 64 << 10;
// Filesystems date their files by clocks of up to two seconds.
constexpr time_t kClockSeconds = 2;

bool SameTime(const timespec& a, const timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

bool SameFile(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino &&
         a.st_size == b.st_size && SameTime(a.st_mtim, b.st_mtim) &&
         SameTime(a.st_ctim, b.st_ctim);
}

bool ChangedLongAgo(const struct stat& file) {
  return time(nullptr) - file.st_ctim.tv_sec > kClockSeconds &&
         time(nullptr) - file.st_mtim.tv_sec > kClockSeconds;
}

}  // namespace

ControlFile::ControlFile(const std::string& path, LiveControl* control)
    : generation_(ForkGeneration::AtBirth()),
      path_(ExpandProcessId(AbsolutePath(path))),
      control_(control) {
  control_->NameFile(path_);
  Look();
  try {
    ticker_ = std::make_unique<Ticker>(
        std::vector<Ticker::Task>{{kInterval, [this] { Look(); }}});
  } catch (const std::system_error& error) {
    control_->ReportError("control file " + path_ +
                          " is not watched: no thread can be started: " +
                          error.what() + "; raise the limit of threads");
  }
}

ControlFile::~ControlFile() {
  if (generation_ != ForkGeneration::Now()) {
    (void)ticker_.release();
  }
}

void ControlFile::Look() {
  struct stat now = {};
  if (stat(path_.c_str(), &now) != 0) {
    const Errno error = Errno::FromErrno(errno);
    seen_ = {};
    if (error.value() == ENOENT || error.value() == ENOTDIR) {
      control_->ReportMissing();
    } else {
      ReportUnreadable(error);
    }
    return;
  }
  if (settled_ && SameFile(now, seen_)) {
    return;
  }
  // Before the file is read: a later write makes it younger than this.
  const bool settled = ChangedLongAgo(now);
  const std::optional<std::string> text = Read(now);
  if (!text) {
    seen_ = {};
    return;
  }
  if (text != text_ || !SameFile(now, seen_)) {
    control_->ApplyFile(*text);
  }
  text_ = text;
  seen_ = now;
  settled_ = settled;
}

void ControlFile::ReportUnreadable(Errno error) {
  control_->ReportError("control file " + path_ +
                        " cannot be read: " + error.message() +
                        "; make it readable for the user of this process");
}

std::optional<std::string> ControlFile::Read(const struct stat& expected) {
  if (!S_ISREG(expected.st_mode) ||
      expected.st_size > static_cast<off_t>(kFileBytesMax)) {
    control_->ReportError("control file " + path_ +
                          " is no regular file of at most 64 KiB; write lines "
                          "name=value to it");
    return std::nullopt;
  }
  // Not blocked by a pipe that has taken its place.
  const FileDescriptor fd(
      open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  std::string text(static_cast<size_t>(expected.st_size), '\0');
  const ssize_t size =
      fd.valid() ? pread(fd.get(), &text[0], text.size(), 0) : -1;
  if (size < 0) {
    ReportUnreadable(Errno::FromErrno(errno));
    return std::nullopt;
  }
  // A writer that is at work now has not finished: the next look sees all.
  struct stat after = {};
  if (fstat(fd.get(), &after) != 0 || !SameFile(after, expected)) {
    return std::nullopt;
  }
  text.resize(static_cast<size_t>(size));
  return text;
}

}  // namespace rocksdb_uring
