// The server of FuseFilesystem: forwards requests to a backing directory; the
// control block decides about each sync.
//
// usage: fuse_test_server BACKING MOUNT_POINT CONTROL PARENT
//
// Prints "mounted", or the reason why it is not, and closes its standard
// output. Ends with the unmount, or with PARENT, its parent.
//
// SPDX-License-Identifier: Apache-2.0
#define FUSE_USE_VERSION 35
#include <dirent.h>
#include <fcntl.h>
#include <fuse.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tests/faults/fuse/fuse_control.h"

namespace rocksdb_uring {
namespace {

// The last resort against a stalled request, whose caller cannot be killed:
// when the server is gone, the kernel fails all requests.
constexpr unsigned kLifetimeSeconds = 900;

// Set before the first request.
int backing = -1;
FuseControl* control = nullptr;

// The kernel's paths start at the mount point, with a slash.
const char* Relative(const char* path) {
  return path[1] == '\0' ? "." : path + 1;
}

int Descriptor(const fuse_file_info* info) {
  return static_cast<int>(info->fh);
}

int Answer(int result) { return result < 0 ? -errno : result; }

int AnswerOpen(int fd, fuse_file_info* info) {
  if (fd < 0) {
    return -errno;
  }
  info->fh = static_cast<uint64_t>(fd);
  return 0;
}

// Buffers of this process are not aligned for direct I/O, and the kernel has
// already turned appends into writes at an offset.
int BackingFlags(const fuse_file_info* info) {
  return (info->flags & ~(O_DIRECT | O_APPEND)) | O_CLOEXEC;
}

int GetAttributes(const char* path, struct stat* attributes,
                  fuse_file_info* info) {
  return Answer(info != nullptr ? fstat(Descriptor(info), attributes)
                                : fstatat(backing, Relative(path), attributes,
                                          AT_SYMLINK_NOFOLLOW));
}

int Create(const char* path, mode_t mode, fuse_file_info* info) {
  return AnswerOpen(
      openat(backing, Relative(path), BackingFlags(info) | O_CREAT, mode),
      info);
}

int Open(const char* path, fuse_file_info* info) {
  return AnswerOpen(openat(backing, Relative(path), BackingFlags(info)), info);
}

int OpenDirectory(const char* path, fuse_file_info* info) {
  return AnswerOpen(
      openat(backing, Relative(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC),
      info);
}

int Release(const char* /*path*/, fuse_file_info* info) {
  return Answer(close(Descriptor(info)));
}

// One for each close() of a descriptor.
int Flush(const char* /*path*/, fuse_file_info* info) {
  return Answer(close(dup(Descriptor(info))));
}

int Read(const char* /*path*/, char* buffer, size_t size, off_t offset,
         fuse_file_info* info) {
  control->BeforeRead([] { return fuse_interrupted() != 0; });
  return Answer(
      static_cast<int>(pread(Descriptor(info), buffer, size, offset)));
}

int Write(const char* /*path*/, const char* buffer, size_t size, off_t offset,
          fuse_file_info* info) {
  return Answer(
      static_cast<int>(pwrite(Descriptor(info), buffer, size, offset)));
}

// The backing directory is not synced, which saves time: it is removed at the
// end of the test.
int Sync(const char* /*path*/, int datasync, fuse_file_info* /*info*/) {
  return -control->Before(datasync != 0 ? FuseRequest::kFdatasync
                                        : FuseRequest::kFsync);
}

int SyncDirectory(const char* /*path*/, int /*datasync*/,
                  fuse_file_info* /*info*/) {
  return -control->Before(FuseRequest::kFsyncdir);
}

int Truncate(const char* path, off_t size, fuse_file_info* info) {
  if (info != nullptr) {
    return Answer(ftruncate(Descriptor(info), size));
  }
  const int fd = openat(backing, Relative(path), O_WRONLY | O_CLOEXEC);
  if (fd < 0) {
    return -errno;
  }
  const int answer = Answer(ftruncate(fd, size));
  close(fd);
  return answer;
}

int Allocate(const char* /*path*/, int mode, off_t offset, off_t length,
             fuse_file_info* info) {
  return Answer(fallocate(Descriptor(info), mode, offset, length));
}

int ReadDirectory(const char* /*path*/, void* buffer, fuse_fill_dir_t fill,
                  off_t /*offset*/, fuse_file_info* info,
                  fuse_readdir_flags /*flags*/) {
  // A new descriptor, because closedir() closes it and readdir() moves it.
  const int fd =
      openat(Descriptor(info), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* const directory = fd < 0 ? nullptr : fdopendir(fd);
  if (directory == nullptr) {
    return -errno;
  }
  while (const dirent* const entry = readdir(directory)) {
    struct stat attributes = {};
    attributes.st_ino = entry->d_ino;
    attributes.st_mode = DTTOIF(entry->d_type);
    fill(buffer, entry->d_name, &attributes, 0, fuse_fill_dir_flags());
  }
  closedir(directory);
  return 0;
}

int MakeDirectory(const char* path, mode_t mode) {
  return Answer(mkdirat(backing, Relative(path), mode));
}

int RemoveDirectory(const char* path) {
  return Answer(unlinkat(backing, Relative(path), AT_REMOVEDIR));
}

int Unlink(const char* path) {
  return Answer(unlinkat(backing, Relative(path), 0));
}

int Rename(const char* from, const char* to, unsigned flags) {
  return Answer(
      renameat2(backing, Relative(from), backing, Relative(to), flags));
}

int Link(const char* from, const char* to) {
  return Answer(linkat(backing, Relative(from), backing, Relative(to), 0));
}

int StatFilesystem(const char* /*path*/, struct statvfs* attributes) {
  return Answer(fstatvfs(backing, attributes));
}

void* Initialise(fuse_conn_info* /*connection*/, fuse_config* config) {
  config->use_ino = 1;
  // Unlinked files can still be used, because requests of open files come with
  // the descriptor. The exception is fstat(), which fails with ENOENT.
  config->hard_remove = 1;
  config->nullpath_ok = 1;
  // libfuse gives each hard link its own node, so attributes that the kernel
  // caches by node would be wrong after a change through another link.
  config->attr_timeout = 0;
  return nullptr;
}

fuse_operations Operations() {
  fuse_operations operations = {};
  operations.init = Initialise;
  operations.getattr = GetAttributes;
  operations.create = Create;
  operations.open = Open;
  operations.opendir = OpenDirectory;
  operations.release = Release;
  operations.releasedir = Release;
  operations.flush = Flush;
  operations.read = Read;
  operations.write = Write;
  operations.fsync = Sync;
  operations.fsyncdir = SyncDirectory;
  operations.truncate = Truncate;
  operations.fallocate = Allocate;
  operations.readdir = ReadDirectory;
  operations.mkdir = MakeDirectory;
  operations.rmdir = RemoveDirectory;
  operations.unlink = Unlink;
  operations.rename = Rename;
  operations.link = Link;
  operations.statfs = StatFilesystem;
  return operations;
}

int Failed(const char* what) {
  printf("%s: %s", what, strerror(errno));
  return 1;
}

int Serve(const char* mount_point) {
  char name[] = "fuse_test_server";
  char* arguments[] = {name, nullptr};
  fuse_args args = FUSE_ARGS_INIT(1, arguments);
  const fuse_operations operations = Operations();
  fuse* const filesystem =
      fuse_new(&args, &operations, sizeof(operations), nullptr);
  if (filesystem == nullptr || fuse_mount(filesystem, mount_point) != 0) {
    return Failed("FUSE refuses the mount, as it does without root");
  }
  printf("mounted");
  fclose(stdout);
  fuse_loop_config config = {};
  // libfuse starts threads on demand, and keeps ten idle ones.
  config.max_idle_threads = 10;
  return fuse_loop_mt(filesystem, &config);
}

int Main(char** argv) {
  alarm(kLifetimeSeconds);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != atoi(argv[4])) {
    return 1;
  }
  // The kernel has already applied the caller's umask.
  umask(0);
  backing = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (backing < 0) {
    return Failed(argv[1]);
  }
  control = OpenFuseControl(argv[3]);
  return control == nullptr ? Failed(argv[3]) : Serve(argv[2]);
}

}  // namespace
}  // namespace rocksdb_uring

int main(int argc, char** argv) {
  return argc == 5 ? rocksdb_uring::Main(argv) : 2;
}
