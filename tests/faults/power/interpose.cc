// libc's functions that change files, defined by the test program itself: the
// dynamic linker prefers them for every library of the process, so that the
// recorder sees each call before libc does.
//
// posix_fallocate, as libc has it, falls back to writes of its own that nobody
// sees; it reaches them only where fallocate(2) is not supported.
//
// SPDX-License-Identifier: Apache-2.0

// The headers must declare the functions and define none of them.
#undef _FORTIFY_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdlib>

#include "tests/faults/power/recorder.h"
#include "tests/support/engine/interposed.h"

namespace rocksdb_uring {
namespace {

// `return` for int functions.
int Int(int64_t result) { return static_cast<int>(result); }

// Only these open with a mode.
mode_t ModeOf(int flags, va_list arguments) {
  const bool has_mode = (flags & (O_CREAT | __O_TMPFILE)) != 0;
  return has_mode ? va_arg(arguments, mode_t) : 0;
}

int OpenAt(int directory, const char* path, int flags, mode_t mode) {
  static auto* const next = Next<int(int, const char*, int, mode_t)>("openat");
  return Int(Recorder::Instance()->Open(directory, path, flags, [&] {
    return next(directory, path, flags, mode);
  }));
}

ssize_t Pwritev2(int fd, const iovec* iov, int count, off_t offset, int flags) {
  static auto* const next =
      Next<ssize_t(int, const iovec*, int, off_t, int)>("pwritev2");
  if ((flags & (RWF_DSYNC | RWF_SYNC)) != 0) {
    // The model knows no write that is its own barrier.
    fprintf(stderr, "pwritev2 with RWF_SYNC or RWF_DSYNC is not recorded\n");
    abort();
  }
  return Recorder::Instance()->Write(fd, iov, count, offset, [&] {
    return next(fd, iov, count, offset, flags);
  });
}

ssize_t Pwrite(int fd, const void* data, size_t size, off_t offset) {
  static auto* const next =
      Next<ssize_t(int, const void*, size_t, off_t)>("pwrite");
  const iovec iov = {const_cast<void*>(data), size};
  return Recorder::Instance()->Write(
      fd, &iov, 1, offset, [&] { return next(fd, data, size, offset); });
}

int Ftruncate(int fd, off_t size) {
  static auto* const next = Next<int(int, off_t)>("ftruncate");
  return Int(Recorder::Instance()->Truncate(fd, static_cast<uint64_t>(size),
                                            [&] { return next(fd, size); }));
}

int Truncate(const char* path, off_t size) {
  static auto* const next = Next<int(const char*, off_t)>("truncate");
  return Int(Recorder::Instance()->TruncatePath(
      path, static_cast<uint64_t>(size), [&] { return next(path, size); }));
}

int Fallocate(int fd, int mode, off_t offset, off_t length) {
  static auto* const next = Next<int(int, int, off_t, off_t)>("fallocate");
  return Int(Recorder::Instance()->Allocate(
      fd, static_cast<uint32_t>(mode), static_cast<uint64_t>(offset),
      static_cast<uint64_t>(length),
      [&] { return next(fd, mode, offset, length); }));
}

// Returns its error.
int PosixFallocate(int fd, off_t offset, off_t length) {
  static auto* const next = Next<int(int, off_t, off_t)>("posix_fallocate");
  return Int(-Recorder::Instance()->Allocate(
      fd, 0, static_cast<uint64_t>(offset), static_cast<uint64_t>(length),
      [&] { return -next(fd, offset, length); }));
}

int RenameAt(int from_directory, const char* from, int to_directory,
             const char* to) {
  static auto* const next =
      Next<int(int, const char*, int, const char*)>("renameat");
  return Int(Recorder::Instance()->Rename(
      from_directory, from, to_directory, to,
      [&] { return next(from_directory, from, to_directory, to); }));
}

int LinkAt(int from_directory, const char* from, int to_directory,
           const char* to, int flags) {
  static auto* const next =
      Next<int(int, const char*, int, const char*, int)>("linkat");
  return Int(Recorder::Instance()->Link(
      from_directory, from, to_directory, to,
      [&] { return next(from_directory, from, to_directory, to, flags); }));
}

int UnlinkAt(int directory, const char* path, int flags) {
  static auto* const next = Next<int(int, const char*, int)>("unlinkat");
  const auto real = [&] { return next(directory, path, flags); };
  return Int((flags & AT_REMOVEDIR) != 0
                 ? Recorder::Instance()->RemoveDirectory(directory, path, real)
                 : Recorder::Instance()->Unlink(directory, path, real));
}

int MakeDirectoryAt(int directory, const char* path, mode_t mode) {
  static auto* const next = Next<int(int, const char*, mode_t)>("mkdirat");
  return Int(Recorder::Instance()->MakeDirectory(
      directory, path, [&] { return next(directory, path, mode); }));
}

}  // namespace
}  // namespace rocksdb_uring

