// A library to preload into RocksDB's test programs. It makes system calls on
// files that RocksDB writes fail, below the file system under test, so that the
// default file system and the plugin meet the same faults.
//
//   FAILING_CALLS=CALL:NAME:ERRNO:CALLS[:FILES]
//     CALL   one of
//              write            includes pwrite and pwritev
//              halfwrite        write or pwrite transfers half, and the next
//                               write to the file fails: a disk becomes full
//              sync             fsync and fdatasync
//              fsync, fdatasync, sync_file_range, ftruncate, fallocate
//     NAME   part of the file's name, directories excluded: .log, MANIFEST-
//     ERRNO  EIO, ENOSPC, EDQUOT or EROFS
//     CALLS  which calls on each file fail, counted from 1: 1, 2-4, or 3- for
//            all from the third
//     FILES  which files of that name have failing calls, in the order in which
//            the process opens them for writing; the default is 1-
//   FAILING_CALLS_COUNT=PATH
//            a file that gets one line for each call that failed
//
// Calls are counted for each open file, and nothing depends on time or on
// random numbers: a program that makes the same calls gets the same faults.
// Requests on rings bypass the C library and never fail here.
//
// SPDX-License-Identifier: Apache-2.0
#ifndef _GNU_SOURCE
#define _GNU_SOURCE  // RTLD_NEXT
#endif
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <string>

namespace {

// Numbers from `first` to `last`, counted from 1.
struct Range {
  unsigned first = 1;
  unsigned last = UINT32_MAX;

