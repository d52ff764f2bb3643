// The open(2) calls of all kinds of files, and what follows from their flags.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/file/open_file.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "env/base/debug_log.h"
#include "env/file/direct_alignment.h"
#include "env/file/io_status.h"
#include "env/file/iostats_timer.h"
#include "env/file/log_reuse.h"

namespace rocksdb_uring {

using rocksdb::IOStatus;

namespace {

// Seven bits to a byte, the lowest first, as RocksDB's EncodeVarint64.
char* AppendVarint(char* out, uint64_t value) {
  while (value >= 0x80) {
    *out++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *out++ = static_cast<char>(value);
  return out;
}

// Mode of files that RocksDB's default file system makes.
constexpr mode_t kFileMode = 0644;

Errno OpenRetried(const std::string& name, int flags, bool direct,
                  const rocksdb::FileOptions& options, FileDescriptor* result) {
  flags |= options.set_fd_cloexec ? O_CLOEXEC : 0;
  flags |= direct ? O_DIRECT : 0;
  int fd = -1;
  IoStatsTimer timer(&rocksdb::IOStatsContext::open_nanos);
  do {
    fd = open(name.c_str(), flags, kFileMode);
  } while (fd < 0 && errno == EINTR);
  *result = FileDescriptor(fd);
  return Errno::FromErrno(fd < 0 ? errno : 0);
}

std::shared_ptr<OpenFile> MakeOpenFile(const std::string& name,
                                       FileDescriptor fd, bool direct,
                                       const FileContext& context) {
  auto file = std::make_shared<OpenFile>();
  file->name = name;
  file->fd = std::move(fd);
  file->kind = ClassifyFile(name);
  file->alignment = direct ? DirectAlignment(file->fd.get()) : 0;
  file->policy = context.policy;
  file->hundredth = HundredthOf(name);
  file->write_out_bytes = context.write_out_bytes;
  file->engine = context.engine;
  if (DebugLogEnabled()) {
    DebugLog("open %s as %d, alignment %u", name.c_str(), file->fd.get(),
             file->alignment);
  }
  return file;
}

}  // namespace

IOStatus OpenForReading(const std::string& name,
                        const rocksdb::FileOptions& options,
                        const std::string& what, const FileContext& context,
                        std::shared_ptr<const OpenFile>* result) {
  const bool direct = options.use_direct_reads && !options.use_mmap_reads;
  FileDescriptor fd;
  const Errno error = OpenRetried(name, O_RDONLY, direct, options, &fd);
  if (!error.ok()) {
    return MakeIOStatus(what, name, error);
  }
  std::shared_ptr<OpenFile> file =
      MakeOpenFile(name, std::move(fd), direct, context);
  file->polls = direct && context.engine->PollsDevice(file->fd.get());
  *result = std::move(file);
  return IOStatus::OK();
}

IOStatus OpenForWriting(const std::string& name,
                        const rocksdb::FileOptions& options,
                        ExistingFile existing, const FileContext& context,
                        std::shared_ptr<OpenFile>* result) {
  const int flags =
      O_WRONLY | O_CREAT | (existing == ExistingFile::kTruncate ? O_TRUNC : 0);
  FileDescriptor fd;
  const Errno error =
      OpenRetried(name, flags, options.use_direct_writes, options, &fd);
  if (!error.ok()) {
    return MakeIOStatus("While open a file for appending", name, error);
  }
  *result =
      MakeOpenFile(name, std::move(fd), options.use_direct_writes, context);
  return IOStatus::OK();
}

IOStatus OpenForReuse(const std::string& name, const std::string& old_name,
                      const rocksdb::FileOptions& options,
                      const FileContext& context,
                      std::shared_ptr<OpenFile>* result) {
  // Opened before it is renamed: if that fails, the log still has its name. Not
  // truncated: its blocks are the reason to reuse it.
  FileDescriptor fd;
  const Errno error =
      OpenRetried(old_name, O_WRONLY, options.use_direct_writes, options, &fd);
  if (!error.ok()) {
    return MakeIOStatus("while reopen file for write", name, error);
  }
  // The old writer may close the log at this moment. It cuts off preallocated
  // space either before the rename, when this writer has written nothing, or
  // never: TrimPreallocation leaves a log with another name as it is.
  int renamed = 0;
  {
    const LogReuseLock lock(fd.get());
    renamed = rename(old_name.c_str(), name.c_str()) == 0 ? 0 : errno;
  }
  if (renamed != 0) {
    return MakeIOStatus("while rename file to " + name, old_name,
                        Errno::FromErrno(renamed));
  }
  *result =
      MakeOpenFile(name, std::move(fd), options.use_direct_writes, context);
  return IOStatus::OK();
}

IOStatus OpenForReadingAndWriting(const std::string& name,
                                  const rocksdb::FileOptions& options,
                                  const FileContext& context,
                                  std::shared_ptr<OpenFile>* result) {
  FileDescriptor fd;
  const Errno error = OpenRetried(name, O_RDWR, /*direct=*/false, options, &fd);
  if (!error.ok()) {
    return MakeIOStatus("While open file for random read/write", name, error);
  }
  *result = MakeOpenFile(name, std::move(fd), /*direct=*/false, context);
  return IOStatus::OK();
}

IOStatus OpenToSync(const std::string& name, const std::string& what,
                    const FileContext& context,
                    std::shared_ptr<OpenFile>* result) {
  FileDescriptor fd;
  const Errno error = OpenRetried(name, O_RDONLY, /*direct=*/false,
                                  rocksdb::FileOptions(), &fd);
  if (!error.ok()) {
    return MakeIOStatus(what, name, error);
  }
  *result = MakeOpenFile(name, std::move(fd), /*direct=*/false, context);
  return IOStatus::OK();
}

size_t GetUniqueIdOf(int fd, char* id, size_t max_size) {
  constexpr size_t kVarintBytesMax = 10;
  if (max_size < 3 * kVarintBytesMax) {
    return 0;
  }
  struct stat attributes = {};
  // The kernel writes an int, whatever the request's type says; the default
  // file system hands it a long that was set to zero.
  long generation = 0;
  if (fstat(fd, &attributes) != 0 ||
      ioctl(fd, FS_IOC_GETVERSION, &generation) == -1) {
    return 0;
  }
  char* end = AppendVarint(id, attributes.st_dev);
  end = AppendVarint(end, attributes.st_ino);
  end = AppendVarint(end, static_cast<uint64_t>(generation));
  return static_cast<size_t>(end - id);
}

}  // namespace rocksdb_uring