using rocksdb_uring::Int;
using rocksdb_uring::LogOp;
using rocksdb_uring::Next;
using rocksdb_uring::Recorder;

extern "C" {

// Defines a function of open's kind with the arguments before `flags` in
// parentheses, and how it calls OpenAt.
#define INTERPOSE_OPEN(name, parameters, directory)              \
  INTERPOSED int name parameters {                               \
    va_list arguments;                                           \
    va_start(arguments, flags);                                  \
    const mode_t mode = rocksdb_uring::ModeOf(flags, arguments); \
    va_end(arguments);                                           \
    return rocksdb_uring::OpenAt(directory, path, flags, mode);  \
  }

INTERPOSE_OPEN(open, (const char* path, int flags, ...), AT_FDCWD)
INTERPOSE_OPEN(open64, (const char* path, int flags, ...), AT_FDCWD)
INTERPOSE_OPEN(openat, (int directory, const char* path, int flags, ...),
               directory)
INTERPOSE_OPEN(openat64, (int directory, const char* path, int flags, ...),
               directory)

INTERPOSED int creat(const char* path, mode_t mode) {
  return rocksdb_uring::OpenAt(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC,
                               mode);
}

INTERPOSED int close(int fd) {
  static auto* const next = Next<int(int)>("close");
  return Int(Recorder::Instance()->Close(fd, [&] { return next(fd); }));
}

// Sequential files of RocksDB's are closed by it.
INTERPOSED int fclose(FILE* file) {
  static auto* const next = Next<int(FILE*)>("fclose");
  const int fd = fileno(file);
  return Int(Recorder::Instance()->Close(fd, [&] { return next(file); }));
}

INTERPOSED ssize_t write(int fd, const void* data, size_t size) {
  static auto* const next = Next<ssize_t(int, const void*, size_t)>("write");
  const iovec iov = {const_cast<void*>(data), size};
  return Recorder::Instance()->Write(fd, &iov, 1, Recorder::kFilePosition,
                                     [&] { return next(fd, data, size); });
}

INTERPOSED ssize_t writev(int fd, const iovec* iov, int count) {
  static auto* const next = Next<ssize_t(int, const iovec*, int)>("writev");
  return Recorder::Instance()->Write(fd, iov, count, Recorder::kFilePosition,
                                     [&] { return next(fd, iov, count); });
}

INTERPOSED ssize_t pwrite(int fd, const void* data, size_t size, off_t offset) {
  return rocksdb_uring::Pwrite(fd, data, size, offset);
}

INTERPOSED ssize_t pwrite64(int fd, const void* data, size_t size,
                            off64_t offset) {
  return rocksdb_uring::Pwrite(fd, data, size, offset);
}

INTERPOSED ssize_t pwritev(int fd, const iovec* iov, int count, off_t offset) {
  return rocksdb_uring::Pwritev2(fd, iov, count, offset, 0);
}

INTERPOSED ssize_t pwritev64(int fd, const iovec* iov, int count,
                             off64_t offset) {
  return rocksdb_uring::Pwritev2(fd, iov, count, offset, 0);
}

INTERPOSED ssize_t pwritev2(int fd, const iovec* iov, int count, off_t offset,
                            int flags) {
  return rocksdb_uring::Pwritev2(fd, iov, count, offset, flags);
}

INTERPOSED ssize_t pwritev64v2(int fd, const iovec* iov, int count,
                               off64_t offset, int flags) {
  return rocksdb_uring::Pwritev2(fd, iov, count, offset, flags);
}

INTERPOSED int ftruncate(int fd, off_t size) noexcept {
  return rocksdb_uring::Ftruncate(fd, size);
}

INTERPOSED int ftruncate64(int fd, off64_t size) noexcept {
  return rocksdb_uring::Ftruncate(fd, size);
}

INTERPOSED int truncate(const char* path, off_t size) noexcept {
  return rocksdb_uring::Truncate(path, size);
}

INTERPOSED int truncate64(const char* path, off64_t size) noexcept {
  return rocksdb_uring::Truncate(path, size);
}

INTERPOSED int fallocate(int fd, int mode, off_t offset, off_t length) {
  return rocksdb_uring::Fallocate(fd, mode, offset, length);
}

INTERPOSED int fallocate64(int fd, int mode, off64_t offset, off64_t length) {
  return rocksdb_uring::Fallocate(fd, mode, offset, length);
}

INTERPOSED int posix_fallocate(int fd, off_t offset, off_t length) {
  return rocksdb_uring::PosixFallocate(fd, offset, length);
}

INTERPOSED int posix_fallocate64(int fd, off64_t offset, off64_t length) {
  return rocksdb_uring::PosixFallocate(fd, offset, length);
}

INTERPOSED int fsync(int fd) {
  static auto* const next = Next<int(int)>("fsync");
  return Int(
      Recorder::Instance()->Sync(fd, LogOp::kSync, [&] { return next(fd); }));
}

INTERPOSED int fdatasync(int fd) {
  static auto* const next = Next<int(int)>("fdatasync");
  return Int(Recorder::Instance()->Sync(fd, LogOp::kDataSync,
                                        [&] { return next(fd); }));
}

INTERPOSED int sync_file_range(int fd, off64_t offset, off64_t length,
                               unsigned flags) {
  static auto* const next =
      Next<int(int, off64_t, off64_t, unsigned)>("sync_file_range");
  return Int(Recorder::Instance()->Sync(
      fd, LogOp::kRangeSync, [&] { return next(fd, offset, length, flags); }));
}

INTERPOSED int rename(const char* from, const char* to) noexcept {
  return rocksdb_uring::RenameAt(AT_FDCWD, from, AT_FDCWD, to);
}

INTERPOSED int renameat(int from_directory, const char* from, int to_directory,
                        const char* to) noexcept {
  return rocksdb_uring::RenameAt(from_directory, from, to_directory, to);
}

INTERPOSED int link(const char* from, const char* to) noexcept {
  return rocksdb_uring::LinkAt(AT_FDCWD, from, AT_FDCWD, to, 0);
}

INTERPOSED int linkat(int from_directory, const char* from, int to_directory,
                      const char* to, int flags) noexcept {
  return rocksdb_uring::LinkAt(from_directory, from, to_directory, to, flags);
}

INTERPOSED int unlink(const char* path) noexcept {
  return rocksdb_uring::UnlinkAt(AT_FDCWD, path, 0);
}

INTERPOSED int unlinkat(int directory, const char* path, int flags) noexcept {
  return rocksdb_uring::UnlinkAt(directory, path, flags);
}

INTERPOSED int mkdir(const char* path, mode_t mode) noexcept {
  return rocksdb_uring::MakeDirectoryAt(AT_FDCWD, path, mode);
}

INTERPOSED int mkdirat(int directory, const char* path, mode_t mode) noexcept {
  return rocksdb_uring::MakeDirectoryAt(directory, path, mode);
}

INTERPOSED int rmdir(const char* path) noexcept {
  return rocksdb_uring::UnlinkAt(AT_FDCWD, path, AT_REMOVEDIR);
}

}  // extern "C"