  bool Has(unsigned number) const { return first <= number && number <= last; }
};

struct Schedule {
  std::string call;
  std::string name;
  int error = 0;
  Range calls;
  Range files;
};

// Ends the process: a misread schedule would silently test nothing.
[[noreturn]] void Refuse(const char* text) {
  fprintf(stderr, "failing_calls: cannot use FAILING_CALLS=%s\n", text);
  _exit(99);
}

bool ParseRange(const char* text, Range* range) {
  char* end = nullptr;
  range->first = range->last = strtoul(text, &end, 10);
  if (end != text && *end == '-') {
    range->last = UINT32_MAX;
    const char* last = end + 1;
    if (*last != '\0') {
      range->last = strtoul(last, &end, 10);
    } else {
      ++end;
    }
  }
  return end != text && *end == '\0' && range->first > 0;
}

int ParseError(const char* text) {
  constexpr struct {
    const char* name;
    int number;
  } kErrors[] = {
      {"EIO", EIO}, {"ENOSPC", ENOSPC}, {"EDQUOT", EDQUOT}, {"EROFS", EROFS}};
  for (const auto& error : kErrors) {
    if (strcmp(text, error.name) == 0) {
      return error.number;
    }
  }
  return 0;
}

bool IsCall(const std::string& call) {
  for (const char* known : {"write", "halfwrite", "sync", "fdatasync", "fsync",
                            "sync_file_range", "ftruncate", "fallocate"}) {
    if (call == known) {
      return true;
    }
  }
  return false;
}

const Schedule* Parse(const char* text) {
  auto* schedule = new Schedule();
  char call[32];
  char name[64];
  char error[16];
  char calls[32];
  char files[32] = "1-";
  const int fields = sscanf(text, "%31[^:]:%63[^:]:%15[^:]:%31[^:]:%31[^:]",
                            call, name, error, calls, files);
  if (fields < 4) {
    Refuse(text);
  }
  schedule->call = call;
  schedule->name = name;
  schedule->error = ParseError(error);
  if (!IsCall(schedule->call) || schedule->error == 0 ||
      !ParseRange(calls, &schedule->calls) ||
      !ParseRange(files, &schedule->files)) {
    Refuse(text);
  }
  return schedule;
}

// Null if the environment has none. Never destroyed, because files are closed
// after the destructors of static objects.
const Schedule* TheSchedule() {
  static const char* const text = getenv("FAILING_CALLS");
  static const Schedule* const schedule =
      text == nullptr ? nullptr : Parse(text);
  return schedule;
}

// The C library's function with this name.
template <typename Function>
Function* Next(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

// More descriptors than any test program opens.
constexpr int kDescriptorsMax = 65536;

// By descriptor: the number of the next call on the file, or 0 if the schedule
// does not include the file.
std::atomic<int> next_call[kDescriptorsMax];

// By descriptor: whether the last write to the file wrote only half.
std::atomic<bool> halved[kDescriptorsMax];

std::atomic<unsigned> files_opened{0};

void Opened(const char* path, int flags, int fd) {
  const Schedule* const schedule = TheSchedule();
  if (fd < 0 || fd >= kDescriptorsMax) {
    return;
  }
  const char* const slash = strrchr(path, '/');
  const char* const name = slash == nullptr ? path : slash + 1;
  const bool matches = schedule != nullptr && (flags & O_ACCMODE) != O_RDONLY &&
                       strstr(name, schedule->name.c_str()) != nullptr &&
                       schedule->files.Has(++files_opened);
  next_call[fd] = matches ? 1 : 0;
  halved[fd] = false;
}

void Report(const char* call, int fd, int number) {
  static const char* const path = getenv("FAILING_CALLS_COUNT");
  static auto* const real_open = Next<int(const char*, int, ...)>("open");
  static auto* const real_write =
      Next<ssize_t(int, const void*, size_t)>("write");
  if (path == nullptr) {
    return;
  }
  // Without a buffer and with O_APPEND: lines of several processes stay whole,
  // and a crash loses none.
  static const int count =
      real_open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  char link[64];
  char file[4096];
  snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
  const ssize_t size = readlink(link, file, sizeof(file) - 1);
  file[size < 0 ? 0 : size] = '\0';
  const std::string line =
      std::string(call) + " " + std::to_string(number) + " " + file + "\n";
  if (real_write(count, line.data(), line.size()) !=
      static_cast<ssize_t>(line.size())) {
    perror("failing_calls: FAILING_CALLS_COUNT");
    _exit(99);
  }
}

// Whether this call fails; sets errno if so. `group` is the other name by which
// a schedule may select the call.
bool Fails(const char* call, const char* group, int fd) {
  if (fd < 0 || fd >= kDescriptorsMax || next_call[fd] == 0) {
    return false;
  }
  const Schedule& schedule = *TheSchedule();
  if (schedule.call != call && schedule.call != group) {
    return false;
  }
  const int number = next_call[fd]++;
  if (!schedule.calls.Has(number)) {
    return false;
  }
  Report(call, fd, number);
  errno = schedule.error;
  return true;
}

// The same for a write. If it does not fail, sets `size` to the number of bytes
// that it may transfer.
bool WriteFails(const char* call, int fd, size_t* size) {
  if (Fails(call, "write", fd)) {
    return true;
  }
  if (fd < 0 || fd >= kDescriptorsMax || next_call[fd] == 0 ||
      TheSchedule()->call != "halfwrite") {
    return false;
  }
  if (halved[fd].exchange(false)) {
    Report(call, fd, next_call[fd]);
    errno = TheSchedule()->error;
    return true;
  }
  if (TheSchedule()->calls.Has(next_call[fd]++)) {
    halved[fd] = true;
    *size = (*size + 1) / 2;
  }
  return false;
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  static auto* const real = Next<int(const char*, int, ...)>("open");
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode =
      (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  const int fd = real(path, flags, mode);
  const int error = errno;
  Opened(path, flags, fd);
  errno = error;
  return fd;
}

int close(int fd) {
  static auto* const real = Next<int(int)>("close");
  // Cleared first: another thread can get the number as soon as it is free.
  if (fd >= 0 && fd < kDescriptorsMax) {
    next_call[fd] = 0;
  }
  return real(fd);
}

ssize_t write(int fd, const void* data, size_t size) {
  static auto* const real = Next<decltype(write)>("write");
  return WriteFails("write", fd, &size) ? -1 : real(fd, data, size);
}

ssize_t pwrite(int fd, const void* data, size_t size, off_t offset) {
  static auto* const real = Next<decltype(pwrite)>("pwrite");
  return WriteFails("pwrite", fd, &size) ? -1 : real(fd, data, size, offset);
}

ssize_t pwritev(int fd, const iovec* iov, int count, off_t offset) {
  static auto* const real = Next<decltype(pwritev)>("pwritev");
  return Fails("pwritev", "write", fd) ? -1 : real(fd, iov, count, offset);
}

int fsync(int fd) {
  static auto* const real = Next<decltype(fsync)>("fsync");
  return Fails("fsync", "sync", fd) ? -1 : real(fd);
}

int fdatasync(int fd) {
  static auto* const real = Next<decltype(fdatasync)>("fdatasync");
  return Fails("fdatasync", "sync", fd) ? -1 : real(fd);
}

int sync_file_range(int fd, off64_t offset, off64_t length,
                    unsigned int flags) {
  static auto* const real = Next<decltype(sync_file_range)>("sync_file_range");
  // A call without flags does nothing. Both file systems detect support with
  // it, at different times: it does not count.
  return flags != 0 && Fails("sync_file_range", "sync_file_range", fd)
             ? -1
             : real(fd, offset, length, flags);
}

int ftruncate(int fd, off_t size) noexcept {
  static auto* const real = Next<decltype(ftruncate)>("ftruncate");
  return Fails("ftruncate", "ftruncate", fd) ? -1 : real(fd, size);
}

int fallocate(int fd, int mode, off_t offset, off_t length) {
  static auto* const real = Next<decltype(fallocate)>("fallocate");
  return Fails("fallocate", "fallocate", fd) ? -1
                                             : real(fd, mode, offset, length);
}

}  // extern "C"
